package tunnel

import (
	"maps"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// leaseGrace is how long after a lease's end the gateway's word may be under way.
const leaseGrace = 250 * time.Millisecond

// judge takes a gateway's verdicts, which came at at by the wall clock, and at
// clock by the plane's: whole, the newer wins. Flows of what they deny, or do not name, are reset; those that
// wait for what they allow go on.
func (c *channel) judge(l *link, v wire.Verdicts, at time.Time, clock time.Duration) {
	if c.link != l && c.heir != l || l.judged && v.Revision <= l.revision {
		return
	}
	if !l.judged {
		c.learn(l, v.Since)
	}
	l.judged, l.revision, l.since = true, v.Revision, v.Since
	if c.heir == l {
		c.succeed(l)
	}
	c.run, c.heard = v.Run, c.site.Runs[l.gateway.Name]
	c.seq++
	c.offset = v.At.Sub(at)
	c.verdicts = make(map[wire.EntitlementID]wire.Verdict, len(v.Verdicts))
	c.leases = map[wire.EntitlementID]time.Duration{}
	for _, one := range v.Verdicts {
		c.verdicts[one.Entitlement] = one
		if !one.NotAfter.IsZero() {
			// By the clock that nobody sets, for as long as the gateway said.
			c.leases[one.Entitlement] = clock + one.NotAfter.Sub(v.At) + leaseGrace
		}
	}
	for f := range c.flows {
		c.enforce(f)
	}
	for g := range c.guests {
		g.enforce()
	}
	for _, a := range c.p.apps {
		if a.want.Site == c.site.ID && c.verdicts[a.want.Entitlement].Allow {
			a.excuse(wire.CodeDenied)
		}
	}
	c.explain(func(id wire.EntitlementID) (wire.Verdict, bool) {
		v, known := c.verdicts[id]
		return v, known && !v.Allow
	})
	c.release()
	c.lapse(c.p.clock())
	c.settle()
	c.p.dirty = true
}

// learn notes when the gateway's session began for the first CONNECTs that a link was
// given before it was known: its first verdicts come with what they are of.
func (c *channel) learn(l *link, since time.Time) {
	for f := range c.flows {
		if f.first == l && f.given.since.IsZero() {
			f.given.since = since
		}
	}
}

// enforce resets f if the last verdicts do not allow it.
func (c *channel) enforce(f *flow) {
	f.attribute()
	v, known := c.verdicts[f.entitlement]
	if v.Allow || !f.lasts() && f.phase != flowHeld {
		return
	}
	if !known {
		v = wire.Verdict{Entitlement: f.entitlement, Reason: wire.Reason{Kind: wire.ReasonNotEntitled}}
	}
	switch {
	case f.lasts():
		f.cut(denied(v))
	case len(v.Interactions) == 0:
		f.end(errClosed, denied(v))
	}
}

// release lets the flows go on that were held for what is allowed by now.
func (c *channel) release() {
	if c.link == nil || !c.p.allowed {
		return
	}
	for f := range c.flows {
		if f.phase == flowHeld && c.seq > f.seq && c.verdicts[f.entitlement].Allow {
			f.stopHold()
			f.give(c.placeNew(f), c.seq)
			c.p.dirty = true
		}
	}
}

// lapse ends the verdicts whose lease is over, with the flows under them.
func (c *channel) lapse(now time.Duration) {
	for id, end := range c.leases {
		if now < end {
			continue
		}
		v := c.verdicts[id]
		delete(c.leases, id)
		c.verdicts = maps.Clone(c.verdicts)
		delete(c.verdicts, id)
		if v.Allow {
			c.explain(func(other wire.EntitlementID) (wire.Verdict, bool) { return v, other == id })
			for f := range c.flows {
				if f.lasts() && f.entitlement == id {
					f.cut(denied(v))
				}
			}
			for g := range c.guests {
				g.enforce()
			}
		}
		c.p.dirty = true
	}
}

// tornFor is how long a reset flow waits for the verdict that explains it.
const tornFor = 2 * time.Second

// torn is an open flow that its gateway reset. At a denial or a lapse the
// gateway resets flows and tells why on another stream; either may come first.
type torn struct {
	app         *application
	entitlement wire.EntitlementID
	at          time.Duration
}

// tear remembers a flow that the gateway reset.
func (c *channel) tear(f *flow) {
	c.explain(func(wire.EntitlementID) (wire.Verdict, bool) { return wire.Verdict{}, false })
	if f.app == nil {
		return
	}
	c.torn = append(c.torn, torn{f.app, f.entitlement, c.p.clock()})
}

// explain counts the flows just reset as cut, where ended tells the verdict
// that did it, and forgets those that are too long ago.
func (c *channel) explain(ended func(wire.EntitlementID) (wire.Verdict, bool)) {
	var left []torn
	for _, t := range c.torn {
		switch v, is := ended(t.entitlement); {
		case c.p.clock()-t.at > tornFor:
		case is:
			t.app.cut++
			t.app.problem = denied(v)
		default:
			left = append(left, t)
		}
	}
	c.torn = left
}
