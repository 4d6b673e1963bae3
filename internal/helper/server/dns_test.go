//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// part is a part for names that tells nobody.
type part struct {
	mu      sync.Mutex
	mode    osdns.Mode
	fail    error    // of Apply
	applied []string // what is so; nil: nothing
	vpn     *osdns.VPN
	refused int // so often ApplyVPN has failed
	opened  int
	stands  bool
	anew    func()
	news    func()
	onOpen  func()
}

func (p *part) Run(ctx context.Context, anew, news func()) error {
	p.mu.Lock()
	p.anew, p.news = anew, news
	p.mu.Unlock()
	anew()
	<-ctx.Done()
	return ctx.Err()
}

func (p *part) Open(context.Context) ([]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened++
	if p.onOpen != nil {
		p.onOpen()
	}
	return loopback()
}

// loopback are sockets as they are asked for, anywhere.
func loopback() ([]int, error) {
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer udp.Close()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // as the worker's
	tcp, err := plain.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer tcp.Close()
	var fds []int
	for _, f := range []interface{ File() (*os.File, error) }{udp.(*net.UDPConn), tcp.(*net.TCPListener)} {
		file, err := f.File()
		if err != nil {
			return nil, err
		}
		defer file.Close()
		again, err := sockets.Double([]int{int(file.Fd())})
		if err != nil {
			return nil, err
		}
		fds = append(fds, again...)
	}
	return fds, nil
}

func (p *part) Apply(ctx context.Context, domains []string, strict bool) (protocol.DNS, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(ctx.Err(), p.fail); err != nil {
		return protocol.DNS{}, err
	}
	p.applied = slices.Clone(domains)
	if len(domains) == 0 {
		return protocol.DNS{}, nil
	}
	return protocol.DNS{Mode: p.mode}, nil
}

func (p *part) ApplyVPN(ctx context.Context, v *osdns.VPN) (osdns.Mode, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(ctx.Err(), p.fail); err != nil {
		p.refused++
		return osdns.ModeNone, err
	}
	p.vpn = v
	if v == nil {
		return osdns.ModeNone, nil
	}
	return p.mode, nil
}

func (p *part) Stand(context.Context, []int) ([]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stands = true
	return nil, nil
}

func (p *part) Rest(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stands = false
	return nil
}

// set changes it.
func (p *part) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// is waits until it is so.
func (p *part) is(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		got := ok()
		p.mu.Unlock()
		if got {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// serving runs a server with a part for names, of this user alone, until it is
// ended.
func serving(t *testing.T, p *part, journal, more string) (h client.Helper, end func()) {
	t.Helper()
	c, err := Parse(good + more)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	session := fmt.Sprintf("UID=%d\nACTIVE=1\nREMOTE=0\nSTATE=active\nCLASS=user\nSEAT=seat0\n", os.Getuid())
	if err := os.WriteFile(filepath.Join(dir, "c1"), []byte(session), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Config: c, GID: -1, Journal: journal, Sessions: dir, Names: p})
	if err != nil {
		t.Fatal(err)
	}
	h.Socket = filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.Socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	end = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(end)
	return h, end
}

// What is new just when the sockets are given is told after them.
func TestNewsBeforeTheReply(t *testing.T) {
	p := &part{mode: osdns.ModeDirect}
	h, _ := serving(t, p, t.TempDir(), "")
	p.is(t, "the start", func() bool { return p.news != nil })
	p.set(func() { p.onOpen = p.news })
	for n := range 300 {
		d, err := h.OpenDNSSocket(t.Context())
		for end := time.Now().Add(time.Minute); errors.Is(err, &protocol.Refusal{Code: protocol.Busy}) && time.Now().Before(end); {
			d, err = h.OpenDNSSocket(t.Context()) // the last one's end is not noticed yet
		}
		if err != nil {
			t.Fatalf("after %d times: %v", n, err)
		}
		d.Close()
	}
}

// What could not be undone when a user has gone is tried again, and not done anew
// by the next helper.
func TestCloseFails(t *testing.T) {
	for _, how := range []string{"the same helper", "the next one"} {
		t.Run(how, func(t *testing.T) {
			p, journal := &part{mode: osdns.ModeDirect}, t.TempDir()
			h, end := serving(t, p, journal, "")
			d, err := h.OpenDNSSocket(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if _, err := h.ApplyDNS(t.Context(), []string{"corp.example"}, false); err != nil {
				t.Fatal(err)
			}
			p.set(func() { p.fail = errors.New("the disk is full") })
			if err := h.Close(t.Context()); err == nil {
				t.Error("it has not failed")
			}
			if how == "the next one" {
				end()
				p.set(func() { p.fail = nil })
				serving(t, p, journal, "")
			}
			p.set(func() { p.fail = nil })
			p.is(t, "that it is undone", func() bool { return len(p.applied) == 0 })
			if Answered(journal) {
				t.Error("the user's names are written down still")
			}
		})
	}
}

// The next helper has no more names than the administrator's list has by then.
func TestTheListIsAnother(t *testing.T) {
	p, journal := &part{mode: osdns.ModeDirect}, t.TempDir()
	h, end := serving(t, p, journal, "")
	d, err := h.OpenDNSSocket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := h.ApplyDNS(t.Context(), []string{"corp.example", "lab.example"}, false); err != nil {
		t.Fatal(err)
	}
	end()
	serving(t, p, journal, `domains = ["corp.example"]`)
	p.is(t, "that the list counts", func() bool { return slices.Equal(p.applied, []string{"corp.example"}) })
}

// Who answers for another user has sockets that only that user was given.
func TestSocketsOfAnother(t *testing.T) {
	p := &part{mode: osdns.ModeDirect}
	c, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Config: c, Journal: t.TempDir(), Names: p})
	if err != nil {
		t.Fatal(err)
	}
	use := func(uid uint32) (udp uint64, kept []int) {
		t.Helper()
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer sockets.CloseAll(pair[1:])
		f := os.NewFile(uintptr(pair[0]), "pair")
		defer f.Close()
		conn, err := net.FileConn(f)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		l, fds, refusal := s.openDNS(uid, conn.(*net.UnixConn))
		if refusal != nil {
			t.Fatal(refusal)
		}
		if _, refusal := s.applyDNS(uid, protocol.Request{Domains: []string{"corp.example"}}); refusal != nil {
			t.Fatal(refusal)
		}
		var stat unix.Stat_t
		if err := unix.Fstat(fds[0], &stat); err != nil {
			t.Fatal(err)
		}
		s.endDNS(l)
		return stat.Ino, fds
	}
	first, kept := use(1)
	defer sockets.CloseAll(kept)
	again, fds := use(1)
	sockets.CloseAll(fds)
	if again != first {
		t.Error("the user's next client has others: what came meanwhile is lost")
	}
	other, fds := use(2)
	defer sockets.CloseAll(fds)
	if other == first {
		t.Error("another user's client has sockets that the first may have kept")
	}
	var at unix.SockaddrInet4
	if sa, err := unix.Getsockname(kept[0]); err == nil {
		at = *sa.(*unix.SockaddrInet4)
	}
	if err := unix.Sendto(fds[0], []byte("who?"), 0, &at); err != nil {
		t.Fatal(err)
	}
	if n, _, err := unix.Recvfrom(kept[0], make([]byte, 10), unix.MSG_DONTWAIT); err == nil {
		t.Errorf("the first hears %d bytes", n)
	}
	if refusal := s.closeDNS(2); refusal != nil || p.stands || len(p.applied) > 0 {
		t.Errorf("after the end: %v, %+v", refusal, p)
	}
}

// Who has waited for another's turn is not refused for it.
func TestTheTurnIsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &part{}
		c, err := Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{Config: c, Journal: t.TempDir(), Names: p})
		if err != nil {
			t.Fatal(err)
		}
		began, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			s.turnOf(t.Context(), func(ctx context.Context) {
				close(began)
				<-ctx.Done()
				if !errors.Is(context.Cause(ctx), errSlow) {
					t.Error(context.Cause(ctx))
				}
			})
		}()
		<-began
		s.turnOf(t.Context(), func(ctx context.Context) {
			if ctx.Err() != nil {
				t.Error("its time is over before it begins")
			}
		})
		<-ended
	})
}
