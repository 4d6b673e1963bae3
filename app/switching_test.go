package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/session/control"
	"github.com/tidegate/tidegate/session/vault"
	"github.com/tidegate/tidegate/tunnel"
)

// secrets is a keychain in memory.
type secrets struct {
	mu    sync.Mutex
	items map[session.VaultItem][]byte
}

func (s *secrets) Get(_ context.Context, i session.VaultItem) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.items[i]; ok {
		return b, nil
	}
	return nil, session.ErrNoSecret
}

func (s *secrets) Set(_ context.Context, i session.VaultItem, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[i] = append([]byte(nil), b...)
	return nil
}

func (s *secrets) Delete(_ context.Context, i session.VaultItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, i)
	return nil
}

func (*secrets) Opened(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// organisation is a controller with its gateway, behind which is one application.
type organisation struct {
	*lab.Lab
	mu      sync.Mutex
	strange []string // lines that were for another's application
}

// dispatch is the application that both organisations have, by the same name.
const dispatch = "dispatch"

// found starts an organisation. Its application says name in answer to each line, and
// notes lines that do not begin with it.
func found(t *testing.T, name string) *organisation {
	t.Helper()
	o := &organisation{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var talks sync.WaitGroup
	t.Cleanup(func() { l.Close(); talks.Wait() })
	talks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talks.Go(func() {
				defer c.Close()
				for in := bufio.NewScanner(c); in.Scan(); {
					if line := in.Text(); line != "who" && line != name {
						o.mu.Lock()
						o.strange = append(o.strange, line)
						o.mu.Unlock()
					}
					if _, err := fmt.Fprintln(c, name); err != nil {
						return
					}
				}
			})
		}
	})
	c := lab.DefaultConfig()
	c.Organisation = name
	hosts := map[string]string{"dispatch.harbour.example:7001": l.Addr().String()}
	for _, h := range []string{"archive", "board", "crane", "dispatch", "ledger", "payroll", "wiki"} {
		hosts[h+".harbour.example"] = "127.0.0.1" // the system would be asked otherwise, for longer than the test takes
	}
	if o.Lab, err = lab.Start(t.Context(), lab.Options{Config: c, Dir: t.TempDir(), Hosts: hosts}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// A real client of two real controllers switches to and fro with connections open: each
// ends with its enrolment, and none ever speaks to the other's application.
func TestSwitchingBetweenControllers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	both := map[string]*organisation{"North": found(t, "North"), "South": found(t, "South")}
	// quic-go has a race of its own where a carrier begins in 0-RTT.
	plane := tunnel.New(tunnel.Options{Lane: "h2"})
	keys := &secrets{items: map[session.VaultItem][]byte{}}
	s := session.New(session.Options{Controller: &control.Controller{}, Dataplane: plane, Vault: keys, Records: vault.Records{Dir: t.TempDir()}})
	var parts sync.WaitGroup
	t.Cleanup(parts.Wait)
	running, end := context.WithCancel(ctx)
	t.Cleanup(end)
	parts.Go(func() { plane.Run(running, s.ReportDataplane) })
	parts.Go(func() {
		if err := s.Run(running); err != nil {
			t.Error(err)
		}
	})
	until := func(what string, is func(*session.State) bool) session.State {
		t.Helper()
		var last session.State
		for st := range s.Watch(ctx) {
			if last = st; is(&st) {
				return st
			}
		}
		t.Fatalf("not %s: %s, prompt %+v, problems %+v", what, last.Control.Phase, last.Prompt, last.Problems)
		return last
	}
	do := func(cmd session.Command) {
		t.Helper()
		if err := s.Do(ctx, cmd); err != nil {
			t.Fatalf("%T: %v", cmd, err)
		}
	}
	// ready returns the application's address once name is the active organisation.
	ready := func(name string) (at string) {
		t.Helper()
		until("ready at "+name, func(st *session.State) bool {
			for _, a := range st.Apps {
				if a.ID == dispatch && a.Listen.IsValid() && st.Enrolment.Name == name && st.ZTA.Allowed {
					at = a.Listen.String()
					return true
				}
			}
			return false
		})
		return at
	}
	devices := map[string]wire.DeviceID{}
	var addrs []string
	var open net.Conn
	for _, name := range []string{"North", "South"} {
		link, err := both[name].Link(ctx, "maya")
		if err != nil {
			t.Fatal(err)
		}
		if link.Name != name {
			t.Errorf("the link is %q's", link.Name)
		}
		do(session.Enrol{Link: session.Secret(link.String())})
		st := until("asked to sign in at "+name, func(st *session.State) bool {
			return st.Enrolment.Name == name && st.Prompt != nil && st.Prompt.Kind == session.PromptSignIn
		})
		devices[name] = st.Enrolment.Device
		if open != nil {
			closed(t, open)
		}
		do(session.SignIn{Password: "time-and-tide"})
		at := ready(name)
		addrs = append(addrs, at)
		open = talk(t, ctx, at, name)
	}
	// Somebody tries both applications all the time, whatever is active.
	trying := make(chan struct{})
	var tries sync.WaitGroup
	for _, addr := range addrs {
		tries.Go(func() {
			for {
				select {
				case <-trying:
					return
				default:
					pester(t, ctx, addr)
				}
			}
		})
	}
	for range 3 {
		for _, name := range []string{"North", "South"} {
			do(session.SwitchEnrolment{Device: devices[name]})
			closed(t, open)
			open = talk(t, ctx, ready(name), name)
		}
	}
	close(trying)
	tries.Wait()
	open.Close()
	for name, o := range both {
		o.mu.Lock()
		if len(o.strange) > 0 {
			t.Errorf("%s heard %q", name, o.strange)
		}
		o.mu.Unlock()
	}
}

// talk opens a connection, which is to end at name's application.
func talk(t *testing.T, ctx context.Context, addr, name string) net.Conn {
	t.Helper()
	var d net.Dialer
	for {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			fmt.Fprintln(c, "who")
			var line string
			if line, err = bufio.NewReader(c).ReadString('\n'); err == nil {
				if line = strings.TrimSpace(line); line != name {
					t.Errorf("%s answers in the place of %s", line, name)
				}
				return c
			}
			c.Close()
		}
		if ctx.Err() != nil { // a gateway that is not there yet refuses
			t.Fatalf("no connection to %s: %v", name, err)
		}
	}
}

// closed waits until a connection is reset.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	for b := make([]byte, 100); ; {
		if _, err := c.Read(b); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a connection outlives its enrolment")
		} else if err != nil {
			return
		}
		t.Error("a connection of before goes on")
	}
}

// pester opens a connection and talks until it ends: whoever answered first is who is
// spoken to all the time.
func pester(t *testing.T, ctx context.Context, addr string) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		time.Sleep(5 * time.Millisecond) // nobody listens just now: the others need the processor
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	in, say, first := bufio.NewReader(c), "who", ""
	for range 20 {
		if _, err := fmt.Fprintln(c, say); err != nil {
			return
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if say = strings.TrimSpace(line); first != "" && say != first {
			t.Errorf("a connection to %s went on with %s", first, say)
			return
		}
		first = say
	}
}
