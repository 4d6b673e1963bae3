package underlay

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// head is what each way has before the next is tried beside it (RFC 8305, section 5,
// has 250 ms for addresses).
const head = 300 * time.Millisecond

// way is one by which somebody may be reached.
type way struct {
	dialer net.Dialer
	to     netip.AddrPort
	// beside a tunnel that leads there, or through it; neither: no tunnel does.
	beside, through bool
}

// DialTCP connects to an address, or to a name's, by the physical adapter first.
func (u *Underlay) DialTCP(ctx context.Context, d net.Dialer, network, addr string) (net.Conn, error) {
	if u == nil {
		return d.DialContext(ctx, network, addr)
	}
	all, err := addresses(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	ways, led := u.ways(d, all)
	if !led {
		d = u.held(d)
		return d.DialContext(ctx, network, addr)
	}
	c, w, err := race(ctx, ways, network)
	if err == nil {
		u.learn(w)
	} else if ctx.Err() == nil {
		u.forget(all)
	}
	return c, err
}

// addresses are those of an address or a name with a port, at least one.
func addresses(ctx context.Context, network, addr string) (all []netip.AddrPort, err error) {
	if at, err := netip.ParseAddrPort(addr); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(at.Addr().Unmap(), at.Port())}, nil
	}
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+strings.TrimPrefix(network, "tcp"), host)
	for _, ip := range ips {
		all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return all, err
}

// ways are those to the addresses, for each that first which was the last; led: a
// tunnel leads to one of them.
func (u *Underlay) ways(d net.Dialer, all []netip.AddrPort) (ways []way, led bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, at := range all {
		name := u.adapter(at.Addr())
		if name == "" {
			ways = append(ways, way{dialer: u.held(d), to: at})
			continue
		}
		led = true
		beside := way{to: at, beside: true, dialer: with(d, func(_ string, c syscall.RawConn) error { return u.bind(c, name) })}
		through := way{to: at, through: true, dialer: d}
		if u.past(at.Addr()) {
			beside, through = through, beside
		}
		ways = append(ways, beside, through)
	}
	return ways, led
}

// held is a Dialer whose sockets go the right way, should a VPN come up.
func (u *Underlay) held(d net.Dialer) net.Dialer {
	return with(d, func(address string, c syscall.RawConn) error {
		if at, err := netip.ParseAddrPort(address); err == nil {
			u.keep(&socket{to: at.Addr().Unmap(), conn: c, tcp: true})
		}
		return nil
	})
}

// with is a Dialer that does more with a socket before it connects.
func with(d net.Dialer, more func(address string, c syscall.RawConn) error) net.Dialer {
	first := d.Control
	d.Control = func(network, address string, c syscall.RawConn) error {
		if first != nil {
			if err := first(network, address, c); err != nil {
				return err
			}
		}
		return more(address, c)
	}
	return d
}

// learn notes by which way somebody was reached.
func (u *Underlay) learn(w way) {
	u.mu.Lock()
	defer u.mu.Unlock()
	to := w.to.Addr()
	switch past := u.past(to); {
	case w.beside && past:
		u.log.Info("reached beside the VPN again", "to", to)
		delete(u.around, to)
	case w.through && !past: // the adapter is first again when that is over
		u.log.Info("reached through the VPN alone", "to", to)
		u.around[to] = u.now().Add(around)
	}
}

// forget has the physical adapter be first.
func (u *Underlay) forget(all []netip.AddrPort) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, at := range all {
		delete(u.around, at.Addr())
	}
}

// race connects by the first way, and by the next too whenever one has failed or has
// taken head; it says which it was. What fails first is told.
func race(ctx context.Context, ways []way, network string) (c net.Conn, by way, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		c   net.Conn
		by  way
		err error
	}
	results := make(chan result, len(ways))
	begun, running := 0, 0
	late := time.NewTimer(head)
	defer late.Stop()
	start := func() {
		if begun == len(ways) {
			return
		}
		w := ways[begun]
		begun++
		running++
		late.Reset(head)
		go func() {
			c, err := w.dialer.DialContext(ctx, network, w.to.String())
			results <- result{c, w, err}
		}()
	}
	start()
	for running > 0 {
		select {
		case <-late.C:
		case r := <-results:
			running--
			if r.err == nil {
				cancel()
				for ; running > 0; running-- {
					if other := <-results; other.c != nil {
						other.c.Close()
					}
				}
				return r.c, r.by, nil
			}
			if err == nil {
				err = r.err
			}
		}
		start()
	}
	return nil, way{}, err
}
