package nameserver

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// streams are the connections as the one listener that a resolver serves.
type streams struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newStreams() *streams {
	closed := make(chan struct{})
	return &streams{conns: make(chan net.Conn), closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

// Accept implements net.Listener.
func (s *streams) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (s *streams) Close() error {
	s.close()
	return nil
}

// Addr implements net.Listener.
func (s *streams) Addr() net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPortFrom(Addr, port)) }

// carry has a connection served to its end; that of ctx resets it.
func (s *streams) carry(ctx context.Context, o front.Offer) {
	select {
	case <-s.closed:
		o.Refuse(&wire.Problem{Code: wire.CodeAppRefused, Title: "Nobody answers lookups any more"})
		return
	default:
	}
	c, err := o.Accept()
	if err != nil {
		return
	}
	ended := make(chan struct{})
	own := &conn{Conn: c, end: sync.OnceFunc(func() { close(ended) })}
	select {
	case s.conns <- own:
	case <-s.closed:
		c.SetLinger(0)
		c.Close()
		return
	case <-ctx.Done():
		c.SetLinger(0)
		c.Close()
		return
	}
	select {
	case <-ended:
	case <-ctx.Done():
		c.SetLinger(0)
		c.Close()
	}
}

// conn tells of its end.
type conn struct {
	net.Conn
	end func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	defer c.end()
	return c.Conn.Close()
}
