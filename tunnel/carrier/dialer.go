package carrier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/internal/udpsocket"
	"github.com/tidegate/tidegate/internal/underlay"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Head is what the first lane has before the second is tried beside it, and the
// first address before the second (RFC 8305 has the same for addresses).
const Head = 250 * time.Millisecond

// Options make a Dialer. The zero value uses the system's sockets. Where only
// one of the two is given, there is only that lane.
type Options struct {
	// ListenPacket opens the UDP socket of an HTTP/3 carrier, bound to no
	// address; the network is udp4 or udp6. A *udpsocket.Socket is read and
	// written in batches, others packet by packet.
	ListenPacket func(network string) (net.PacketConn, error)
	// DialStream opens the TCP connection of an HTTP/2 carrier; the network is
	// tcp4 or tcp6.
	DialStream func(ctx context.Context, network, addr string) (net.Conn, error)
	// Underlay has the system's sockets leave by the right adapter; nil: wherever the
	// routes lead.
	Underlay *underlay.Underlay
}

// Dialer opens carriers. Safe for concurrent use. It keeps what it learns of
// gateways: session tickets, which are used once each, and which lanes went
// silent lately.
type Dialer struct {
	listen func(network string, to netip.Addr) (net.PacketConn, error)
	stream func(ctx context.Context, network, addr string) (net.Conn, error)
	memory memory
}

// New makes a Dialer. It opens nothing and starts nothing.
func New(o Options) *Dialer {
	d := &Dialer{stream: o.DialStream}
	if o.ListenPacket != nil {
		d.listen = func(network string, _ netip.Addr) (net.PacketConn, error) { return o.ListenPacket(network) }
	}
	if d.listen == nil && d.stream == nil {
		d.listen = func(network string, to netip.Addr) (net.PacketConn, error) {
			s, err := udpsocket.Listen(network, nil)
			if err != nil {
				return nil, err
			}
			o.Underlay.Hold(s, to)
			return s, nil
		}
		d.stream = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialTCP(ctx, o.Underlay, network, addr)
		}
	}
	return d
}

// Lanes are those that the Dialer has.
func (d *Dialer) Lanes() []Lane {
	var lanes []Lane
	if d.listen != nil {
		lanes = append(lanes, H3)
	}
	if d.stream != nil {
		lanes = append(lanes, H2)
	}
	return lanes
}

// Dial connects to a gateway by whichever lane is first, HTTP/3 with a head
// start of Head, HTTP/2 first where HTTP/3 went silent in the last minutes. It
// proves both identities to each other, tries an address of each family, and
// returns once requests can be sent, and nothing has been.
//
// Where there is a ticket, an HTTP/3 carrier comes at once, before a packet was
// sent: until it is Secured nothing says that the gateway is there. Whoever
// wants the other lane then, Head later, dials it by DialLane.
//
// Of several failures, a refusal (ErrCertificate, ErrDevice) is told first.
func (d *Dialer) Dial(ctx context.Context, g wire.Gateway, id session.Identity) (Carrier, error) {
	lanes := d.Lanes()
	if len(lanes) == 2 && d.memory.suspected(g.Address, H3) && !d.memory.suspected(g.Address, H2) {
		lanes[0], lanes[1] = lanes[1], lanes[0]
	}
	attempts := make([]attempt, len(lanes))
	var silent bool // H3 was begun and had not failed when another had won; race waits for its end
	for i, lane := range lanes {
		attempts[i] = func(ctx context.Context) (Carrier, error) {
			c, err := d.DialLane(ctx, g, id, lane)
			if lane == H3 && err != nil && errors.Is(err, context.Canceled) {
				silent = true
			}
			return c, err
		}
	}
	c, n, err := race(ctx, Head, attempts)
	if err == nil && lanes[n] == H2 && lanes[0] == H3 && silent {
		d.memory.suspectLane(g.Address, H3)
	}
	return c, err
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
	var dial func(context.Context, netip.AddrPort, target) (Carrier, error)
	switch {
	case lane == H3 && d.listen != nil:
		dial = d.dialH3
	case lane == H2 && d.stream != nil:
		dial = d.dialH2
	default:
		return nil, fmt.Errorf("dial %s: %w", lane, errors.ErrUnsupported)
	}
	t := target{host: host, conf: conf, box: d.memory.box(g.Address, lane, id)}
	// Where the lane is in doubt, the handshake has to prove it.
	t.early = !d.memory.suspected(g.Address, lane)
	addrs, err := resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	attempts := make([]attempt, len(addrs))
	for i, addr := range addrs {
		attempts[i] = func(ctx context.Context) (Carrier, error) {
			c, err := dial(ctx, addr, t)
			if err != nil {
				return nil, fmt.Errorf("connect to %s: %w", addr, refusal(err))
			}
			return c, nil
		}
	}
	c, _, err := race(ctx, Head, attempts)
	if err == nil && !t.early {
		d.memory.trust(g.Address, lane)
	}
	return c, err
}

// Suspect notes that a carrier of this lane to this gateway went silent while it
// was in use: for some minutes the other lane is tried first, and this one
// without 0-RTT, so that what DialLane returns is proven. A success ends it.
func (d *Dialer) Suspect(g wire.Gateway, lane Lane) { d.memory.suspectLane(g.Address, lane) }
