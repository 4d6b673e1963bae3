package tunnel

import (
	"errors"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// restFor is for how long what flows have to say does not resume a channel that
// was suspended by order: what was under way then is no new use.
const restFor = 2 * time.Second

// restful says whether the channel may be suspended for want of payload: there is
// something to suspend, and nobody waits for an answer.
func (c *channel) restful() bool {
	switch c.state {
	case session.Connected:
	case session.Connecting: // in vain: what is parked goes on when it is used
		if !c.parked() {
			return false
		}
	default:
		return false
	}
	if c.expiring() != 0 && c.expiring() <= c.p.clock() {
		return false
	}
	for f := range c.flows {
		switch f.phase {
		case flowAsking, flowTrying, flowHeld, flowMoving:
			return false
		case flowParked:
			if c.state == session.Connecting && (f.unsure || f.body.Status().Pending) {
				return false
			}
		}
	}
	return true
}

// suspend closes all links and sends nothing more: open flows are parked, here
// and at the gateway.
func (c *channel) suspend() {
	for f := range c.flows {
		if f.phase == flowTrying { // it may have come
			f.phase, f.unsure = flowOpen, true
		}
		f.park()
	}
	for g := range c.guests {
		if g.link != nil {
			g.end(errPaused)
		}
	}
	c.hangUp()
	c.lanes.trial = nil // it has told nothing
	c.failures, c.missed = 0, 0
	c.set(session.Suspended)
	for f := range c.flows {
		// The gateway waits for the last word of one that has finished.
		if c.rested == 0 && f.phase == flowParked && f.body.Status().Over {
			c.rested = c.p.clock()
		}
	}
	c.rearm()
}

// order suspends the channel at once, whoever uses it: the next use resumes it. What
// is being asked for is asked for again when it has rested.
func (c *channel) order() {
	if c.closing || c.link == nil && c.attempt == nil && !c.parked() {
		return
	}
	c.rested = c.p.clock()
	c.suspend()
}

// resting says whether the channel was suspended by order a moment ago.
func (c *channel) resting() bool {
	return c.rested != 0 && c.p.clock() < c.rested+restFor
}

// awaken looks, after a rest, whether anybody waits, or has something to say.
func (c *channel) awaken() {
	waits := c.asked()
	for f := range c.flows {
		switch f.phase {
		case flowHeld:
			waits = true
		case flowParked:
			s := f.body.Status()
			waits = waits || f.unsure || s.Pending || s.Over
		}
	}
	if waits {
		c.last.Store(int64(c.p.clock()))
		c.connect()
	}
}

// forgotten says whether the gateway that had our flows has begun anew since, as the
// controller has heard. Whoever reads from one that is parked would wait for ever.
func (c *channel) forgotten() bool {
	run := c.site.Runs[c.home.Name]
	return run != "" && run != c.run && run != c.heard
}

// expiring is when the lease of a flow is so near its end that the channel has to
// be there for what extends it, a warning and its answer or renewed tokens; 0: none
// ends.
func (c *channel) expiring() time.Duration {
	var at time.Duration
	for f := range c.flows {
		end := c.leases[f.entitlement]
		if end == 0 || !f.lasts() {
			continue
		}
		if near := max(end-leaseGrace-c.lead, 1); at == 0 || near < at {
			at = near
		}
	}
	return at
}

// leadOf is how long before the end of access the user is warned, by a token.
func leadOf(entitlementToken string) time.Duration {
	lead := wire.DefaultSettings().WarningLead.D()
	if t, err := wire.ReadEntitlements(entitlementToken); err == nil {
		lead = t.Settings.WarningLead.D()
	}
	return lead
}

// errPaused ends what does not outlive a suspension.
var errPaused = errors.New("the data channel was suspended")

// paused says that a channel was suspended by order.
func paused() *wire.Problem {
	return &wire.Problem{Code: wire.CodeSuspended, Title: "The data channel was suspended just then",
		Detail: "The next use of the application resumes it."}
}
