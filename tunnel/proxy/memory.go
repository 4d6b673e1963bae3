package proxy

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// memoryConn is one end of a connection within the process. It ends as a TCP
// connection does: half of it, the whole, or by a reset, which is told from an
// end, so that an answer that was cut off is not taken for whole.
type memoryConn struct {
	in, out *half

	mu     sync.Mutex
	linger bool // 0: Close resets
}

// memoryPair makes both ends of a connection.
func memoryPair() (near, far *memoryConn) {
	x, y := newHalf(), newHalf()
	return &memoryConn{in: x, out: y}, &memoryConn{in: y, out: x}
}

// maxMemory is how many bytes are on the way in one direction at most.
const maxMemory = 64 << 10

// half is one direction.
type half struct {
	mu     sync.Mutex
	moved  sync.Cond
	buf    []byte
	ended  bool // no more will be written
	closed bool // no more will be read
	reset  bool // by the writer: what is still here is void

	reading, writing deadline
}

// deadline is a reader's or a writer's.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newHalf() *half {
	h := &half{}
	h.moved.L = &h.mu
	return h
}

// Read implements net.Conn.
func (c *memoryConn) Read(b []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reset:
			return 0, syscall.ECONNRESET
		case h.closed:
			return 0, net.ErrClosed
		case h.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(h.buf) > 0:
			n := copy(b, h.buf)
			if h.buf = h.buf[n:]; len(h.buf) == 0 {
				h.buf = nil
			}
			h.moved.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.moved.Wait()
	}
}

// Write implements net.Conn.
func (c *memoryConn) Write(b []byte) (n int, err error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reset:
			return n, syscall.ECONNRESET
		case h.ended:
			return n, net.ErrClosed
		case h.closed:
			return n, syscall.EPIPE
		case h.writing.passed():
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		}
		if m := min(len(b), maxMemory-len(h.buf)); m > 0 {
			h.buf = append(h.buf, b[:m]...)
			n, b = n+m, b[m:]
			h.moved.Broadcast()
			continue
		}
		h.moved.Wait()
	}
}

func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	h.moved.Broadcast()
}

// CloseWrite ends our direction.
func (c *memoryConn) CloseWrite() error {
	c.out.change(func() { c.out.ended = true })
	return nil
}

// SetLinger takes 0 for a reset by Close, as a TCP connection does.
func (c *memoryConn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linger = sec == 0
	return nil
}

// Close implements net.Conn. Like TCP's it resets where something has come that
// nobody read.
func (c *memoryConn) Close() error {
	c.mu.Lock()
	reset := c.linger
	c.mu.Unlock()
	c.in.change(func() {
		reset = reset || len(c.in.buf) > 0
		c.in.closed, c.in.buf = true, nil
		c.in.reading.stop()
	})
	c.out.change(func() {
		if reset && !c.out.ended {
			c.out.reset = true
			c.out.buf = nil
		}
		c.out.ended = true
		c.out.writing.stop()
	})
	return nil
}

// SetDeadline implements net.Conn.
func (c *memoryConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.set(&c.in.reading, t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.set(&c.out.writing, t)
	return nil
}

func (h *half) set(d *deadline, t time.Time) {
	h.change(func() {
		d.stop()
		d.at = t
		if left := time.Until(t); !t.IsZero() && left > 0 {
			d.timer = time.AfterFunc(left, func() { h.change(func() {}) })
		}
	})
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer, d.at = nil, time.Time{}
}

// memoryAddr is the address of both ends.
type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// LocalAddr implements net.Conn.
func (c *memoryConn) LocalAddr() net.Addr { return memoryAddr{} }

// RemoteAddr implements net.Conn.
func (c *memoryConn) RemoteAddr() net.Addr { return memoryAddr{} }
