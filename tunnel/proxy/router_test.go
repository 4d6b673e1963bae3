package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testRouter leads names to real sockets of this machine.
type testRouter struct {
	mu     sync.Mutex
	leads  map[front.Target]string        // where to
	says   map[front.Target]*wire.Problem // refused so
	hangs  map[front.Target]chan struct{} // never answered; closed when the program has gone
	opened map[front.Target]int
}

func newRouter() *testRouter {
	return &testRouter{leads: map[front.Target]string{}, says: map[front.Target]*wire.Problem{},
		hangs: map[front.Target]chan struct{}{}, opened: map[front.Target]int{}}
}

func (r *testRouter) lead(host string, port uint16, protocol wire.Protocol, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leads[front.Target{Host: host, Port: port, Protocol: protocol}] = addr
}

func (r *testRouter) count(t front.Target) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened[t]
}

func (r *testRouter) find(t front.Target) (addr string, p *wire.Problem, hang chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	addr, led := r.leads[t]
	p, said := r.says[t]
	hang, hung := r.hangs[t]
	return addr, p, hang, led || said || hung
}

func (r *testRouter) Covers(t front.Target) bool {
	_, _, _, ok := r.find(t)
	return ok
}

func (r *testRouter) Carry(ctx context.Context, o front.Offer) {
	addr, problem, hang, _ := r.find(o.Target)
	if hang != nil {
		<-ctx.Done()
		close(hang)
		o.Refuse(&wire.Problem{Code: wire.CodeInternal, Title: "late"})
		return
	}
	if problem != nil {
		o.Refuse(problem)
		return
	}
	app, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if errors.Is(err, syscall.ECONNREFUSED) {
		o.Refuse(&wire.Problem{Code: wire.CodeAppRefused, Status: 502, Title: "The application refused the connection"})
		return
	}
	if err != nil {
		o.Refuse(&wire.Problem{Code: wire.CodeAppUnreachable, Status: 502, Title: "The application cannot be reached", Detail: err.Error()})
		return
	}
	defer app.Close()
	r.mu.Lock()
	r.opened[o.Target]++
	r.mu.Unlock()
	c, err := o.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetLinger(0); c.Close(); app.Close() })()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(app, c)
		app.(*net.TCPConn).CloseWrite()
	}()
	if _, err := io.Copy(c, app); err != nil {
		c.SetLinger(0)
		c.Close()
	}
	c.CloseWrite()
	<-done
}

type testPackets struct{ net.Conn }

func (p testPackets) Send(b []byte) error { _, err := p.Write(b); return err }
func (p testPackets) Close()              { p.Conn.Close() }
func (p testPackets) Receive(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { p.SetReadDeadline(time.Unix(1, 0)) })()
	b := make([]byte, 64<<10)
	n, err := p.Read(b)
	return b[:n], err
}

func (r *testRouter) Packets(ctx context.Context, t front.Target) (front.Packets, error) {
	addr, problem, _, _ := r.find(t)
	if problem != nil {
		return nil, problem
	}
	c, err := net.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.opened[t]++
	r.mu.Unlock()
	return testPackets{c}, nil
}

func (r *testRouter) Echo(context.Context, front.Target, int) error { return errors.ErrUnsupported }

// start runs a proxy for the test's life.
func start(t *testing.T, r front.Router, adjust ...func(*Proxy)) *Proxy {
	t.Helper()
	p := New(Options{Router: r, Peer: func(net.Conn) error { return nil }, Profile: t.Name()})
	p.Apply(pacWanted)
	for _, f := range adjust {
		f(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if p.Addr().IsValid() {
			t.Error("it listens yet")
		}
	})
	<-p.Ready()
	return p
}

// origin runs a web server for the test's life, and returns its port.
func origin(t *testing.T, h http.HandlerFunc) (addr string, port uint16) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String(), uint16(l.Addr().(*net.TCPAddr).Port)
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// dialProxy connects to a proxy.
func dialProxy(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

func target(host string, port uint16) front.Target {
	return front.Target{Host: host, Port: port, Protocol: wire.TCP}
}

func portOf(p *Proxy) string { return strconv.Itoa(int(p.Addr().Port())) }
