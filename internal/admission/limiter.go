package admission

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

const (
	// perAddress leaves room for a large office behind one address.
	perAddress = 2048
	// freely is how many QUIC connections a second need not prove their address.
	freely = 50
)

// Limiter admits connections. The zero value is ready, with the limits above.
type Limiter struct {
	// PerAddress is how many connections an IPv4 address or an IPv6 /64 may have
	// open; 0 means 2048.
	PerAddress int

	mu     sync.Mutex
	open   map[netip.Prefix]int
	second int64
	count  int
}

// errTooMany is what a QUIC client over the limit is refused for.
var errTooMany = errors.New("too many connections from this address")

// VerifySourceAddress is for quic.Transport: whether a client has to prove its
// address first.
func (l *Limiter) VerifySourceAddress(net.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Unix(); now != l.second {
		l.second, l.count = now, 0
	}
	l.count++
	return l.count > freely
}

// ConnContext is for quic.Transport: it refuses a connection over the limit.
func (l *Limiter) ConnContext(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
	key := network(client.RemoteAddr)
	if !l.enter(key) {
		return nil, errTooMany
	}
	context.AfterFunc(ctx, func() { l.leave(key) })
	return ctx, nil
}

// Listener is l's view of a TCP listener: a connection over the limit is closed
// as soon as it comes.
func (l *Limiter) Listener(inner net.Listener) net.Listener { return listener{inner, l} }

type listener struct {
	net.Listener
	limiter *Limiter
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := network(c.RemoteAddr())
		if l.limiter.enter(key) {
			return &conn{Conn: c, leave: sync.OnceFunc(func() { l.limiter.leave(key) })}, nil
		}
		c.Close()
	}
}

type conn struct {
	net.Conn
	leave func()
}

// NetConn is the connection itself, as tls.Conn has it.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// network is what is counted together: an IPv6 host has a /64 to itself. Peers
// without an address are counted as one.
func network(a net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := ap.Addr().Unmap(), 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.WithZone("").Prefix(bits) // bits are within the address
	return p
}

func (l *Limiter) enter(key netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := l.PerAddress
	if most == 0 {
		most = perAddress
	}
	if l.open[key] >= most {
		return false
	}
	if l.open == nil {
		l.open = map[netip.Prefix]int{}
	}
	l.open[key]++
	return true
}

func (l *Limiter) leave(key netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[key]--; l.open[key] <= 0 {
		delete(l.open, key)
	}
}
