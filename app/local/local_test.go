package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a profile of the test's own. Its path is short, for the socket.
func place(t *testing.T) profile.Profile {
	t.Helper()
	dir, err := os.MkdirTemp("", "local")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return profile.Profile{Runtime: dir}
}

// serve runs a server for the test's life and returns its end.
func serve(t *testing.T, p profile.Profile, src *apptest.Source, adjust ...func(*Server)) (stop func()) {
	t.Helper()
	i, err := Claim(p)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(Options{Source: src})
	for _, f := range adjust {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, i) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
		if err := i.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func dial(t *testing.T, p profile.Profile) *Client {
	t.Helper()
	c, err := Dial(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestStateAndCommands(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{ZTA: session.ZTA{Title: "Protected"}})
	stop := serve(t, p, src)
	c, ctx := dial(t, p), t.Context()
	if info, err := os.Stat(p.Socket()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	s, err := c.State(ctx)
	if err != nil || s.ZTA.Title != "Protected" {
		t.Errorf("state %+v, %v", s, err)
	}
	want := []session.Command{
		session.SignIn{Password: "tränen & salz", Code: "123456"}, session.OpenApp{App: "wiki"},
		session.Answer{Prompt: "p", MFA: "1", Password: "2", Reason: "3"}, session.Quit{},
	}
	for _, cmd := range want {
		if err := c.Do(ctx, cmd); err != nil {
			t.Errorf("%T: %v", cmd, err)
		}
	}
	if diff := cmp.Diff(want, src.Commands()); diff != "" {
		t.Error(diff)
	}
	src.Answer = func(session.Command) error { return errors.New("wiki is blocked: it is late") }
	var problem *wire.Problem
	if err := c.Do(ctx, session.Retry{}); !errors.As(err, &problem) || problem.Title != "wiki is blocked: it is late" {
		t.Errorf("refusal: %v", err)
	}
	stop()
	if _, err := c.State(ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := Dial(p); !errors.Is(err, ErrNotRunning) {
		t.Errorf("dial after the end: %v", err)
	}
}

func TestWatchEndsWithTheInstance(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{Version: "a"})
	stop := serve(t, p, src)
	var got []string
	c := dial(t, p)
	early, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Gone(early); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is gone already: %v", err)
	}
	for s := range c.Watch(t.Context()) {
		got = append(got, s.Version)
		switch s.Version {
		case "a":
			src.Publish(session.State{Version: "b"})
		case "b":
			stop() // the server waits for no reader
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Error(diff)
	}
	if err := c.Gone(t.Context()); err != nil {
		t.Errorf("gone: %v", err)
	}
}

// A reader that has stopped reading holds up neither the others nor the end.
func TestSlowReader(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	big := session.State{Apps: []session.App{{Description: strings.Repeat("x", 1<<20)}}}
	src.Publish(big)
	stop := serve(t, p, src)
	slow, err := net.Dial("unix", p.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, "GET /states HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	c := dial(t, p)
	n := 0
	for s := range c.Watch(t.Context()) {
		if n++; n == 20 {
			break
		}
		big.Version = fmt.Sprint(s.Revision)
		src.Publish(big)
	}
	if err := c.Do(t.Context(), session.Retry{}); err != nil {
		t.Error(err)
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > drain+5*time.Second {
		t.Errorf("the end took %v", took)
	}
}

func TestOtherUsersAreRefused(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{})
	serve(t, p, src, func(s *Server) { s.uid++ })
	if s, err := dial(t, p).State(t.Context()); err == nil {
		t.Errorf("another user got %+v", s)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{})
	serve(t, p, src)
	var conns []net.Conn
	refused := false
	for range maxConns + 1 {
		c, err := net.Dial("unix", p.Socket())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	last := conns[maxConns]
	last.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := last.Read(make([]byte, 1)); err == io.EOF || errors.Is(err, syscall.ECONNRESET) {
		refused = true
	}
	if !refused {
		t.Error("one connection too many was let in")
	}
	for _, c := range conns {
		c.Close()
	}
	for end := time.Now().Add(30 * time.Second); ; {
		if c, err := Dial(p); err == nil {
			_, err = c.State(t.Context())
			c.Close()
			if err == nil {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("after they have gone there is still no room")
		}
	}
}

// A program that was updated beside a running instance is told what to do, and
// can always end it.
func TestAnotherVersionIsToldWhatToDo(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{})
	serve(t, p, src)
	c := dial(t, p)
	resp, err := c.request(t.Context(), http.MethodPost, pathCommands, strings.NewReader(`{"do":"sign-in","with":{"passkey":"CANARY"}}`))
	if err == nil {
		resp.Body.Close()
	}
	var problem *wire.Problem
	if !errors.As(err, &problem) || !strings.Contains(problem.Title, "tidegate quit") || strings.Contains(problem.Title, "CANARY") {
		t.Errorf("a command of a later version: %v", err)
	}
	if err := c.Do(t.Context(), session.Quit{}); err != nil {
		t.Errorf("quit: %v", err)
	}
}

// A session that has ended refuses no command: whoever starts next is to carry it out.
func TestASessionThatHasEnded(t *testing.T) {
	p, src := place(t), &apptest.Source{Answer: func(session.Command) error { return session.ErrEnded }}
	serve(t, p, src)
	err := dial(t, p).Do(t.Context(), session.ShowWindow{})
	var problem *wire.Problem
	if !errors.As(err, &problem) || problem.Code != wire.CodeOverload {
		t.Errorf("it says %#v", err)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	p, src := place(t), &apptest.Source{}
	src.Publish(session.State{})
	serve(t, p, src)
	c := dial(t, p)
	for _, tt := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"no such path", "GET", "/", "", 404},
		{"commands are posted", "GET", pathCommands, "", 405},
		{"states are read", "POST", pathStates, "", 405},
		{"nothing", "POST", pathCommands, "", 400},
		{"no JSON", "POST", pathCommands, "quit", 400},
		{"unknown command", "POST", pathCommands, `{"do":"format-disk"}`, 400},
		{"unknown member", "POST", pathCommands, `{"do":"quit","sudo":true}`, 400},
		{"two commands", "POST", pathCommands, `{"do":"quit"}{"do":"quit"}`, 400},
		{"too large", "POST", pathCommands, `{"do":"answer","with":{"reason":"` + strings.Repeat("x", maxCommand) + `"}}`, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, "http://tidegate"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
	if len(src.Commands()) != 0 {
		t.Errorf("commands came through: %v", src.Commands())
	}
}

func TestClaim(t *testing.T) {
	p := place(t)
	// What a killed instance leaves behind: its lock file and its socket.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.Socket(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if err := os.WriteFile(p.Lock(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(p); !errors.Is(err, ErrNotRunning) {
		t.Errorf("dial a dead socket: %v", err)
	}

	// Of many that start at once, one serves.
	const starts = 20
	var wg sync.WaitGroup
	results := make(chan *Instance, starts)
	for range starts {
		wg.Go(func() {
			i, err := Claim(p)
			if err != nil && !errors.Is(err, ErrRunning) {
				t.Error(err)
			}
			if i != nil {
				results <- i
			}
		})
	}
	wg.Wait()
	close(results)
	if len(results) != 1 {
		t.Fatalf("%d instances run", len(results))
	}
	for i := range results {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(p.Socket()); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	i, err := Claim(p)
	if err != nil {
		t.Fatalf("claim again: %v", err)
	}
	i.Close()
}

// A lock file that somebody has cleared away lets no second instance in: it would take
// the first one's socket from it.
func TestClaimWithoutTheLockFile(t *testing.T) {
	p := place(t)
	first, err := Claim(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.Lock()); err != nil {
		t.Fatal(err)
	}
	if second, err := Claim(p); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one: %v, %v", second, err)
	}
	if c, err := Dial(p); err != nil {
		t.Errorf("the first is not reached any more: %v", err)
	} else {
		c.Close()
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	third, err := Claim(p)
	if err != nil {
		t.Fatalf("when it has ended: %v", err)
	}
	third.Close()
}

// Whatever is posted is a command or refused, and what is taken reads back.
func FuzzCommands(f *testing.F) {
	for _, c := range []session.Command{session.Enrol{Link: "l"}, session.SignIn{Password: "p"}, session.Answer{Prompt: "x"},
		session.ShowWindow{Page: session.PageActivity, App: "a"}, session.Acknowledge{Code: "c"}, session.Pause{}, session.Quit{}} {
		b, err := session.EncodeCommand(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"do":"sign-in","with":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		src := &apptest.Source{}
		w := httptest.NewRecorder()
		NewServer(Options{Source: src}).commands(w, httptest.NewRequest("POST", pathCommands, bytes.NewReader(body)))
		cmds := src.Commands()
		if (w.Code == http.StatusOK) != (len(cmds) == 1) {
			t.Fatalf("status %d with %d commands", w.Code, len(cmds))
		}
		if len(cmds) == 0 {
			return
		}
		b, err := session.EncodeCommand(cmds[0])
		if err != nil {
			t.Fatal(err)
		}
		if again, err := session.DecodeCommand(b); err != nil || again != cmds[0] {
			t.Errorf("%#v reads back as %#v, %v", cmds[0], again, err)
		}
	})
}

// A stream that makes no sense ends the watching, and nothing else.
func FuzzStates(f *testing.F) {
	f.Add([]byte("event: state\ndata: {\"revision\":1}\n\n:\n\nevent: state\ndata: {}\n\n"))
	f.Add([]byte("event: state\ndata: {\"apps\":[{\"listen\":\"x\"}]}\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		n := 0
		readStates(bytes.NewReader(stream), func(session.State) bool { n++; return n < 3 })
		if n > 3 {
			t.Errorf("%d states after the reader had enough", n)
		}
	})
}
