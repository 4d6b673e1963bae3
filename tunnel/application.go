package tunnel

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
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
			Detail: err.Error(),
		}
		return a
	}
	a.l, a.stop = l, stop
	p.wg.Go(func() { p.accept(ctx, l, a.admit) })
	return a
}

// admit takes a connection of the user's: it becomes a flow, or is reset with
// the reason.
func (a *application) admit(c appConn) {
	p := a.p
	ch := p.channels[a.want.Site]
	switch {
	case p.apps[a.want.ID] != a:
		reset(c) // closed in the meantime
	case !p.allowed:
		reset(c)
		a.problem = notReached()
		p.dirty = true
	case ch == nil:
		reset(c)
		a.problem = &wire.Problem{
			Code:   wire.CodeNotEntitled,
			Title:  "No gateway is known for this application",
			Detail: "Sign in again, or ask your administrator.",
		}
		p.dirty = true
	default:
		f := newFlow(p, a, ch, c)
		p.flows[f] = struct{}{}
		ch.demand(f, nil)
		p.wg.Go(f.run)
	}
}

// authority is what CONNECT asks for.
func (a *application) authority() string {
	return net.JoinHostPort(a.want.Host, strconv.Itoa(int(a.want.Port)))
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
			f.end(errClosed, nil)
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
	if n := a.used.Load(); n != 0 {
		f.LastUsed = time.Unix(0, n).UTC()
	}
	return f
}
