package resolver

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

const (
	spread     = 64               // sockets towards a server, one of which takes each lookup
	wear       = 200              // lookups of a socket; then another port takes its place
	idle       = 10 * time.Second // of a socket; then it is closed
	mostSocket = 512              // of all
	looseFor   = 30 * time.Second // until binding is tried anew
)

var (
	errTooMany   = errors.New("too many sockets in use")
	errOurselves = errors.New("the server is ourselves")
	errNoAnswer  = errors.New("what came answers something else")

	errMayNotBind = errors.New("this system lets only root bind sockets to an adapter")
)

// socket is one port of ours, connected to a server. The forwarder's lock guards it.
type socket struct {
	conn    net.Conn
	target  *target
	bound   bool
	used    int
	last    time.Time
	flights map[uint16]*flight // by the ID that was sent
	gone    bool               // no more lookups; closed when it has none
}

// blocked says whether an error is that of a socket that may not, or cannot, be
// bound to its adapter. Where another program's rules keep traffic in its tunnel,
// sending fails with EPERM.
func blocked(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENODEV) || errors.Is(err, errMayNotBind)
}

// noDescriptors says whether an error is that there are no descriptors left, for
// the process or the machine.
func noDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// open is a socket towards a target that is open, best that of the slot; or nil.
// Called with the forwarder's lock held.
func (t *target) open(slot **socket) *socket {
	for i := range t.sockets {
		if *slot != nil {
			break
		}
		slot = &t.sockets[i]
	}
	return *slot
}

// dial is a connection to a target, bound to its adapter where that is possible.
func (w *forwarder) dial(ctx context.Context, network string, t *target) (conn net.Conn, bound bool, err error) {
	w.mu.Lock()
	bound = t.bind(time.Now())
	w.mu.Unlock()
	if bound {
		conn, err = w.connect(ctx, network, t.server.String(), t.device.name)
		if err == nil || !blocked(err) {
			return conn, true, err
		}
		w.loosen(t, err)
	}
	conn, err = w.connect(ctx, network, t.server.String(), "")
	return conn, false, err
}

// bind says whether sockets are bound to the adapter now. Called with the
// forwarder's lock held.
func (t *target) bind(now time.Time) bool {
	return t.device != nil && since(now, t.device.loose) >= 0
}

// loosen has sockets to a target's adapter not be bound for a while.
func (w *forwarder) loosen(t *target, err error) {
	w.mu.Lock()
	t.device.loose = time.Now().Add(looseFor)
	w.mu.Unlock()
	if !t.device.told.Swap(true) {
		w.log.Warn("lookups leave where the routes lead", "device", t.device.name, "error", err)
		w.bound(t.device.name, err)
	}
}

// tighten says that a bound socket has sent.
func (w *forwarder) tighten(t *target) {
	if t.device.told.Load() && t.device.told.Swap(false) {
		w.log.Info("lookups leave by their adapter again", "device", t.device.name)
		w.bound(t.device.name, nil)
	}
}

// dialBound connects a socket that is bound to a device; empty: not bound.
func dialBound(ctx context.Context, d net.Dialer, network, server, device string) (net.Conn, error) {
	if device != "" {
		d.Control = func(network, _ string, c syscall.RawConn) error {
			var failed error
			if err := c.Control(func(fd uintptr) { failed = bindTo(fd, network, device) }); err != nil {
				return err
			}
			return failed
		}
	}
	return d.DialContext(ctx, network, server)
}
