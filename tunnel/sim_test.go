package tunnel

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/carrier"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// rtt is the round trip of the simulated path.
const rtt = 20 * time.Millisecond

// sim is a data plane and a gateway in virtual time: the real QUIC over a
// simulated network, the applications at both ends in memory.
type sim struct {
	*running
	t       *testing.T
	pki     *pki
	gw      *gateway
	packets atomic.Int64
	ours    atomic.Int64 // of them, the client's
	cut     atomic.Bool  // the network drops everything
	router  simnet.PerfectRouter
	mu2     sync.Mutex
	ports   int
	conns   chan appConn
	asleep  atomic.Int64 // for how long the machine has been
	lanes   bool         // there is HTTP/2 too
	noUDP   atomic.Bool  // the network drops datagrams
	severed atomic.Int64 // it drops those of client sockets up to this port
	tcp     tcpNet
	changes chan netwatch.Change
	pool    *names.Pool
}

// SendPacket and AddNode make sim the network's router.
func (s *sim) SendPacket(p simnet.Packet) error {
	s.packets.Add(1)
	if from, ok := p.From.(*net.UDPAddr); ok && !from.IP.Equal(gatewayIP) {
		s.ours.Add(1)
	}
	if !s.cut.Load() && !s.noUDP.Load() && !s.stale(p.From) && !s.stale(p.To) {
		s.router.SendPacket(p) // to nobody: dropped, as on a network
	}
	return nil
}

func (s *sim) stale(a net.Addr) bool {
	u, ok := a.(*net.UDPAddr)
	return ok && !u.IP.Equal(gatewayIP) && int64(u.Port) <= s.severed.Load()
}

// sever has nothing pass any more between client and gateway but on what is opened
// from now on; nobody is told.
func (s *sim) sever() {
	s.mu2.Lock()
	s.severed.Store(int64(1000 + s.ports))
	s.mu2.Unlock()
	s.tcp.sever()
}

func (s *sim) AddNode(addr net.Addr, r simnet.PacketReceiver) { s.router.AddNode(addr, r) }

// arrival keeps a node from being sent to before it has been started.
type arrival struct {
	*sim
	addr net.Addr
	node simnet.PacketReceiver
}

func (a *arrival) AddNode(addr net.Addr, r simnet.PacketReceiver) { a.addr, a.node = addr, r }

// endpoint makes a node of the network; each packet takes half an rtt to it.
func (s *sim) endpoint(ip net.IP, port int) net.PacketConn {
	a := &arrival{sim: s}
	n := &simnet.Simnet{Router: a}
	c := n.NewEndpoint(&net.UDPAddr{IP: ip, Port: port}, simnet.NodeBiDiLinkSettings{Latency: rtt / 2})
	n.Start()
	s.AddNode(a.addr, a.node)
	return &endpoint{SimConn: c, net: n}
}

// endpoint ends its link with its socket.
type endpoint struct {
	*simnet.SimConn
	net  *simnet.Simnet
	once sync.Once
}

func (e *endpoint) Close() error {
	e.once.Do(func() {
		e.SimConn.Close()
		go func() {
			time.Sleep(rtt) // what was sent last is under way
			e.net.Close()
		}()
	})
	return nil
}

// ReadFrom gives quic-go, which unblocks its reader by a deadline, the error
// that it knows.
func (e *endpoint) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := e.SimConn.ReadFrom(b)
	if err == simnet.ErrDeadlineExceeded {
		err = os.ErrDeadlineExceeded
	}
	return n, a, err
}

var gatewayIP = net.IPv4(10, 0, 0, 2).To4()

// inSim runs fn in a bubble of virtual time, on an application that echoes.
func inSim(t *testing.T, opt Options, fn func(t *testing.T, s *sim)) { inSimOf(t, opt, false, fn) }

// inLanes is inSim with HTTP/2 beside HTTP/3.
func inLanes(t *testing.T, opt Options, fn func(t *testing.T, s *sim)) { inSimOf(t, opt, true, fn) }

func inSimOf(t *testing.T, opt Options, lanes bool, fn func(t *testing.T, s *sim)) {
	p := newPKI(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, p, opt, lanes)
		fn(t, s)
		s.running.stop()
		s.gw.stop()
		time.Sleep(2 * rtt) // the links end
	})
}

// newSim starts a gateway and a client, in a bubble.
func newSim(t *testing.T, p *pki, opt Options, lanes bool) *sim {
	s := &sim{t: t, pki: p, conns: make(chan appConn), lanes: lanes, changes: make(chan netwatch.Change)}
	opt.Watch = s.watch
	s.gw = s.gatewayAt(gatewayIP)
	s.start(opt)
	s.Apply(config(p, "10.0.0.2:443", "app.internal", 80))
	synctest.Wait()
	return s
}

// watch is Options.Watch.
func (s *sim) watch(ctx context.Context, changed func(netwatch.Change)) error {
	for {
		select {
		case c := <-s.changes:
			changed(c)
		case <-ctx.Done():
			return nil
		}
	}
}

// gatewayAt starts a gateway that allows, in front of an application that echoes.
func (s *sim) gatewayAt(ip net.IP) *gateway {
	g := startGateway(s.t, s.pki, s.endpoint(ip, 443), nil)
	if s.lanes {
		g.listenTCP(s.pki, s.tcp.listen(net.JoinHostPort(ip.String(), "443")))
	}
	g.reach(memoryEcho)
	g.judge(allow)
	return g
}

// start starts a client.
func (s *sim) start(opt Options) {
	pool, err := names.Open(names.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.pool, opt.Names = pool, pool
	d := New(opt)
	start := time.Now()
	d.clock = func() time.Duration { return time.Since(start) + time.Duration(s.asleep.Load()) }
	way := carrier.Options{ListenPacket: func(string) (net.PacketConn, error) {
		s.mu2.Lock()
		s.ports++
		port := 1000 + s.ports
		s.mu2.Unlock()
		return s.endpoint(net.IPv4(10, 0, 0, 1).To4(), port), nil
	}}
	if s.lanes {
		way.DialStream = s.dialTCP
	}
	d.dialer = carrier.New(way)
	d.listen = func(_ context.Context, w want) (listener, error) {
		return &memoryListener{s.conns, make(chan struct{}), sync.Once{}, netip.AddrPortFrom(w.addr, w.ports[0])}, nil
	}
	d.peer = func(c appConn) error {
		if c.(*memoryConn).orphan.Load() {
			return syscall.ENOENT
		}
		return nil
	}
	s.running = startPlane(s.t, d)
	s.limit = 24 * time.Hour
}

// sleep suspends the machine: its clock goes on, and no timer does.
func (s *sim) sleep(d time.Duration) { s.asleep.Add(int64(d)) }

// open connects to the application as a local program does.
func (s *sim) open() *memoryConn {
	near, far := memoryPair()
	s.conns <- far
	return near
}

// during counts the packets on the network in the next d.
func (s *sim) during(d time.Duration) int64 {
	synctest.Wait()
	before := s.packets.Load()
	time.Sleep(d)
	synctest.Wait()
	return s.packets.Load() - before
}

// now are the facts when nothing moves any more, and reported how many reports
// there have been by then.
func (s *sim) now() session.DataplaneFacts {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.facts
}

func (s *sim) reported() int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reports
}

// ping sends b and wants it back.
func ping(t testing.TB, c net.Conn, b string) {
	t.Helper()
	if _, err := io.WriteString(c, b); err != nil {
		t.Fatalf("write: %v", err)
	}
	got := make([]byte, len(b))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != b {
		t.Fatalf("read %q, %v; want %q", got, err, b)
	}
}

// wantRead wants to read exactly that.
func wantRead(t testing.TB, c io.Reader, b string) {
	t.Helper()
	got := make([]byte, len(b))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != b {
		t.Fatalf("read %q, %v; want %q", got, err, b)
	}
}

// applications hands out the far ends of the flows that are opened from now on.
func (s *sim) applications() <-chan *memoryConn {
	far := make(chan *memoryConn, 16)
	s.gw.reach(func(string) (appConn, error) {
		near, app := memoryPair()
		far <- app
		return near, nil
	})
	return far
}

// wake has the gateway wake the client, for the nth time.
func (s *sim) wake(n uint64) {
	w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
	w.Sites[0].Wake = n
	s.Apply(w)
}

// wantReset wants the connection reset, now or soon.
func wantReset(t testing.TB, c net.Conn) {
	t.Helper()
	if n, err := io.Copy(io.Discard, c); err == nil {
		t.Fatalf("ended after %d bytes, want a reset", n)
	}
}

type memoryListener struct {
	conns  chan appConn
	closed chan struct{}
	once   sync.Once
	addr   netip.AddrPort
}

func (l *memoryListener) Accept() (appConn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *memoryListener) Addr() netip.AddrPort { return l.addr }
func (l *memoryListener) Close() error         { l.once.Do(func() { close(l.closed) }); return nil }

// memoryConn is one end of a TCP connection in memory: half-close, reset and
// deadlines, with 256 KiB on the way in each direction.
type memoryConn struct {
	net.Conn // nil: what is not implemented is not called
	in, out  *memoryHalf
	linger   atomic.Bool
	peer     *memoryConn
	orphan   atomic.Bool // the peer's process is gone
}

type memoryHalf struct {
	mu       sync.Mutex
	cond     *sync.Cond
	buf      []byte
	eof      bool
	reset    bool
	closed   bool // by the reader
	deadline bool // of the reader has passed
}

func memoryPair() (a, b *memoryConn) {
	half := func() *memoryHalf { h := &memoryHalf{}; h.cond = sync.NewCond(&h.mu); return h }
	x, y := half(), half()
	a, b = &memoryConn{in: x, out: y}, &memoryConn{in: y, out: x}
	a.peer, b.peer = b, a
	return a, b
}

func (h *memoryHalf) do(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn()
	h.cond.Broadcast()
}

func (c *memoryConn) Read(b []byte) (n int, err error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.closed:
			return 0, net.ErrClosed
		case h.reset:
			return 0, syscall.ECONNRESET
		case h.deadline:
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n = copy(b, h.buf)
			h.buf = h.buf[n:]
			h.cond.Broadcast()
			return n, nil
		case h.eof:
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

func (c *memoryConn) Write(b []byte) (n int, err error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(b) > 0 {
		switch {
		case h.reset || h.closed:
			return n, syscall.EPIPE
		case h.eof:
			return n, net.ErrClosed
		case len(h.buf) < 256<<10:
			m := min(len(b), 256<<10-len(h.buf))
			h.buf = append(h.buf, b[:m]...)
			b, n = b[m:], n+m
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
	return n, nil
}

func (c *memoryConn) CloseWrite() error   { c.out.do(func() { c.out.eof = true }); return nil }
func (c *memoryConn) SetLinger(int) error { c.linger.Store(true); return nil }
func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.do(func() { c.in.deadline = !t.IsZero() && t.Before(time.Now()) })
	return nil
}

func (c *memoryConn) Close() error {
	c.in.do(func() { c.in.closed = true })
	c.out.do(func() { c.out.eof = true; c.out.reset = c.out.reset || c.linger.Load() })
	return nil
}

// abandon is the end of the process that has the connection: the far side sees
// an end like any other, and only the kernel knows better.
func (c *memoryConn) abandon() {
	c.peer.orphan.Store(true)
	c.Close()
}

// memoryEcho is an application that echoes.
func memoryEcho(string) (appConn, error) {
	near, far := memoryPair()
	go echo(far)
	return near, nil
}
