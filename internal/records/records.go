// Package records has the TLS records that one write becomes go to the kernel
// together: crypto/tls hands on each of them, 16 KiB at most, on its own, and
// each costs a system call, a walk through the kernel and a wake-up of the far
// end.
package records

import (
	"io"
	"net"
	"sync"
)

// most is how many bytes go at once: four full records, and what surrounds them.
const most = 4 * (16<<10 + 64)

var buffers = sync.Pool{New: func() any { return new([most]byte) }}

// Conn is a connection below TLS.
type Conn struct {
	net.Conn

	mu   sync.Mutex // held while the connection is written to
	held *[most]byte
	n    int // of held
}

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Together has w, which is TLS on c, write b, and then sends what came of that.
// Calls of it must not overlap. What an error leaves unsent is lost, as TLS sends
// nothing more after one.
func (c *Conn) Together(w io.Writer, b []byte) (int, error) {
	c.mu.Lock()
	c.held = buffers.Get().(*[most]byte)
	c.mu.Unlock()
	n, err := w.Write(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = c.flush()
	}
	buffers.Put(c.held)
	c.held, c.n = nil, 0
	if err != nil {
		n = 0
	}
	return n, err
}

// Write is for TLS, of its own accord also in the middle of Together: an alert, an
// answer to a new key.
func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		return c.Conn.Write(b)
	}
	if len(b) > most-c.n {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(b) > most {
		return c.Conn.Write(b)
	}
	c.n += copy(c.held[c.n:], b)
	return len(b), nil
}

func (c *Conn) flush() error {
	if c.n == 0 {
		return nil
	}
	b := c.held[:c.n]
	c.n = 0
	_, err := c.Conn.Write(b)
	return err
}
