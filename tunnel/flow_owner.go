package tunnel

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// What the owner does to flows; everything in this file runs on its goroutine.

// give lets the flow use a link.
func (f *flow) give(l *link, seq uint64) {
	f.phase, f.link, f.seq = flowTrying, l, seq
	f.grants <- grant{l, seq} // there is room: one is given for each that was asked for
}

// hold makes the flow wait for a verdict that allows it, newer than those known
// when it was tried.
func (f *flow) hold(g grant, refusal *wire.Problem) {
	if f.phase != flowTrying || f.ctx.Err() != nil {
		return
	}
	f.phase = flowHeld
	if refusal.Verdict.Entitlement != "" {
		f.entitlement = refusal.Verdict.Entitlement
	}
	f.app.problem = refusal
	f.p.dirty = true
	f.ch.release()
}

// opened notes that the gateway has answered.
func (f *flow) opened(decision wire.DecisionID) {
	if f.phase != flowTrying {
		return
	}
	f.phase, f.decision = flowOpen, decision
	f.attribute()
	f.app.problem = nil
	f.app.used.Store(time.Now().UnixNano())
	f.p.dirty = true
}

// attribute finds the entitlement whose verdict opened the flow: another than
// the application's may cover the destination too.
func (f *flow) attribute() {
	if f.decision == "" {
		return
	}
	for id, v := range f.ch.verdicts {
		if v.Decision == f.decision {
			f.entitlement, f.decision = id, ""
			return
		}
	}
}

// cut resets an open flow because its verdict ended.
func (f *flow) cut(problem *wire.Problem) {
	if f.phase == flowOpen {
		f.app.cut++
	}
	f.ch.stir()
	f.end(errClosed, problem)
}

// end resets the flow, at both ends. problem, where it is not nil, is why.
func (f *flow) end(cause error, problem *wire.Problem) {
	if f.phase == flowEnded {
		return
	}
	f.phase = flowEnded
	if problem != nil {
		f.app.problem = problem
	}
	f.cancel(cause)
	f.p.dirty = true
}

// ended forgets the flow; reset says that the gateway reset it. The last one of
// a suspended channel takes the carrier with it.
func (f *flow) ended(problem *wire.Problem, reset bool) {
	delete(f.p.flows, f)
	if reset && f.phase == flowOpen {
		f.ch.stir()
		f.ch.tear(f)
	}
	if problem != nil && f.phase != flowEnded {
		f.app.problem = problem
	}
	f.phase = flowEnded
	c := f.ch
	if c.link != nil && c.state == session.Suspended && !c.used() {
		c.hangUp()
		c.rearm()
	}
	f.p.dirty = true
}
