package gather

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/app/diag"
)

// sizes are the UDP payloads that a path is tried with, in bytes. QUIC needs the
// first (RFC 9000, section 14); ours begins with 1280; the last but one fills an
// Ethernet packet of IPv6, the last one of IPv4.
var sizes = []int{1200, 1252, 1280, 1320, 1360, 1400, 1420, 1452, 1472}

const (
	// roomy is what QUIC begins with here.
	roomy = 1280
	// rounds are how often what was not answered is sent, roundTime is how long is
	// waited after each.
	rounds    = 4
	roundTime = 400 * time.Millisecond
	// apart are the packets of a round: a server may answer few at a time.
	apart = 5 * time.Millisecond
)

// path finds out how large packets may be on the way to a server of QUIC. It sends
// first packets of a version that nobody speaks, of each size, which may not be cut
// in pieces on the way: a server answers each that arrives by the versions that it
// speaks (RFC 9000, section 6), and nothing comes of it.
func (r *run) path(ctx context.Context, id string, title said, address string) found {
	c := check{id: id + "-mtu", title: title}
	best, err := r.largest(ctx, address)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		c.text = say("It cannot be found out on this system.")
	case err != nil:
		c.text = say("It cannot be found out: %s.", plain(err))
	case best == 0:
		c.text = say("It cannot be found out: nothing came back over UDP.")
	case best < roomy:
		c.is(diag.Warning, say("Packets of no more than %d bytes arrive, without their headers.", best),
			say("QUIC may not connect, and TCP is used instead. A VPN or the line takes room from each packet: ask who runs it to raise its MTU."))
	case best < sizes[len(sizes)-2]:
		c.outcome = diag.Good
		c.text = say("Packets of %d bytes arrive, without their headers: enough, though less than Ethernet's.", best)
	default:
		c.outcome = diag.Good
		c.text = say("Packets of %d bytes arrive, without their headers: all that Ethernet carries.", best)
	}
	return found{checks: []check{c}}
}

// largest is the largest of sizes that is answered; 0: none.
func (r *run) largest(ctx context.Context, address string) (int, error) {
	to, err := resolve(ctx, address)
	if err != nil {
		return 0, err
	}
	sock, err := net.ListenUDP("udp", nil)
	if err != nil {
		return 0, err
	}
	defer sock.Close()
	r.Underlay.Hold(sock, to.Addr())
	raw, err := sock.SyscallConn()
	if err == nil {
		err = unfragmented(raw)
	}
	if err != nil {
		return 0, err
	}
	t := trial{sock: sock, to: to}
	rand.Read(t.name[:])
	return t.run(ctx)
}

func resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	best := ips[0].Unmap()
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			best = ip
			break
		}
	}
	return netip.AddrPortFrom(best, uint16(port)), nil
}

// trial is one path's.
type trial struct {
	sock *net.UDPConn
	to   netip.AddrPort
	name [7]byte // of our packets, before the size's number
	over [16]bool
	best int
}

func (t *trial) run(ctx context.Context) (int, error) {
	for range rounds {
		left := 0
		for i, size := range sizes {
			if t.over[i] || size <= t.best {
				continue
			}
			_, err := t.sock.WriteToUDPAddrPort(t.packet(i), t.to)
			switch {
			case errors.Is(err, syscall.EMSGSIZE): // the adapter's own MTU is less, or one on the way that was learnt
				t.over[i] = true
				continue
			case err != nil:
				return t.best, err
			}
			left++
			t.hear(ctx, time.Now().Add(apart), func() bool { return false })
		}
		if left > 0 {
			t.hear(ctx, time.Now().Add(roundTime), func() bool { return t.best == sizes[len(sizes)-1] })
		}
		if left == 0 || ctx.Err() != nil {
			break
		}
	}
	return t.best, nil
}

// hear takes answers until an instant, or until enough says so.
func (t *trial) hear(ctx context.Context, until time.Time, enough func() bool) {
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	stop := context.AfterFunc(ctx, func() { t.sock.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	t.sock.SetReadDeadline(until)
	var b [2048]byte
	for ctx.Err() == nil && !enough() {
		n, from, err := t.sock.ReadFromUDPAddrPort(b[:])
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return
		case err != nil: // such as that nobody listens there
			if time.Now().After(until) {
				return
			}
			continue
		case from.Port() != t.to.Port():
			continue
		}
		if i, ok := t.answer(b[:n]); ok {
			t.over[i] = true
			t.best = max(t.best, sizes[i])
		}
	}
}

// unspoken is a version that is never spoken (RFC 9000, section 15).
const unspoken = 0x5a6a7a8a

// packet is a long header (RFC 8999, section 5.1) of the i-th size.
func (t *trial) packet(i int) []byte {
	b := make([]byte, 0, sizes[i])
	b = append(b, 0xc0)
	b = binary.BigEndian.AppendUint32(b, unspoken)
	for range 2 { // destination, source
		b = append(b, byte(len(t.name)+1))
		b = append(b, t.name[:]...)
		b = append(b, byte(i))
	}
	return b[:sizes[i]]
}

// answer says which packet a version negotiation (RFC 8999, section 6) answers.
func (t *trial) answer(b []byte) (i int, ok bool) {
	const head = 6
	if len(b) < head+len(t.name)+1 || b[0]&0x80 == 0 || binary.BigEndian.Uint32(b[1:]) != 0 || int(b[5]) != len(t.name)+1 ||
		!bytes.Equal(b[head:head+len(t.name)], t.name[:]) {
		return 0, false
	}
	i = int(b[head+len(t.name)])
	return i, i < len(sizes)
}
