package classicvpn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

const (
	// rise bounds how long a tunnel may take to come about once the user has signed in.
	rise = 2 * time.Minute
	// conflicts is how often an address that is led to our own device is tried again,
	// and again how long it waits first; twice that the next time. ZTA's own addresses
	// move away from a network that has come.
	conflicts = 3
	again     = time.Second
)

// attempt makes one connection, from the first question to its end.
type attempt struct {
	v       *VPN
	to      session.VPNSettings
	ctx     context.Context
	stop    context.CancelFunc
	answers chan answer
	moved   chan bool // the network has changed; true: the machine has slept

	lease lease
	index int // of the device
	hooks chan turn
	vpn   *protocol.VPN     // what the device has; nil: nothing yet
	link  session.VPNLink   // that, for the user
	full  []session.VPNLeft // what was no room for in it
	over  chan struct{}     // closed when nobody hears openconnect any more
	roam  roam
}

// turn is what openconnect says, and waits for what comes of.
type turn struct {
	event hook.Event
	none  error // it cannot be understood
	done  chan error
}

func newAttempt(v *VPN, to session.VPNSettings, ctx context.Context, stop context.CancelFunc) *attempt {
	return &attempt{v: v, to: to, ctx: ctx, stop: stop, answers: make(chan answer, 1), moved: make(chan bool, 1), hooks: make(chan turn), over: make(chan struct{})}
}

// tell has the owner change the connection, while the attempt is the current one and
// nobody has ended it.
func (a *attempt) tell(msg func(*owner, *connection)) {
	a.v.tell(a.ctx, func(w *owner) {
		if w.current != a || a.ctx.Err() != nil {
			return
		}
		if c, err := w.get(a.to.ID); err == nil {
			msg(w, c)
		}
	})
}

// run makes the connection and holds it. It returns why it is over; nil: the user
// wanted it, or all ends.
func (a *attempt) run() *session.VPNFailure {
	err := a.hold()
	if a.ctx.Err() != nil || err == nil {
		return nil
	}
	f := failure(err)
	a.v.o.Log.Warn("a VPN is over", "code", f.Code, "detail", f.Detail)
	return f
}

func (a *attempt) hold() error {
	e, version, err := a.v.outside.find()
	a.tell(func(w *owner, _ *connection) { w.found(version) })
	if err != nil {
		return err
	}
	if err := e.Speaks(a.to.Protocol); err != nil {
		return err
	}
	// Before anything is typed: it may be for nothing.
	if a.lease, err = a.v.outside.open(a.ctx); err != nil {
		return err
	}
	a.tell(func(w *owner, _ *connection) { w.alone, w.dirty = false, w.dirty || w.alone })
	defer func() { a.letGo() }()
	s, err := a.signIn(e)
	if err != nil {
		return err
	}
	a.tell(func(w *owner, c *connection) {
		w.prompt = nil
		w.enter(c, session.VPNConnecting)
	})
	select {
	case <-a.lease.Lost():
		if err := a.reopen(nil); err != nil {
			return err
		}
	default:
	}
	d, err := a.v.outside.device(a.lease.Device())
	if err != nil {
		return err
	}
	a.index = d.index
	return a.carry(e, s)
}

// carry runs openconnect on a session until it ends, or is ended.
func (a *attempt) carry(e engine, s openconnect.Session) error {
	env, deaf, err := a.v.outside.listen(a.hear)
	if err != nil {
		return err
	}
	defer deaf()
	if o := a.v.o.Sensor; o != nil {
		o.Own(a.lease.Device(), a.to.ID)
		defer o.Own(a.lease.Device(), "")
	}
	r, err := e.Start(a.ctx, s, openconnect.Tunnel{Device: a.lease.Device(), Protocol: a.to.Protocol, Hook: a.v.o.Hook, Env: env, Log: a.v.o.Log})
	if err != nil {
		return err
	}
	err = a.follow(r)
	close(a.over)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), leave)
	defer cancel()
	if stopped := r.Stop(ctx); stopped != nil {
		a.v.o.Log.Warn("openconnect has not ended well", "error", stopped)
	}
	return err
}

// follow does what openconnect, the helper and the network have it do, until
// openconnect or the user ends it, or it cannot go on.
func (a *attempt) follow(r running) error {
	late := time.NewTimer(rise)
	defer late.Stop()
	wait := glance
	transport := time.NewTimer(wait)
	defer transport.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return nil
		case <-r.Done():
			if err := r.Wait(); err != nil {
				return err
			}
			return failing(session.VPNEnded, "")
		case <-late.C:
			return failing(session.VPNUnreachable, "the server lets nobody through")
		case t := <-a.hooks:
			err := a.turn(t, r)
			t.done <- err
			if err != nil {
				return err
			}
			if a.vpn != nil {
				late.Stop()
			}
			wait = glance
			transport.Reset(wait)
		case told := <-a.lease.Told():
			a.tell(a.told(told))
		case <-a.lease.Lost():
			if err := a.reopen(r); err != nil {
				return err
			}
		case slept := <-a.moved:
			a.roam.changed(a.way(), slept, a.vpn != nil)
		case <-a.roam.due():
			a.roam.done(a.way())
			if err := r.Reconnect(); err != nil {
				a.v.o.Log.Warn("openconnect cannot be told of the new network", "error", err)
			}
		case <-transport.C:
			a.carried(r)
			wait = min(2*wait, glances)
			transport.Reset(wait)
		}
	}
}

// glance is when it is looked what carries the packets, after openconnect has spoken:
// DTLS and ESP come a moment after TLS. It is looked less and less often, down to
// glances, as they may end.
const (
	glance  = 5 * time.Second
	glances = time.Minute
)

func (a *attempt) carried(r running) {
	by := r.Transport()
	if by == a.link.Transport {
		return
	}
	a.link.Transport = by
	a.tell(func(w *owner, c *connection) {
		if c.link.Adapter != "" && c.link.Transport != by {
			c.link.Transport, w.dirty = by, true
		}
	})
}

func (a *attempt) way() string {
	if a.vpn == nil {
		return ""
	}
	return a.v.outside.way(a.vpn.Server)
}

// hear is called with each of openconnect's turns, and returns when all is done.
func (a *attempt) hear(ctx context.Context, env []string) error {
	e, err := hook.Parse(env)
	switch e.Reason {
	case hook.PreInit, hook.Disconnect:
		return nil // the device is there, and goes with the lease
	}
	t := turn{e, err, make(chan error, 1)}
	select {
	case a.hooks <- t:
	case <-ctx.Done():
		return ctx.Err()
	case <-a.over:
		return errors.New("it is over")
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// turn does what openconnect says.
func (a *attempt) turn(t turn, r running) error {
	e := t.event
	if t.none != nil {
		return t.none
	}
	if e.Reason == hook.AttemptReconnect {
		a.tell(func(w *owner, c *connection) {
			if c.phase == session.VPNConnected {
				w.enter(c, session.VPNReconnecting)
			}
		})
		return nil
	}
	if e.Device != a.lease.Device() {
		return fmt.Errorf("openconnect speaks of the device %.40q, and ours is %s", e.Device, a.lease.Device())
	}
	told, err := a.apply(&e.VPN, r)
	if err != nil {
		return err
	}
	first := a.vpn == nil
	a.vpn, a.full = &e.VPN, e.Left
	a.link = linkOf(a.lease.Device(), e)
	a.link.Transport = r.Transport()
	a.roam.goes(a.way())
	d, err := a.v.outside.device(a.lease.Device())
	if err != nil {
		return err
	}
	set := a.told(told)
	a.tell(func(w *owner, c *connection) {
		if first {
			c.began = d
		}
		set(w, c)
		w.enter(c, session.VPNConnected)
	})
	return nil
}

// apply has the helper do what the server wants.
func (a *attempt) apply(v *protocol.VPN, r running) (protocol.VPNTold, error) {
	wait := again
	for refused := 0; ; {
		a.v.o.Ahead()
		told, err := a.lease.Apply(a.ctx, v)
		if err == nil {
			return told, nil
		}
		switch {
		case a.ctx.Err() != nil:
			return told, a.ctx.Err()
		case a.lost(err):
			if err := a.reopen(r); err != nil {
				return told, err
			}
			continue
		case errors.Is(err, &protocol.Refusal{Code: protocol.Conflict}) && refused < conflicts:
			refused++
			if err := a.wait(wait, r); err != nil {
				return told, err
			}
			wait *= 2
		default:
			return told, err
		}
	}
}

// notice is how long it may take to be heard of that a helper has gone.
const notice = 2 * time.Second

// lost says whether an error is that of a helper that has gone, or has come anew.
func (a *attempt) lost(err error) bool {
	var r *protocol.Refusal
	if errors.As(err, &r) && r.Code != protocol.NoVPN {
		return false
	}
	late := time.NewTimer(notice)
	defer late.Stop()
	select {
	case <-a.lease.Lost():
		return true
	case <-late.C:
	case <-a.ctx.Done():
	}
	return false
}

// wait waits, but not beyond the end of it all. r may be nil.
func (a *attempt) wait(d time.Duration, r running) error {
	var ended <-chan struct{}
	if r != nil {
		ended = r.Done()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ended:
		if err := r.Wait(); err != nil {
			return err
		}
		return failing(session.VPNEnded, "")
	case <-a.ctx.Done():
		return a.ctx.Err()
	}
}

// failure says why a connection is not up. What is not known is told in the words
// that it came in.
func failure(err error) *session.VPNFailure {
	var f *openconnect.Failure
	var r *protocol.Refusal
	switch {
	case errors.As(err, &f):
		v := f.VPNFailure
		return &v
	case errors.Is(err, openconnect.ErrAbsent):
		return &session.VPNFailure{Code: session.VPNNoEngine}
	case errors.Is(err, errNoHelper):
		return &session.VPNFailure{Code: session.VPNNoHelper}
	case errors.As(err, &r):
		code := map[protocol.Code]session.VPNFailureCode{protocol.Busy: session.VPNBusy, protocol.Conflict: session.VPNConflictFailed, protocol.Outside: session.VPNOutside}[r.Code]
		if code == "" {
			code = session.VPNFailed
		}
		return &session.VPNFailure{Code: code, Detail: r.Text}
	}
	return &session.VPNFailure{Code: session.VPNFailed, Detail: err.Error()}
}

// quote has a shell take s as one word.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
