package carrier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/udpsocket"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Options make a Dialer. The zero value uses the system's sockets. Where only
// one of the two is given, there is only that lane.
type Options struct {
	// ListenPacket opens the UDP socket of an HTTP/3 carrier, bound to no
	// address; the network is udp4 or udp6. One that is a
	// quic.OOBCapablePacketConn is read and written in batches.
	ListenPacket func(network string) (net.PacketConn, error)
	// DialStream opens the TCP connection of an HTTP/2 carrier; the network is
	// tcp4 or tcp6.
	DialStream func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Dialer opens carriers. Safe for concurrent use.
type Dialer struct {
	listen func(network string) (net.PacketConn, error)
	stream func(ctx context.Context, network, addr string) (net.Conn, error)
}

// New makes a Dialer. It opens nothing.
func New(o Options) *Dialer {
	d := &Dialer{listen: o.ListenPacket, stream: o.DialStream}
	if d.listen == nil && d.stream == nil {
		d.listen = func(network string) (net.PacketConn, error) { return udpsocket.Listen(network, nil) }
	}
	return d
}

// Dial connects to a gateway, by whichever lane is first, and proves both
// identities to each other. It returns once requests can be sent, and nothing
// has been.
func (d *Dialer) Dial(ctx context.Context, g wire.Gateway, id session.Identity) (Carrier, error) {
	return d.DialLane(ctx, g, id, H3)
}

// DialLane is Dial by one lane.
func (d *Dialer) DialLane(ctx context.Context, g wire.Gateway, id session.Identity, lane Lane) (Carrier, error) {
	host, port, err := net.SplitHostPort(g.Address)
	if err != nil {
		return nil, fmt.Errorf("read gateway address %q: %w", g.Address, err)
	}
	conf, err := clientTLS(host, id)
	if err != nil {
		return nil, err
	}
	addrs, err := resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	for i, addr := range addrs {
		// A deadline for each, so that a dead IPv6 leaves time for IPv4.
		one, cancel := ctx, context.CancelFunc(func() {})
		if end, ok := ctx.Deadline(); ok {
			one, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(len(addrs)-i))
		}
		var c Carrier
		if c, err = d.dialH3(one, addr, conf); err == nil {
			cancel()
			return c, nil
		}
		cancel()
	}
	return nil, err
}

// Suspect notes that a carrier of this lane to this gateway went silent while it
// was in use: the other lane is tried first for some minutes.
func (d *Dialer) Suspect(g wire.Gateway, lane Lane) {}

// resolve returns the addresses of a gateway, at most one of each family.
func resolve(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("read gateway port %q: %w", port, err)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), uint16(n))}, nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve gateway: %w", err)
	}
	var addrs []netip.AddrPort
	families := map[bool]bool{}
	for _, a := range all {
		a = a.Unmap()
		if !families[a.Is4()] {
			families[a.Is4()] = true
			addrs = append(addrs, netip.AddrPortFrom(a, uint16(n)))
		}
	}
	if len(addrs) == 0 {
		return nil, errors.New("resolve gateway: " + host + " has no address")
	}
	return addrs, nil
}
