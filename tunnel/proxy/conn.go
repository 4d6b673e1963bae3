package proxy

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tidegate/tidegate/tunnel/front"
)

// conn is a program's connection, of which something has been read already.
type conn struct {
	*net.TCPConn
	head    []byte // what comes before the rest
	release func() // gives its place to another; may be called again
}

// Read implements net.Conn. Not for concurrent use.
func (c *conn) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.TCPConn.Read(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	defer c.release()
	return c.TCPConn.Close()
}

// abort closes so that the program sees "connection reset".
func (c *conn) abort() {
	c.SetLinger(0)
	c.Close()
}

// bid farewell: what was written last is to arrive, whatever the program sends
// meanwhile, which would make the kernel reset the connection.
func (c *conn) farewell() {
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if c.CloseWrite() == nil {
		io.CopyN(io.Discard, c.TCPConn, 64<<10)
	}
}

func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// early is how much a program may send ahead of the answer before nobody looks
// any more whether it has gone.
const early = 64 << 10

// lookout reads ahead on a connection while the gateway is asked, and so finds
// out when the program has gone.
type lookout struct {
	c    *conn
	gone context.CancelFunc
	done chan struct{}
	read []byte
}

// watch calls gone when the program closes its connection before stop is called.
func watch(c *conn, gone context.CancelFunc) *lookout {
	l := &lookout{c: c, gone: gone, done: make(chan struct{}), read: c.head}
	c.head = nil
	go l.run()
	return l
}

func (l *lookout) run() {
	defer close(l.done)
	b := make([]byte, 4<<10)
	for len(l.read) < early {
		n, err := l.c.TCPConn.Read(b)
		l.read = append(l.read, b[:n]...)
		if t, ok := err.(net.Error); ok && t.Timeout() {
			return // by stop
		}
		if err != nil {
			l.gone()
			return
		}
	}
}

// stop ends the watch; what was read comes first again. It may be called again.
func (l *lookout) stop() {
	l.c.SetReadDeadline(time.Unix(1, 0))
	<-l.done
	l.c.SetReadDeadline(time.Time{})
	if l.read != nil {
		l.c.head, l.read = l.read, nil
	}
}

// plain is the connection without what is around it where that is all used up.
func (c *conn) plain() front.Conn {
	if len(c.head) == 0 {
		return c.TCPConn
	}
	return c
}

// handoff is a listener that is given its connections.
type handoff struct {
	addr   net.Addr
	conns  chan *conn
	closed chan struct{}
	close  func()
}

func newHandoff(addr net.Addr) *handoff {
	h := &handoff{addr: addr, conns: make(chan *conn), closed: make(chan struct{})}
	h.close = sync.OnceFunc(func() { close(h.closed) })
	return h
}

// give hands c over, or closes it where there is nobody to take it.
func (h *handoff) give(ctx context.Context, c *conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	case <-ctx.Done():
		c.Close()
	}
}

// Accept implements net.Listener.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handoff) Close() error {
	h.close()
	return nil
}

// Addr implements net.Listener.
func (h *handoff) Addr() net.Addr { return h.addr }
