//go:build linux

package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// accepts hands each accepted connection to serve, and closes it afterwards.
func accepts(t testing.TB, serve func(front.Conn)) func(context.Context, front.Offer) {
	return func(ctx context.Context, o front.Offer) {
		c, err := o.Accept()
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer context.AfterFunc(ctx, func() { c.SetLinger(0); c.Close() })()
		defer c.Close()
		serve(c)
	}
}

// truth answers each host as its name says.
func truth(t testing.TB, serve func(front.Conn)) func(context.Context, front.Offer) {
	return func(ctx context.Context, o front.Offer) {
		switch o.Target.Host {
		case "wiki.example":
			accepts(t, serve)(ctx, o)
		case "shut.example":
			o.Refuse(&wire.Problem{Code: wire.CodeAppRefused})
		case "away.example":
			o.Refuse(&wire.Problem{Code: wire.CodeAppUnreachable})
		default:
			o.Refuse(&wire.Problem{Code: wire.CodeDenied})
		}
	}
}

// listener gives an HTTP server the connections of a router.
type listener struct{ conns chan net.Conn }

func (l *listener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// watched is a connection whose Close is told.
type watched struct {
	front.Conn
	closed func()
}

func (w *watched) Close() error { defer w.closed(); return w.Conn.Close() }

func TestCurl(t *testing.T) {
	body := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{1}).Read(body)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
	mux.HandleFunc("PUT /file", func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		io.Copy(h, r.Body)
		fmt.Fprintf(w, "%s %x", r.Host, h.Sum(nil))
	})
	l := &listener{make(chan net.Conn)}
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	defer close(l.conns)
	start(t, &router{carry: truth(t, func(c front.Conn) {
		over := make(chan struct{})
		l.conns <- &watched{c, sync.OnceFunc(func() { close(over) })}
		<-over
	})}, nil)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses(1) {
		t.Run(a.String(), func(t *testing.T) {
			curl := func(arg ...string) []byte {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "--max-time", "60", "--resolve",
					"wiki.example:80:[" + a.String() + "]", "http://wiki.example/file"}, arg...)...)
				cmd.Stderr = os.Stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("curl: %v", err)
				}
				return out
			}
			if got := curl(); !bytes.Equal(got, body) {
				t.Errorf("got %d bytes, and not those that were sent", len(got))
			}
			if got, want := string(curl("-T", file)), fmt.Sprintf("wiki.example %x", sha256.Sum256(body)); got != want {
				t.Errorf("put: %q, want %q", got, want)
			}
		})
	}
}

func TestConnectTellsTheTruth(t *testing.T) {
	r := &router{carry: truth(t, func(c front.Conn) { io.WriteString(c, "hello") })}
	start(t, r, nil)
	for _, tt := range []struct {
		name string
		host byte
		want error
	}{
		{"accepted", 1, nil},
		{"refused by the application", 2, syscall.ECONNREFUSED},
		{"not reached", 3, syscall.EHOSTUNREACH},
		{"denied", 4, syscall.ECONNREFUSED},
		{"nobody's address", 77, syscall.EHOSTUNREACH},
	} {
		for _, a := range addresses(tt.host) {
			t.Run(tt.name+" "+a.String(), func(t *testing.T) {
				c, err := net.DialTimeout("tcp", netip.AddrPortFrom(a, 22).String(), wait)
				if !errors.Is(err, tt.want) {
					t.Fatalf("connect: %v, want %v", err, tt.want)
				}
				if err == nil {
					defer c.Close()
					if b, err := io.ReadAll(c); string(b) != "hello" || err != nil {
						t.Errorf("read %q, %v", b, err)
					}
				}
			})
		}
	}
	for _, target := range r.calls() {
		if target.Protocol != wire.TCP || target.Port != 22 {
			t.Errorf("the router was asked for %+v", target)
		}
	}
	if c, err := net.DialTimeout("tcp", "100.96.9.9:443", wait); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("an address that is covered: %v, %v", c, err)
	}
	calls := r.calls()
	if diff := cmp.Diff(front.Target{Host: "100.96.9.9", Port: 443, Protocol: wire.TCP}, calls[len(calls)-1]); diff != "" {
		t.Error(diff)
	}
	if len(calls) != 2*4+1 {
		t.Errorf("the router was asked %d times: %v", len(calls), calls)
	}
}

func TestNetcatIsRefused(t *testing.T) {
	start(t, &router{}, nil)
	out, err := exec.CommandContext(t.Context(), "nc", "-nvz", "-w", "30", addresses(2)[0].String(), "22").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("Connection refused")) {
		t.Errorf("nc: %v: %s", err, out)
	}
}

// A SYN is not answered before the router does, and one whose program has gone
// is no connection.
func TestTheHandshakeWaits(t *testing.T) {
	offers := make(chan front.Offer)
	done := make(chan struct{})
	start(t, &router{carry: func(ctx context.Context, o front.Offer) {
		offers <- o
		<-done
	}}, nil)
	defer close(done)
	address := netip.AddrPortFrom(addresses(1)[0], 80).String()

	dialed := make(chan error, 1)
	go func() {
		c, err := net.DialTimeout("tcp", address, wait)
		if err == nil {
			c.Close()
		}
		dialed <- err
	}()
	o := <-offers
	select {
	case err := <-dialed:
		t.Fatalf("connected before it was accepted: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	c, err := o.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	if _, err := o.Accept(); err == nil {
		t.Error("it is accepted twice")
	}

	if _, err := net.DialTimeout("tcp", address, 50*time.Millisecond); err == nil {
		t.Fatal("connected before it was accepted")
	}
	if c, err := (<-offers).Accept(); err == nil {
		t.Errorf("accepted a program that has gone: %v", c)
	}
}

func TestEndsOfAConnection(t *testing.T) {
	conns := make(chan front.Conn)
	done := make(chan struct{})
	start(t, &router{carry: func(ctx context.Context, o front.Offer) {
		c, err := o.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		conns <- c
		<-done
	}}, nil)
	defer close(done)
	connect := func(t *testing.T) (*net.TCPConn, front.Conn) {
		t.Helper()
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(addresses(1)[1], 80).String(), wait)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(wait))
		t.Cleanup(func() { c.Close() })
		app := <-conns
		app.SetDeadline(time.Now().Add(wait))
		t.Cleanup(func() { app.Close() })
		return c.(*net.TCPConn), app
	}
	t.Run("half-closed by the program", func(t *testing.T) {
		c, app := connect(t)
		io.WriteString(c, "question")
		c.CloseWrite()
		if b, err := io.ReadAll(app); string(b) != "question" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		io.WriteString(app, "answer")
		app.Close()
		if b, err := io.ReadAll(c); string(b) != "answer" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
	t.Run("half-closed by the application", func(t *testing.T) {
		c, app := connect(t)
		io.WriteString(app, "banner")
		app.CloseWrite()
		if b, err := io.ReadAll(c); string(b) != "banner" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		io.WriteString(c, "still here")
		c.Close()
		if b, err := io.ReadAll(app); string(b) != "still here" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
	t.Run("reset by the application", func(t *testing.T) {
		c, app := connect(t)
		app.SetLinger(0)
		app.Close()
		if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
	})
	t.Run("reset by the program", func(t *testing.T) {
		c, app := connect(t)
		c.SetLinger(0)
		c.Close()
		if b, err := io.ReadAll(app); err == nil {
			t.Errorf("read %q and no error", b)
		}
	})
}

// What is beyond the bounds waits, or is refused; and all goes on afterwards.
func TestBoundsOfStreams(t *testing.T) {
	const held, streams, dials = 3, 6, 20
	gate := make(chan struct{})
	var mu sync.Mutex
	var now, most int
	r := &router{}
	r.carry = func(ctx context.Context, o front.Offer) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		<-gate
		c, err := o.Accept()
		mu.Lock()
		now--
		mu.Unlock()
		if err == nil {
			io.WriteString(c, "hello")
			c.Close()
		}
	}
	start(t, r, func(o *Options) { o.Held, o.Streams = held, streams })
	results := make(chan error, dials)
	for range dials {
		go func() {
			c, err := net.DialTimeout("tcp", netip.AddrPortFrom(addresses(1)[0], 80).String(), wait)
			if err == nil {
				_, err = io.ReadAll(c)
				c.Close()
			}
			results <- err
		}()
	}
	eventually(t, "the bound", func() bool { mu.Lock(); defer mu.Unlock(); return now == held })
	close(gate)
	served := 0
	for range dials {
		if err := <-results; err == nil {
			served++
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a connection beyond the bound: %v", err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if most > held || served < held {
		t.Errorf("%d waited at once, %d were served", most, served)
	}
}

func TestRunEndsWithWhatItCarries(t *testing.T) {
	stop := start(t, &router{carry: func(ctx context.Context, o front.Offer) {
		c, err := o.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.Copy(io.Discard, c) // does not heed ctx
	}}, nil)
	c, err := net.DialTimeout("tcp", netip.AddrPortFrom(addresses(1)[0], 80).String(), wait)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
}

// The end of the device is the end of the stack.
func TestTheDeviceGoes(t *testing.T) {
	f := device(t)
	ended := make(chan error, 1)
	go func() { ended <- New(Options{Device: f, Router: &router{}, Names: names{}}).Run(context.Background()) }()
	if _, err := net.DialTimeout("tcp", netip.AddrPortFrom(addresses(2)[0], 80).String(), wait); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatal(err)
	}
	if out, err := exec.Command("ip", "link", "del", "stack0").CombinedOutput(); err != nil {
		t.Fatalf("ip link del: %v: %s", err, out)
	}
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	case <-time.After(wait):
		t.Error("it does not end")
	}
}

// What is no TUN of the right kind is refused.
func TestNoDevice(t *testing.T) {
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if err := New(Options{Device: f, Router: &router{}}).Run(t.Context()); err == nil {
		t.Error("it runs")
	}
}
