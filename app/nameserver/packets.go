package nameserver

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// waiting is how many datagrams wait for the resolver, or for a program; what
// comes beyond is lost, as on any network.
const waiting = 64

// packets are the flows of datagrams as the one socket that a resolver serves.
type packets struct {
	queries chan query
	closed  chan struct{}
	close   func()
}

type query struct {
	from *flow
	b    []byte
}

func newPackets() *packets {
	closed := make(chan struct{})
	return &packets{queries: make(chan query, waiting), closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

// ReadFrom implements net.PacketConn.
func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case q := <-p.queries:
		return copy(b, q.b), q.from, nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn; to is a flow.
func (p *packets) WriteTo(b []byte, to net.Addr) (int, error) {
	f, ok := to.(*flow)
	if !ok {
		return 0, net.ErrClosed
	}
	select {
	case f.answers <- bytes.Clone(b):
	default:
	}
	return len(b), nil
}

// Close implements net.PacketConn.
func (p *packets) Close() error {
	p.close()
	return nil
}

// LocalAddr implements net.PacketConn.
func (p *packets) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(Addr, port))
}

// SetDeadline implements net.PacketConn; there are none.
func (p *packets) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn.
func (p *packets) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.PacketConn.
func (p *packets) SetWriteDeadline(time.Time) error { return nil }

// open makes a flow.
func (p *packets) open() *flow {
	f := &flow{p: p, answers: make(chan []byte, waiting), ended: make(chan struct{})}
	f.end = sync.OnceFunc(func() { close(f.ended) })
	return f
}

// flow is a program's: a front.Packets, and where its answers go.
type flow struct {
	p       *packets
	answers chan []byte
	ended   chan struct{}
	end     func()
}

// Network implements net.Addr.
func (f *flow) Network() string { return "udp" }

// String implements net.Addr.
func (f *flow) String() string { return netip.AddrPortFrom(Addr, port).String() }

// Send implements front.Packets.
func (f *flow) Send(b []byte) error {
	select {
	case <-f.ended:
		return net.ErrClosed
	case <-f.p.closed:
		return net.ErrClosed
	default:
	}
	select {
	case f.p.queries <- query{f, bytes.Clone(b)}:
	default:
	}
	return nil
}

// Receive implements front.Packets.
func (f *flow) Receive(ctx context.Context) ([]byte, error) {
	select {
	case b := <-f.answers:
		return b, nil
	case <-f.ended:
	case <-f.p.closed:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, net.ErrClosed
}

// Close implements front.Packets.
func (f *flow) Close() { f.end() }
