package gateway

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// halfConn is one end of a connection whose directions end one by one, in virtual
// time.
type halfConn struct {
	in    *io.PipeReader
	out   *io.PipeWriter
	hard  atomic.Bool
	reset *atomic.Bool // it was closed by a reset
}

func halfPipe() (a, b *halfConn) {
	ar, bw := io.Pipe()
	br, aw := io.Pipe()
	return &halfConn{in: ar, out: aw, reset: new(atomic.Bool)}, &halfConn{in: br, out: bw, reset: new(atomic.Bool)}
}

func (c *halfConn) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *halfConn) Write(b []byte) (int, error) { return c.out.Write(b) }
func (c *halfConn) CloseWrite() error           { return c.out.Close() }
func (c *halfConn) SetLinger(sec int) error     { c.hard.Store(sec == 0); return nil }

// Close implements net.Conn.
func (c *halfConn) Close() error {
	if c.hard.Load() {
		c.reset.Store(true)
		c.out.CloseWithError(syscall.ECONNRESET)
		return c.in.CloseWithError(syscall.ECONNRESET)
	}
	c.out.Close()
	return c.in.Close()
}

func (c *halfConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *halfConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *halfConn) SetDeadline(time.Time) error      { return nil }
func (c *halfConn) SetReadDeadline(time.Time) error  { return nil }
func (c *halfConn) SetWriteDeadline(time.Time) error { return nil }

// halves has newSim's applications end their directions one by one.
func halves(s *sim, o *Options) {
	o.Dial = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := halfPipe()
		s.apps <- &simApp{Conn: theirs, reset: ours.reset}
		return ours, nil
	}
}

// slowly has newSim's applications be reached when open is closed.
func slowly(open <-chan struct{}) func(*sim, *Options) {
	return func(_ *sim, o *Options) {
		dial := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			select {
			case <-open:
				return dial(ctx, network, address)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
}
