package underlay

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// around is how long it is remembered that somebody is reached through the VPN.
	around = 10 * time.Minute
	// ahead is how long a VPN may take to come up, and to be heard of.
	ahead = 10 * time.Second
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
	// adapter is the physical one where somebody's tunnel leads to an address, and that
	// adapter does, too; empty: no tunnel does, nothing else does, or nobody knows.
	adapter func(to netip.Addr) string
	// out is it where no tunnel leads to an address, and the routes lead out of it.
	out func(to netip.Addr) string
	// bind has a TCP socket use one adapter alone, for good; point has datagrams to an
	// address leave by one, or wherever the routes lead (empty).
	bind  func(c syscall.RawConn, adapter string) error
	point func(c syscall.RawConn, to netip.Addr, adapter string) error
	now   func() time.Time

	// mu is held while the kernel is asked, too: what changes meanwhile is seen after.
	mu     sync.Mutex
	ahead  time.Time                // until then a VPN may come up
	around map[netip.Addr]time.Time // until when they are reached through the VPN
	open   []*socket                // with some that were closed since
}

// socket is one that is open, or was.
type socket struct {
	to   netip.Addr
	conn syscall.RawConn
	tcp  bool
	// by is the adapter that it is bound or pointed to; empty: it goes wherever the
	// routes lead.
	by string
	// around: it goes through the VPN, by which alone somebody was reached.
	around bool
}

// New makes an Underlay.
func New(o Options) *Underlay {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	u := &Underlay{log: o.Log, bind: bind, point: point, now: time.Now, around: map[netip.Addr]time.Time{}}
	u.adapter, u.out = physical()
	return u
}

// Hold takes a UDP socket that is bound to no address of this machine's, and that
// is to send to one: it leaves by the physical adapter where it has to, now or later,
// and so long as it has to.
func (u *Underlay) Hold(c syscall.Conn, to netip.Addr) {
	if u == nil {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return // it is closed
	}
	u.keep(&socket{to: to.Unmap(), conn: raw})
}

// keep has a socket go the right way, from now on, and forgets those that were closed.
func (u *Underlay) keep(s *socket) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s.around = u.past(s.to)
	u.steer(s)
	u.open = append(u.opened(), s)
}

// steer has a socket go the right way. The caller has the lock.
func (u *Underlay) steer(s *socket) {
	name := u.adapter(s.to)
	switch {
	case name == "":
		s.around = false
		if u.now().Before(u.ahead) {
			name = u.out(s.to)
		}
	case s.around:
		name = ""
	}
	if name == s.by || s.tcp && s.by != "" {
		return
	}
	var err error
	if s.tcp {
		err = u.bind(s.conn, name)
	} else {
		err = u.point(s.conn, s.to, name)
	}
	switch {
	case err == nil:
		s.by = name
	case !errors.Is(err, net.ErrClosed):
		u.log.Warn("a socket is not led out of the right adapter", "adapter", name, "before", s.by, "to", s.to, "error", err)
	}
}

// past says whether somebody was reached through the VPN, last. The caller has the
// lock.
func (u *Underlay) past(to netip.Addr) bool {
	until, ok := u.around[to]
	if ok && !u.now().Before(until) {
		delete(u.around, to)
		ok = false
	}
	return ok
}

// opened are those of open that are. The caller has the lock.
func (u *Underlay) opened() []*socket {
	return slices.DeleteFunc(u.open, func(s *socket) bool { return s.conn.Control(func(uintptr) {}) != nil })
}

// Changed has the sockets that are open go the right way, and forgets who was reached
// through a VPN; those that were stay so. It is called when the network has changed.
func (u *Underlay) Changed() {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.around)
	u.all()
}

// Ahead has what leaves by the physical adapter go on doing so: a VPN is about to
// come up, and that is heard of a moment after it has.
func (u *Underlay) Ahead() {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ahead = u.now().Add(ahead)
	u.all()
}

// all has the sockets that are open go the right way. The caller has the lock.
func (u *Underlay) all() {
	u.open = u.opened()
	for _, s := range u.open {
		u.steer(s)
	}
}
