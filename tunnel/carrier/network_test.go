package carrier

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// oneWay is how long a packet takes.
const oneWay = 10 * time.Millisecond

// network is a simulated one, for virtual time: datagrams and streams between
// addresses, each of which takes oneWay.
type simNet struct {
	mu        sync.Mutex
	udp       map[netip.AddrPort]*simUDP
	tcp       map[netip.AddrPort]*simListener
	lost      func(protocol string, from, to netip.AddrPort) bool // nil: none
	port      uint16
	delivered int
	here      netip.Addr // of clients' new sockets, IPv4
}

func newNetwork() *simNet {
	return &simNet{udp: map[netip.AddrPort]*simUDP{}, tcp: map[netip.AddrPort]*simListener{}, port: 40000, here: netip.MustParseAddr("10.0.0.1")}
}

// lose says what is lost from now on.
func (n *simNet) lose(f func(protocol string, from, to netip.AddrPort) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost = f
}

func (n *simNet) options() Options {
	return Options{ListenPacket: n.listenUDP, DialStream: n.dial}
}

// open is how many client sockets there are.
func (n *simNet) open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := 0
	for at := range n.udp {
		if at.Port() > 40000 {
			c++
		}
	}
	return c
}

func (n *simNet) listenUDP(network string) (net.PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.port++
	at := n.here
	if network == "udp6" {
		at = netip.MustParseAddr("fd00::1")
	}
	return n.bind(netip.AddrPortFrom(at, n.port)), nil
}

func (n *simNet) bind(at netip.AddrPort) *simUDP {
	s := &simUDP{n: n, at: at, in: make(chan simPacket, 4096), closed: make(chan struct{}), moved: make(chan struct{})}
	n.udp[at] = s
	return s
}

type simPacket struct {
	from netip.AddrPort
	data []byte
	due  time.Time
}

// simUDP is a socket.
type simUDP struct {
	n      *simNet
	at     netip.AddrPort
	in     chan simPacket
	once   sync.Once
	closed chan struct{}

	mu       sync.Mutex
	deadline time.Time
	moved    chan struct{}
}

func (s *simUDP) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	at := to.(*net.UDPAddr).AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	far := s.n.udp[at]
	if far == nil || s.n.lost != nil && s.n.lost("udp", s.at, at) {
		return len(b), nil
	}
	select {
	case far.in <- simPacket{s.at, append([]byte(nil), b...), time.Now().Add(oneWay)}:
		s.n.delivered++
	default:
	}
	return len(b), nil
}

func (s *simUDP) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		s.mu.Lock()
		deadline, moved := s.deadline, s.moved
		s.mu.Unlock()
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return 0, nil, os.ErrDeadlineExceeded
		}
		select {
		case p := <-s.in:
			time.Sleep(time.Until(p.due))
			return copy(b, p.data), net.UDPAddrFromAddrPort(p.from), nil
		case <-s.closed:
			return 0, nil, net.ErrClosed
		case <-moved:
		}
	}
}

func (s *simUDP) Close() error {
	err := net.ErrClosed
	s.once.Do(func() {
		close(s.closed)
		s.n.mu.Lock()
		defer s.n.mu.Unlock()
		delete(s.n.udp, s.at)
		err = nil
	})
	return err
}

func (s *simUDP) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.at) }
func (s *simUDP) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}
func (s *simUDP) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *simUDP) SetWriteDeadline(time.Time) error { return nil }
func (s *simUDP) SetReadBuffer(int) error          { return nil }
func (s *simUDP) SetWriteBuffer(int) error         { return nil }

// simListener accepts streams.
type simListener struct {
	n      *simNet
	at     netip.AddrPort
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (n *simNet) listenTCP(at netip.AddrPort) *simListener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &simListener{n: n, at: at, conns: make(chan net.Conn, 64), closed: make(chan struct{})}
	n.tcp[at] = l
	return l
}

func (l *simListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *simListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		delete(l.n.tcp, l.at)
	})
	return nil
}

func (l *simListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

func (n *simNet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	to := netip.MustParseAddrPort(addr)
	if strings.HasSuffix(network, "6") != to.Addr().Is6() {
		return nil, errors.New("a network of another family")
	}
	n.mu.Lock()
	l := n.tcp[to]
	n.port++
	from := netip.AddrPortFrom(n.here, n.port)
	dropped := n.lost != nil && n.lost("tcp", from, to)
	n.mu.Unlock()
	if dropped {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	select {
	case <-time.After(2 * oneWay):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	x, y := newHalf(), newHalf()
	near, far := &simTCP{n: n, in: x, out: y, from: from, to: to}, &simTCP{n: n, in: y, out: x, from: to, to: from}
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, syscall.ECONNREFUSED
	}
}

// simTCP is one end of a stream.
type simTCP struct {
	n        *simNet
	in, out  *half
	from, to netip.AddrPort
}

type half struct {
	mu       sync.Mutex
	chunks   []simPacket
	size     int
	eof      bool // the writer has closed
	closed   bool // the reader has
	deadline time.Time
	changed  chan struct{}
}

func newHalf() *half { return &half{changed: make(chan struct{})} }

func (h *half) do(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (c *simTCP) Read(b []byte) (int, error) {
	h := c.in
	for {
		h.mu.Lock()
		changed := h.changed
		var wait time.Duration
		switch {
		case h.closed:
			h.mu.Unlock()
			return 0, net.ErrClosed
		case !h.deadline.IsZero() && !time.Now().Before(h.deadline):
			h.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(h.chunks) > 0:
			if wait = time.Until(h.chunks[0].due); wait <= 0 {
				n := copy(b, h.chunks[0].data)
				if h.chunks[0].data = h.chunks[0].data[n:]; len(h.chunks[0].data) == 0 {
					h.chunks = h.chunks[1:]
				}
				h.size -= n
				close(h.changed)
				h.changed = make(chan struct{})
				h.mu.Unlock()
				return n, nil
			}
		case h.eof:
			h.mu.Unlock()
			return 0, io.EOF
		}
		deadline := h.deadline
		h.mu.Unlock()
		var due, passed <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		if !deadline.IsZero() {
			passed = time.After(time.Until(deadline))
		}
		select {
		case <-changed:
		case <-due:
		case <-passed:
		}
	}
}

func (c *simTCP) Write(b []byte) (int, error) {
	h := c.out
	for {
		h.mu.Lock()
		if h.eof {
			h.mu.Unlock()
			return 0, net.ErrClosed
		}
		if h.closed { // which the writer learns later
			h.mu.Unlock()
			return len(b), nil
		}
		if h.size < 1<<20 {
			break
		}
		changed := h.changed
		h.mu.Unlock()
		<-changed
	}
	h.mu.Unlock()
	c.n.mu.Lock()
	dropped := c.n.lost != nil && c.n.lost("tcp", c.from, c.to)
	c.n.mu.Unlock()
	if dropped { // and what follows waits for it; nothing is sent again here
		return len(b), nil
	}
	h.do(func() {
		h.chunks = append(h.chunks, simPacket{data: append([]byte(nil), b...), due: time.Now().Add(oneWay)})
		h.size += len(b)
	})
	return len(b), nil
}

func (c *simTCP) Close() error {
	c.in.do(func() { c.in.closed = true })
	c.out.do(func() { c.out.eof = true })
	return nil
}

func (c *simTCP) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.from) }
func (c *simTCP) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.to) }
func (c *simTCP) SetReadDeadline(t time.Time) error {
	c.in.do(func() { c.in.deadline = t })
	return nil
}
func (c *simTCP) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *simTCP) SetWriteDeadline(time.Time) error { return nil }
