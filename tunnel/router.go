package tunnel

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

const (
	// succeededFor is for how long a CONNECT that succeeded lets the next to the
	// same target be accepted before it is answered.
	succeededFor = time.Hour
	// mostSucceeded bounds how many are remembered.
	mostSucceeded = 4096
)

// router is the data plane for fronts.
type router struct{ d *Dataplane }

// Router is the data plane for fronts. It carries nothing while Run does not run.
func (d *Dataplane) Router() front.Router { return router{d} }

// target spells a target; a synthetic address is the name it stands for, or none:
// it is not that of whatever has it in the networks of an entitlement.
func (r router) target(t front.Target) front.Target {
	t = spell(t)
	if a, err := parseAddr(t.Host); err == nil {
		host, ok := r.d.names.Host(a)
		prefixes := r.d.names.Prefixes()
		if ok || prefixes[0].Contains(a) || prefixes[1].Contains(a) {
			t.Host = host
		}
	}
	return t
}

// Covers implements front.Router.
func (r router) Covers(t front.Target) bool {
	_, ok := r.d.leads.Load().find(r.target(t))
	return ok
}

// Carry implements front.Router.
func (r router) Carry(ctx context.Context, o front.Offer) {
	o.Target = r.target(o.Target)
	p := r.d.running.Load()
	if p == nil {
		o.Refuse(notRunning())
		return
	}
	var (
		f       *flow
		problem = notRunning()
	)
	p.do(func() {
		if f, problem = p.carry(o); f != nil {
			early := p.succeeded(o.Target)
			p.wg.Go(func() { f.run(early) })
			f.ch.demand(f)
		}
	})
	if f == nil {
		o.Refuse(problem)
		return
	}
	select {
	case <-f.over:
	case <-ctx.Done():
		f.leave(context.Cause(ctx))
	}
}

// Packets implements front.Router.
func (r router) Packets(ctx context.Context, t front.Target) (front.Packets, error) {
	t = r.target(t)
	p, ch, to, problem := r.find(t)
	if problem != nil {
		return nil, problem
	}
	d, err := p.openDatagrams(ctx, ch, to, authority(t))
	if err != nil {
		return nil, reason(ch, err)
	}
	return d, nil
}

// Echo implements front.Router.
func (r router) Echo(ctx context.Context, t front.Target, payload int) error {
	t = r.target(t)
	p, ch, to, problem := r.find(t)
	if problem != nil {
		return problem
	}
	g, l, err := p.invite(ctx, ch, to.entitlement)
	if err != nil {
		return reason(ch, err)
	}
	defer g.leave()
	if _, err := l.carrier.Echo(ctx, wire.EchoRequest{Host: t.Host, Size: payload}); err != nil {
		return reason(ch, g.cause(err))
	}
	ch.touch(l, false)
	return nil
}

// find is where a target leads, if anything runs.
func (r router) find(t front.Target) (p *plane, ch *channel, to destination, problem *wire.Problem) {
	p, problem = r.d.running.Load(), notRunning()
	if p != nil {
		p.do(func() { ch, to, problem = p.find(t) })
	}
	return p, ch, to, problem
}

// find is where a target leads now. The owner's.
func (p *plane) find(t front.Target) (*channel, destination, *wire.Problem) {
	to, ok := p.leads.Load().find(t)
	ch := p.channels[to.site]
	switch {
	case p.stopping:
		return nil, to, notRunning()
	case !ok:
		return nil, to, notOurs()
	case !p.allowed:
		return nil, to, notReached()
	case ch == nil:
		return nil, to, noGateway()
	}
	return ch, to, nil
}

// carry makes a flow for a program's connection, or says why not. The owner's.
func (p *plane) carry(o front.Offer) (*flow, *wire.Problem) {
	ch, to, problem := p.find(o.Target)
	if problem != nil {
		if a := p.apps[to.app]; a != nil {
			a.problem = problem
			p.dirty = true
		}
		return nil, problem
	}
	return p.newFlow(ch, to, o), nil
}

// newFlow makes a flow that the owner knows of.
func (p *plane) newFlow(ch *channel, to destination, o front.Offer) *flow {
	f := newFlow(p, ch, to, o)
	p.came++
	f.number = p.came
	p.flows[f] = struct{}{}
	ch.flows[f] = struct{}{}
	return f
}

// remember notes that a CONNECT succeeded, forget that one did not, and succeeded
// says whether the last did, within the hour. The owner's.
func (p *plane) remember(t front.Target) {
	now := p.clock()
	if len(p.connects) >= mostSucceeded {
		for old, at := range p.connects {
			if now-at > succeededFor || len(p.connects) >= mostSucceeded {
				delete(p.connects, old)
			}
		}
	}
	p.connects[t] = now
}

func (p *plane) forget(t front.Target) { delete(p.connects, t) }

func (p *plane) succeeded(t front.Target) bool {
	at, ok := p.connects[t]
	return ok && p.clock()-at <= succeededFor
}
