package hook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve hears the command, in a folder with a short name.
func serve(t *testing.T, do func(context.Context, []string) error) *Server {
	t.Helper()
	base, err := os.MkdirTemp("", "hook")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	s, err := Listen(filepath.Join(base, "vpn"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(context.Background(), do)
	}()
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
	return s
}

func TestTell(t *testing.T) {
	told := make(chan []string, 1)
	s := serve(t, func(_ context.Context, env []string) error {
		told <- env
		return nil
	})
	env := append([]string{"HOME=/root", "reason=connect", "TUNDEV=tidev1", "SECRET=x", "VPNPID=7", "VPNGATEWAY=10.0.0.1", "CISCO_CSTP_OPTIONS=X-Cookie=secret", "CISCO_BANNER=hello", "INTERNAL_IP4_ADDRESS=a\nb"}, s.Env()...)
	if err := Tell(env); err != nil {
		t.Fatal(err)
	}
	want := []string{"reason=connect", "TUNDEV=tidev1", "VPNGATEWAY=10.0.0.1", "INTERNAL_IP4_ADDRESS=a\nb"}
	if heard := <-told; !slices.Equal(heard, want) {
		t.Errorf("heard %q", heard)
	}
}

func TestTellFails(t *testing.T) {
	var called atomic.Bool
	s := serve(t, func(context.Context, []string) error {
		called.Store(true)
		return errors.New("no")
	})
	if err := Tell(append(s.Env(), "reason=connect")); err == nil || !called.Load() {
		t.Errorf("a refusal is told as %v", err)
	}
	called.Store(false)
	for name, env := range map[string][]string{
		"by hand":         nil,
		"another token":   append(s.Env(), TokenEnv+"=guess"),
		"no token":        append(s.Env(), TokenEnv+"="),
		"no such socket":  append(s.Env(), SocketEnv+"=/nonexistent/hook"),
		"what is no word": append(s.Env(), SocketEnv+"="+os.TempDir()),
	} {
		if err := Tell(env); err == nil || called.Load() {
			t.Errorf("%s: %v", name, err)
		} else if strings.ContainsRune(err.Error(), '\n') || strings.Contains(err.Error(), s.token) {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// TestTellInTurn has one after another heard, and each told its own.
func TestTellInTurn(t *testing.T) {
	var in atomic.Int32
	s := serve(t, func(_ context.Context, env []string) error {
		if in.Add(1) != 1 {
			t.Error("two are heard at once")
		}
		defer in.Add(-1)
		runtime.Gosched()
		if slices.Contains(env, "reason=no") {
			return errors.New("no")
		}
		return nil
	})
	var all sync.WaitGroup
	for range waiting / 2 {
		for reason, want := range map[string]bool{"yes": true, "no": false} {
			all.Go(func() {
				if err := Tell(append(s.Env(), "reason="+reason)); (err == nil) != want {
					t.Errorf("%s: %v", reason, err)
				}
			})
		}
	}
	all.Wait()
}

// TestServerRefuses connects with what is no message, and with nothing.
func TestServerRefuses(t *testing.T) {
	s := serve(t, func(context.Context, []string) error {
		t.Error("it is heard")
		return nil
	})
	for _, said := range []string{"\n", "{}\n", "null\n", "[1]\n", `{"token":"","env":["reason=connect"]}` + "\n", "no end"} {
		c, err := net.Dial("unix", s.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, said)
		c.(*net.UnixConn).CloseWrite()
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Errorf("%q is answered with %q", said, b)
		}
		c.Close()
	}
	info, err := os.Stat(filepath.Dir(s.l.Addr().String()))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info.Mode(), err)
	}
}

// TestServerCloses ends while one is heard that takes long, and while one says nothing.
func TestServerCloses(t *testing.T) {
	in := make(chan struct{})
	s := serve(t, func(ctx context.Context, _ []string) error {
		close(in)
		<-ctx.Done()
		return ctx.Err()
	})
	silent, err := net.Dial("unix", s.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	told := make(chan error, 1)
	go func() { told <- Tell(append(s.Env(), "reason=connect")) }()
	<-in
	s.Close()
	select {
	case err := <-told:
		if err == nil {
			t.Error("it is done")
		}
	case <-time.After(30 * time.Second):
		t.Error("the command waits on")
	}
}

// TestPeer refuses another user, who has the token and got to the socket.
func TestPeer(t *testing.T) {
	s := serve(t, func(context.Context, []string) error {
		t.Error("it is heard")
		return nil
	})
	path := s.l.Addr().String()
	for _, p := range []string{filepath.Dir(filepath.Dir(path)), filepath.Dir(path), path} {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	b, _ := json.Marshal(message{Token: s.token, Env: []string{"reason=connect"}})
	got := make(chan string, 1)
	go func() { // on a thread of its own, which ends with it
		c, err := asNobody(path)
		if err != nil {
			got <- err.Error()
			return
		}
		defer c.Close()
		c.Write(append(b, '\n'))
		answer, _ := io.ReadAll(c)
		got <- string(answer)
	}()
	if answer := <-got; answer != "" {
		t.Errorf("it is answered with %q", answer)
	}
}

// asNobody connects as another user.
func asNobody(path string) (net.Conn, error) {
	runtime.LockOSThread()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); e != 0 {
		return nil, e
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "as nobody")
	defer f.Close()
	return net.FileConn(f)
}

// TestListen refuses a folder that is not the user's alone, and takes one over from
// who has ended.
func TestListen(t *testing.T) {
	base := t.TempDir()
	open := filepath.Join(base, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{open, link, filepath.Join(base, "none", "vpn")} {
		if s, err := Listen(dir, nil); err == nil {
			s.Close()
			t.Errorf("%s is taken", dir)
		}
	}
	first := filepath.Join(base, "vpn")
	for range 2 {
		s, err := Listen(first, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.l.SetUnlinkOnClose(false)
		s.Close()
	}
}
