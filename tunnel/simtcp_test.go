package tunnel

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// tcpNet is where TCP listens on the simulated network.
type tcpNet struct {
	mu        sync.Mutex
	listeners map[string]*tcpListen
	age       int // of the network: connections of an older one are carried no more
}

// sever has nothing pass any more on the connections there are; nobody is told.
func (n *tcpNet) sever() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.age++
}

func (n *tcpNet) now() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.age
}

// tcpListen is a listener.
type tcpListen struct {
	net    *tcpNet
	addr   string
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (n *tcpNet) listen(addr string) *tcpListen {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[string]*tcpListen{}
	}
	l := &tcpListen{net: n, addr: addr, conns: make(chan net.Conn, 16), closed: make(chan struct{})}
	n.listeners[addr] = l
	return l
}

func (l *tcpListen) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *tcpListen) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		if l.net.listeners[l.addr] == l {
			delete(l.net.listeners, l.addr)
		}
	})
	return nil
}

func (l *tcpListen) Addr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp4", l.addr)
	return a
}

// dialTCP connects from the client, which takes a round trip.
func (s *sim) dialTCP(ctx context.Context, _, addr string) (net.Conn, error) {
	for range 2 {
		s.packets.Add(1)
		if err := s.travel(ctx); err != nil {
			return nil, err
		}
	}
	s.tcp.mu.Lock()
	l := s.tcp.listeners[addr]
	s.tcp.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	x, y := newTCPWay(s), newTCPWay(s)
	y.near = true
	near, far := &tcpEnd{in: x, out: y}, &tcpEnd{in: y, out: x}
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
}

// travel takes half an rtt, and as long as the network is cut.
func (s *sim) travel(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(rtt / 2):
		}
		if !s.cut.Load() {
			return nil
		}
	}
}

// tcpWay is one direction: bytes arrive in order, half an rtt later, or when the
// network is back.
type tcpWay struct {
	s    *sim
	near bool // it is the client's
	age  int  // the network's, when it was made
	mu   sync.Mutex
	cond *sync.Cond
	sent []tcpPiece // under way
	buf  []byte
	busy bool // somebody carries
	fin  bool
	end  bool  // fin has arrived
	err  error // the connection is gone
	late bool  // the reader's deadline has passed
	dead *time.Timer
}

type tcpPiece struct {
	b   []byte
	due time.Time
}

func newTCPWay(s *sim) *tcpWay {
	w := &tcpWay{s: s, age: s.tcp.now()}
	w.cond = sync.NewCond(&w.mu)
	return w
}

// carry brings what is under way.
func (w *tcpWay) carry() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && (len(w.sent) > 0 || w.fin && !w.end) {
		if len(w.sent) > 0 {
			away := w.s.cut.Load() || w.age != w.s.tcp.now()
			if wait := time.Until(w.sent[0].due); wait > 0 || away {
				w.mu.Unlock()
				time.Sleep(max(wait, 50*time.Millisecond*time.Duration(b2i(away))))
				w.mu.Lock()
				continue
			}
			w.buf = append(w.buf, w.sent[0].b...)
			w.sent = w.sent[1:]
		} else {
			w.end = true
		}
		w.cond.Broadcast()
	}
	w.busy = false
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *tcpWay) go1() {
	if !w.busy {
		w.busy = true
		go w.carry()
	}
}

// break1 ends the connection.
func (w *tcpWay) break1(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.cond.Broadcast()
}

// tcpEnd is a net.Conn.
type tcpEnd struct {
	in, out *tcpWay
	once    sync.Once
}

func (c *tcpEnd) Read(b []byte) (int, error) {
	w := c.in
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.late:
			return 0, os.ErrDeadlineExceeded
		case len(w.buf) > 0:
			n := copy(b, w.buf)
			w.buf = w.buf[n:]
			return n, nil
		case w.err != nil:
			return 0, w.err
		case w.end:
			return 0, io.EOF
		}
		w.cond.Wait()
	}
}

// Write never waits: HTTP/2 writes with a mutex locked, and whoever else waits for
// that keeps virtual time from going on. What is under way is bounded by HTTP/2's
// own windows.
func (c *tcpEnd) Write(b []byte) (int, error) {
	w := c.out
	w.mu.Lock()
	defer w.mu.Unlock()
	w.s.packets.Add(1)
	if w.near {
		w.s.ours.Add(1)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case w.fin:
		return 0, net.ErrClosed
	}
	w.sent = append(w.sent, tcpPiece{append([]byte(nil), b...), time.Now().Add(rtt / 2)})
	w.go1()
	return len(b), nil
}

func (c *tcpEnd) Close() error {
	c.once.Do(func() {
		c.in.break1(net.ErrClosed)
		c.out.mu.Lock()
		c.out.fin = true
		c.out.go1()
		c.out.mu.Unlock()
	})
	return nil
}

func (c *tcpEnd) SetReadDeadline(t time.Time) error {
	w := c.in
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead != nil {
		w.dead.Stop()
		w.dead = nil
	}
	w.late = !t.IsZero() && !t.After(time.Now())
	if !t.IsZero() && !w.late {
		w.dead = time.AfterFunc(time.Until(t), func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.late = true
			w.cond.Broadcast()
		})
	}
	w.cond.Broadcast()
	return nil
}

func (c *tcpEnd) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *tcpEnd) SetWriteDeadline(time.Time) error { return nil }
func (c *tcpEnd) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1} }
func (c *tcpEnd) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: gatewayIP, Port: 443} }
