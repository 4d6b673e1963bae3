package virtual

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// stream is one end of a TCP connection in memory: half-close, reset and
// deadlines, with 256 KiB on the way in each direction.
type stream struct {
	in, out       *half
	local, remote netip.AddrPort
	mu            sync.Mutex
	abrupt        bool // Close resets
}

// half is one direction.
type half struct {
	mu       sync.Mutex
	cond     *sync.Cond
	buf      []byte
	ended    bool
	reset    bool
	closed   bool      // by the reader
	deadline bool      // of the reader has passed
	when     time.Time // reset
}

const window = 256 << 10

func connected(local, remote netip.AddrPort) (a, b *stream) {
	direction := func() *half { h := &half{}; h.cond = sync.NewCond(&h.mu); return h }
	x, y := direction(), direction()
	return &stream{in: x, out: y, local: local, remote: remote}, &stream{in: y, out: x, local: remote, remote: local}
}

func (h *half) do(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn()
	h.cond.Broadcast()
}

func (c *stream) Read(b []byte) (int, error) {
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
			n := copy(b, h.buf)
			h.buf = h.buf[n:]
			h.cond.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

func (c *stream) Write(b []byte) (n int, err error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(b) > 0 {
		switch {
		case h.reset || h.closed:
			return n, syscall.EPIPE
		case h.ended:
			return n, net.ErrClosed
		case len(h.buf) < window:
			m := min(len(b), window-len(h.buf))
			h.buf = append(h.buf, b[:m]...)
			b, n = b[m:], n+m
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
	return n, nil
}

func (c *stream) CloseWrite() error { c.out.do(func() { c.out.ended = true }); return nil }

// SetLinger of 0 makes Close a reset.
func (c *stream) SetLinger(seconds int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abrupt = seconds == 0
	return nil
}

func (c *stream) Close() error {
	c.mu.Lock()
	abrupt := c.abrupt
	c.mu.Unlock()
	c.in.do(func() { c.in.closed = true })
	c.out.do(func() {
		c.out.ended = true
		if abrupt && !c.out.reset {
			c.out.reset, c.out.when = true, time.Now()
		}
	})
	return nil
}

func (c *stream) SetReadDeadline(t time.Time) error {
	c.in.do(func() { c.in.deadline = !t.IsZero() && !t.After(time.Now()) })
	return nil
}

func (c *stream) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *stream) SetWriteDeadline(time.Time) error { return nil }
func (c *stream) LocalAddr() net.Addr              { return net.TCPAddrFromAddrPort(c.local) }
func (c *stream) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(c.remote) }

// wasReset says when the other end reset the connection, if it has.
func (c *stream) wasReset() (time.Time, bool) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.when, c.in.reset
}

// loopback is the client's machine, where its applications listen.
type loopback struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*listener
}

// listener is a net.Listener in memory.
type listener struct {
	at     netip.AddrPort
	conns  chan *stream
	closed chan struct{}
	once   sync.Once
	forget func()
}

func (l *loopback) listen(at netip.AddrPort) (net.Listener, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listeners[at] != nil {
		return nil, syscall.EADDRINUSE
	}
	n := &listener{at: at, conns: make(chan *stream), closed: make(chan struct{})}
	n.forget = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.listeners, at)
	}
	l.listeners[at] = n
	return n, nil
}

// dial connects as a local program does.
func (l *loopback) dial(at netip.AddrPort) (*stream, error) {
	l.mu.Lock()
	n := l.listeners[at]
	l.mu.Unlock()
	if n == nil {
		return nil, syscall.ECONNREFUSED
	}
	near, far := connected(netip.MustParseAddrPort("127.0.0.1:50000"), at)
	select {
	case n.conns <- far:
		return near, nil
	case <-n.closed:
		return nil, syscall.ECONNREFUSED
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed); l.forget() })
	return nil
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }
