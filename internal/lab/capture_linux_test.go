package lab_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// capture is what has gone by Tidegate's device and to the lab's gateway, in order.
type capture struct {
	*resolvedtest.Sniffer
	gateway uint16 // its port

	mu     sync.Mutex
	device map[int]bool // whether a link is Tidegate's
	passed []passed
}

// passed is a packet that went by.
type passed struct {
	gateway  bool // to the gateway, and not by the device
	sent     bool // by the machine, and not by Tidegate for an application
	proto    byte
	from, to netip.AddrPort // without ports where there are none
	flags    byte           // of TCP
}

func (p passed) String() string {
	return fmt.Sprintf("protocol %d from %v to %v (sent %t, flags %#x)", p.proto, p.from, p.to, p.sent, p.flags)
}

const (
	syn, rst, ack = 2, 4, 16 // flags

	deviceName = "tide0" // and what follows
)

// sniff begins before there is a device.
func sniff(gateway string) (*capture, error) {
	_, port, err := net.SplitHostPort(gateway)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	c := &capture{gateway: uint16(n), device: map[int]bool{}}
	c.Sniffer, err = resolvedtest.Sniff(func(f func() error) error { return f() }, "", c.note)
	return c, err
}

func (c *capture) note(p resolvedtest.Packet) {
	got, ok := parse(p.Data)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ours, known := c.device[p.Link]
	if !known {
		d, err := net.InterfaceByIndex(p.Link)
		ours = err == nil && strings.HasPrefix(d.Name, deviceName)
		c.device[p.Link] = ours
	}
	got.sent = p.Sent
	got.gateway = !ours && got.to.Port() == c.gateway && got.to.Addr().IsLoopback()
	if ours || got.gateway && p.Sent {
		c.passed = append(c.passed, got)
	}
}

func parse(b []byte) (p passed, ok bool) {
	var from, to netip.Addr
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		from, to = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		p.proto, b = b[9], b[min(len(b), int(b[0]&15)*4):]
	case len(b) >= 40 && b[0]>>4 == 6:
		from, to = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		p.proto, b = b[6], b[40:]
		if p.proto == 0 && len(b) >= 8 { // options for each hop, which reports for groups have
			p.proto, b = b[0], b[8:]
		}
	default:
		return p, false
	}
	var source, destination uint16
	if (p.proto == unix.IPPROTO_TCP || p.proto == unix.IPPROTO_UDP) && len(b) >= 4 {
		source, destination = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	}
	if p.proto == unix.IPPROTO_TCP && len(b) >= 14 {
		p.flags = b[13]
	}
	p.from, p.to = netip.AddrPortFrom(from, source), netip.AddrPortFrom(to, destination)
	return p, true
}

// all is what has passed till now.
func (c *capture) all() ([]passed, error) {
	missed, err := c.Missed()
	if err = errors.Join(err, c.Catch()); err != nil || missed > 0 {
		return nil, fmt.Errorf("%d packets were missed: %w", missed, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed, nil
}

// await waits for a packet.
func (c *capture) await(ctx context.Context, is func(passed) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		all, err := c.all()
		if err != nil || slices.ContainsFunc(all, is) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// silent fails where anything was said to the gateway.
func (c *capture) silent() error {
	all, err := c.all()
	if err != nil {
		return err
	}
	for i, p := range all {
		if p.gateway {
			return fmt.Errorf("after %v a packet goes to the gateway: %v", all[max(0, i-5):i], p)
		}
	}
	return nil
}

// opened checks what the first connection from a port came to: one SYN, then what
// opens a channel, and only then the answer, without a RST.
func (c *capture) opened(from netip.AddrPort) error {
	all, err := c.all()
	if err != nil {
		return err
	}
	asked, channel, answered := -1, -1, -1
	for i, p := range all {
		switch {
		case p.gateway:
			if channel < 0 {
				channel = i
			}
		case p.proto != unix.IPPROTO_TCP || p.from != from && p.to != from:
		case p.flags&rst != 0:
			return fmt.Errorf("packet %d is a RST: %v", i, p)
		case p.flags&(syn|ack) == syn && asked >= 0:
			return fmt.Errorf("packets %d and %d are SYNs", asked, i)
		case p.flags&(syn|ack) == syn:
			asked = i
		case p.flags&(syn|ack) == syn|ack && answered < 0:
			answered = i
		}
	}
	if asked < 0 || channel < asked || answered < channel {
		return fmt.Errorf("the SYN is packet %d, the first to the gateway %d, the answer %d", asked, channel, answered)
	}
	return nil
}
