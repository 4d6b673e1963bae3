package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// errNoPing: the system allows neither a ping socket nor a raw one.
var errNoPing = errors.New("no socket for pings may be opened")

// pings numbers them, so that each knows its answer.
var pings atomic.Uint32

// sendEcho sends an echo request with so many bytes, and waits for the answer.
func sendEcho(ctx context.Context, to netip.Addr, size int) (time.Duration, error) {
	p := &pinger{to: to, id: int(pings.Add(1)>>16^uint32(os.Getpid())) & 0xffff, seq: int(pings.Load()) & 0xffff, data: make([]byte, size)}
	rand.Read(p.data) // never fails (crypto/rand)
	if err := p.open(); err != nil {
		return 0, err
	}
	defer p.conn.Close()
	stop := context.AfterFunc(ctx, func() { p.conn.SetDeadline(past) })
	defer stop()
	rtt, err := p.exchange()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return rtt, err
}

// pinger is one ping.
type pinger struct {
	to      netip.Addr
	conn    *icmp.PacketConn
	raw     bool // the socket sees other programs' answers too
	id, seq int
	data    []byte
}

// open takes a ping socket, which needs no privilege, or a raw one.
func (p *pinger) open() (err error) {
	network, any := [2]string{"udp4", "ip4:icmp"}, "0.0.0.0"
	if p.to.Is6() {
		network, any = [2]string{"udp6", "ip6:ipv6-icmp"}, "::"
	}
	for i, n := range network {
		if p.conn, err = icmp.ListenPacket(n, any); err == nil {
			p.raw = i == 1
			return nil
		}
		if !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EPROTONOSUPPORT) {
			return fmt.Errorf("open a socket for pings: %w", err)
		}
	}
	return errNoPing
}

func (p *pinger) exchange() (time.Duration, error) {
	request, answer, protocol := icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply), 1
	if p.to.Is6() {
		request, answer, protocol = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply, 58
	}
	message, err := (&icmp.Message{Type: request, Body: &icmp.Echo{ID: p.id, Seq: p.seq, Data: p.data}}).Marshal(nil)
	if err != nil {
		return 0, fmt.Errorf("make a ping: %w", err)
	}
	var to net.Addr = &net.UDPAddr{IP: p.to.AsSlice()}
	if p.raw {
		to = &net.IPAddr{IP: p.to.AsSlice()}
	}
	began := time.Now()
	if _, err := p.conn.WriteTo(message, to); err != nil {
		return 0, fmt.Errorf("ping %s: %w", p.to, err)
	}
	buf := make([]byte, 64<<10)
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if err != nil {
			return 0, fmt.Errorf("ping %s: %w", p.to, err)
		}
		m, err := icmp.ParseMessage(protocol, buf[:n])
		if err != nil || m.Type != answer || p.raw && !p.is(from) {
			continue
		}
		if e, ok := m.Body.(*icmp.Echo); ok && e.Seq == p.seq && (!p.raw || e.ID == p.id) && bytes.Equal(e.Data, p.data) {
			return time.Since(began), nil
		}
	}
}

// is says whether from is who was pinged.
func (p *pinger) is(from net.Addr) bool {
	a, ok := from.(*net.IPAddr)
	if !ok {
		return false
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	return ok && ip.Unmap() == p.to
}
