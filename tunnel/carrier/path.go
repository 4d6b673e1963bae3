package carrier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/tidegate/tidegate/internal/udpsocket"
)

const (
	// probing bounds how long a new path may take to answer.
	probing = 5 * time.Second
	// settling is what a gateway has, at least, to follow and to give out new
	// connection IDs, before the next move.
	settling = 200 * time.Millisecond
	// maxPaths is how often one carrier roams; after that it is opened anew.
	maxPaths = 32
)

// path is a socket that a carrier is on, or was.
type path struct {
	socket    net.PacketConn
	transport *quic.Transport
}

func openPath(listen func() (net.PacketConn, error)) (*path, error) {
	socket, err := listen()
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	if _, ok := socket.(interface{ Retire() }); !ok {
		socket = plain(socket)
	}
	return &path{socket, &quic.Transport{Conn: socket}}, nil
}

// retire gives the socket back; the transport stays, since quic-go ends a
// connection with any transport that it was ever on.
func (p *path) retire() { p.socket.(interface{ Retire() }).Retire() }

func (p *path) close() {
	p.transport.Close()
	p.socket.Close()
}

// Roam moves to a new socket, which takes the route and the address that hold
// now (RFC 9000, section 9), and probes it first. When the probe fails the
// carrier stays where it was. One Roam at a time; a further one waits.
func (c *h3Carrier) Roam(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probing)
	defer cancel()
	select {
	case c.roaming <- struct{}{}:
		defer func() { <-c.roaming }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := c.secured(ctx); err != nil {
		return fmt.Errorf("roam: %w", err)
	}
	c.accepted() // before anything moves
	c.mu.Lock()
	many, settled := len(c.paths) >= maxPaths, c.moved.Add(max(settling, 4*c.conn.ConnectionStats().SmoothedRTT))
	c.mu.Unlock()
	if many {
		return fmt.Errorf("roam once more: %w", errors.ErrUnsupported)
	}
	select {
	case <-time.After(time.Until(settled)):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p, err := openPath(c.listen)
	if err != nil {
		return fmt.Errorf("roam: %w", err)
	}
	if err := c.move(ctx, p); err != nil {
		return fmt.Errorf("roam: %w", err)
	}
	return nil
}

// move takes p for the carrier's path, or retires it.
func (c *h3Carrier) move(ctx context.Context, p *path) error {
	to, err := c.conn.AddPath(p.transport)
	if err != nil { // nothing was sent from it yet
		p.close()
		return err
	}
	// The end of the carrier ends the probe.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.conn.Context(), func() { cancel(ErrLost) })()
	err = to.Probe(ctx)
	if err == nil {
		err = to.Switch()
	}
	if err != nil {
		to.Close()
		p.retire()
		if !c.keep(p, false) {
			p.close()
		}
		return err
	}
	if !c.keep(p, true) {
		p.close()
		return ErrLost
	}
	c.announce()
	return nil
}

// keep notes a further path, as the one in use or a retired one. False: the
// carrier has been closed.
func (c *h3Carrier) keep(p *path, use bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	last := len(c.paths) - 1
	if !use {
		c.paths = append([]*path{p}, c.paths...)
		return true
	}
	old := c.paths[last]
	c.paths, c.moved = append(c.paths, p), time.Now()
	old.retire()
	return true
}

// announce sends something that has to be acknowledged: only that makes the
// gateway send to where the carrier is now (RFC 9000, section 9.3). It is a
// stream of a reserved type (RFC 9114, section 6.2.3), which means nothing.
func (c *h3Carrier) announce() {
	s, err := c.conn.OpenUniStream()
	if err != nil {
		return // what the next flow sends does as well
	}
	s.SetWriteDeadline(time.Now().Add(probing))
	s.Write([]byte{0x21, 0})
	s.Close()
}

// retirable gives a socket that cannot be retired the means (udpsocket.Socket
// has them).
type retirable struct {
	net.PacketConn
	mu       sync.Mutex
	retired  bool
	once     sync.Once
	released chan struct{}
}

func plain(c net.PacketConn) net.PacketConn {
	r := &retirable{PacketConn: c, released: make(chan struct{})}
	if b, ok := c.(buffered); ok {
		return &retirableBuffered{r, b}
	}
	return r
}

// buffered has buffers of a size that quic-go asks for.
type buffered interface {
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}

type retirableBuffered struct {
	*retirable
	buffered
}

var _ interface{ Retire() } = (*udpsocket.Socket)(nil)

// Retire closes the socket; nothing is read from then on, and what is written is
// lost.
func (r *retirable) Retire() {
	r.mu.Lock()
	r.retired = true
	r.mu.Unlock()
	r.PacketConn.Close()
}

func (r *retirable) away() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retired
}

func (r *retirable) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := r.PacketConn.ReadFrom(b)
	if err != nil && r.away() {
		<-r.released
	}
	return n, addr, err
}

func (r *retirable) WriteTo(b []byte, addr net.Addr) (int, error) {
	n, err := r.PacketConn.WriteTo(b, addr)
	if err != nil && (udpsocket.Transient(err) || r.away()) {
		return len(b), nil
	}
	return n, err
}

func (r *retirable) release() { r.once.Do(func() { close(r.released) }) }

func (r *retirable) SetReadDeadline(t time.Time) error {
	err := r.PacketConn.SetReadDeadline(t)
	if r.away() {
		r.release()
		return nil
	}
	return err
}

func (r *retirable) Close() error {
	r.release()
	if err := r.PacketConn.Close(); err != nil && !r.away() {
		return err
	}
	return nil
}
