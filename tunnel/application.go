package tunnel

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// application is one application's listener and what is known of its flows.
// The owner's, but for the atomic counters.
type application struct {
	up, down atomic.Int64
	used     atomic.Int64 // Unix time in nanoseconds; 0: never

	p       *plane
	want    session.WantedApp
	addr    netip.Addr
	l       listener
	stop    context.CancelFunc
	cut     int
	problem *wire.Problem
}

// newApplication listens for an application. Where it cannot, the application
// has a problem and no address.
func newApplication(p *plane, w session.WantedApp) *application {
	device := p.w.Identity.Device
	a := &application{p: p, want: w, stop: func() {}}
	a.addr = loopback(device, w.ID, func(addr netip.Addr) bool {
		for _, other := range p.apps {
			if other.addr == addr {
				return true
			}
		}
		return false
	})
	ctx, stop := context.WithCancel(p.ctx)
	l, err := p.listen(ctx, want{a.addr, []uint16{w.Port, spare(device, w.ID), 0}})
	if err != nil {
		stop()
		p.opt.Log.Error("no listener", "app", w.ID, "error", err)
		a.problem = &wire.Problem{
			Code:   wire.CodeInternal,
			Title:  "This application has no address on this computer",
			Detail: "Nothing could be made to listen for it; Tidegate's log says more.",
		}
		return a
	}
	a.l, a.stop = l, stop
	p.wg.Go(func() { p.accept(ctx, l, a.admit) })
	return a
}

// admit takes a connection of the user's: it becomes a flow, or is reset with
// the reason.
func (a *application) admit(c appConn) *flow {
	p := a.p
	if p.apps[a.want.ID] != a || p.stopping { // closed in the meantime
		reset(c)
		return nil
	}
	ch := p.channels[a.want.Site]
	switch {
	case !p.allowed:
		a.problem = notReached()
	case ch == nil:
		a.problem = noGateway()
	default:
		f := p.newFlow(ch, destination{a.want.Site, a.want.Entitlement, a.want.ID}, front.Offer{
			Target: a.target(), Via: front.ViaAddress,
			Accept: func() (front.Conn, error) { return c, nil },
			Refuse: func(*wire.Problem) { reset(c) },
		})
		f.look = func() error { return p.peer(c) }
		ch.demand(f)
		return f
	}
	p.dirty = true
	reset(c)
	return nil
}

// target is where its connections lead.
func (a *application) target() front.Target {
	return spell(front.Target{Host: a.want.Host, Port: a.want.Port, Protocol: wire.TCP})
}

// excuse forgets a problem of that code: its reason is over.
func (a *application) excuse(code wire.Code) {
	if a.problem != nil && a.problem.Code == code {
		a.problem = nil
		a.p.dirty = true
	}
}

// forget begins anew for another session.
func (a *application) forget() {
	a.up.Store(0)
	a.down.Store(0)
	a.used.Store(0)
	a.cut = 0
	if a.l != nil {
		a.problem = nil
	}
}

// close ends the listener and resets the flows.
func (a *application) close() {
	a.stop()
	if a.l != nil {
		a.l.Close()
	}
	for f := range a.p.flows {
		if f.app == a {
			f.stop(errClosed, nil)
		}
	}
}

func (a *application) fact() session.AppFact {
	f := session.AppFact{
		Up:      a.up.Load(),
		Down:    a.down.Load(),
		Problem: a.problem,
		Cut:     a.cut,
	}
	if a.l != nil {
		f.Listen = a.l.Addr()
	}
	f.Synthetic, _ = a.p.names.Addrs(a.target().Host)
	if n := a.used.Load(); n != 0 {
		f.LastUsed = time.Unix(0, n).UTC()
	}
	return f
}
