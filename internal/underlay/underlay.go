package underlay

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// head is what the physical adapter has before the VPN is tried beside it (RFC
	// 8305, section 5, has 250 ms for addresses).
	head = 300 * time.Millisecond
	// around is how long it is remembered that somebody is reached through the VPN.
	around = 10 * time.Minute
)

// Options for New.
type Options struct {
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Underlay makes sockets leave by the right adapter. Make it with New; with a nil one
// they leave wherever the routes lead.
type Underlay struct {
	log *slog.Logger
	// adapter is the physical one where somebody's tunnel leads to an address; empty:
	// no tunnel does, or nobody knows.
	adapter func(to netip.Addr) string
	// bind has a socket use one adapter alone.
	bind func(c syscall.RawConn, adapter string) error
	now  func() time.Time

	mu     sync.Mutex
	around map[netip.Addr]time.Time // until when they are reached through the VPN
	open   []socket                 // plain ones, with some that were closed since
}

// socket is one that is open, or was.
type socket struct {
	to   netip.Addr
	conn syscall.RawConn
}

// New makes an Underlay.
func New(o Options) *Underlay {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Underlay{log: o.Log, adapter: physical(), bind: bind, now: time.Now, around: map[netip.Addr]time.Time{}}
}

// Hold takes a UDP socket that is bound to no address of this machine's, and that
// is to send to one: it is bound to the physical adapter where it has to be, now or
// later.
func (u *Underlay) Hold(c syscall.Conn, to netip.Addr) {
	if u == nil {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return // it is closed
	}
	if to = to.Unmap(); !u.hold(raw, to) {
		u.keep(socket{to, raw})
	}
}

// hold binds a socket where it has to be, and says whether it did.
func (u *Underlay) hold(c syscall.RawConn, to netip.Addr) bool {
	name, around := u.way(to)
	if name == "" || around {
		return false
	}
	err := u.bind(c, name)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		u.log.Warn("a socket cannot be bound to the physical adapter, and goes through the VPN", "adapter", name, "to", to, "error", err)
	}
	return err == nil
}

// way is the physical adapter where a tunnel leads to an address; empty: none does.
// around: it was reached through the tunnel, last.
func (u *Underlay) way(to netip.Addr) (name string, around bool) {
	u.mu.Lock()
	until, ok := u.around[to]
	if ok && !u.now().Before(until) {
		delete(u.around, to)
		ok = false
	}
	u.mu.Unlock()
	return u.adapter(to), ok
}

// keep remembers a plain socket, and forgets those that were closed.
func (u *Underlay) keep(s socket) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open = append(u.opened(), s)
}

// opened are those of open that are. The caller has the lock.
func (u *Underlay) opened() []socket {
	left := u.open[:0]
	for _, s := range u.open {
		if s.conn.Control(func(uintptr) {}) == nil {
			left = append(left, s)
		}
	}
	clear(u.open[len(left):])
	return left
}

// Changed binds the plain sockets that somebody's tunnel leads away from now, and
// forgets who was reached through one. It is called when the network has changed.
func (u *Underlay) Changed() {
	if u == nil {
		return
	}
	u.mu.Lock()
	clear(u.around)
	open := u.opened()
	u.open = nil
	u.mu.Unlock()
	for _, s := range open {
		if !u.hold(s.conn, s.to) {
			u.keep(s)
		}
	}
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
	if !slices.ContainsFunc(all, func(a netip.AddrPort) bool { return u.adapter(a.Addr()) != "" }) {
		return u.plain(ctx, d, network, addr)
	}
	for _, at := range all {
		var c net.Conn
		if c, err = u.dial(ctx, d, network, at); err == nil || ctx.Err() != nil {
			return c, err
		}
	}
	return nil, err
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

// plain connects wherever the routes lead.
func (u *Underlay) plain(ctx context.Context, d net.Dialer, network, addr string) (net.Conn, error) {
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	t, ok := c.(*net.TCPConn)
	far, ok2 := c.RemoteAddr().(*net.TCPAddr)
	if ok && ok2 {
		if raw, err := t.SyscallConn(); err == nil {
			u.keep(socket{far.AddrPort().Addr().Unmap(), raw})
		}
	}
	return c, nil
}

// dial connects to one address, the way first that was the last.
func (u *Underlay) dial(ctx context.Context, d net.Dialer, network string, at netip.AddrPort) (net.Conn, error) {
	name, past := u.way(at.Addr())
	if name == "" {
		return u.plain(ctx, d, network, at.String())
	}
	bound := d
	bound.Control = func(network, address string, c syscall.RawConn) error {
		if d.Control != nil {
			if err := d.Control(network, address, c); err != nil {
				return err
			}
		}
		return u.bind(c, name)
	}
	ways := [2]net.Dialer{bound, d}
	if past {
		ways = [2]net.Dialer{d, bound}
	}
	c, second, err := either(ctx, ways, network, at.String())
	if err != nil || second == past {
		if err == nil && past {
			u.log.Info("reached beside the VPN again", "to", at.Addr())
		}
		u.forget(at.Addr())
		return c, err
	}
	if !past { // the adapter is first again when that is over
		u.log.Info("reached through the VPN alone", "to", at.Addr())
		u.mu.Lock()
		u.around[at.Addr()] = u.now().Add(around)
		u.mu.Unlock()
	}
	return c, nil
}

// forget has the physical adapter be first.
func (u *Underlay) forget(to netip.Addr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.around, to)
}

// either connects by the first way, and by the second too when that has failed or
// has taken head; it says whether that was the one. What fails first is told.
func either(ctx context.Context, ways [2]net.Dialer, network, addr string) (c net.Conn, second bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		c      net.Conn
		second bool
		err    error
	}
	results := make(chan result, len(ways))
	begun, running := 0, 0
	start := func() {
		if begun == len(ways) {
			return
		}
		n := begun
		begun++
		running++
		go func() {
			c, err := ways[n].DialContext(ctx, network, addr)
			results <- result{c, n == 1, err}
		}()
	}
	start()
	late := time.NewTimer(head)
	defer late.Stop()
	for running > 0 {
		select {
		case <-late.C:
		case r := <-results:
			running--
			if r.err == nil {
				cancel()
				if running > 0 {
					if other := <-results; other.c != nil {
						other.c.Close()
					}
				}
				return r.c, r.second, nil
			}
			if err == nil {
				err = r.err
			}
		}
		start()
	}
	return nil, false, err
}
