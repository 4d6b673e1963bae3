package tunnel

import (
	"context"
	"errors"
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

// What the owner does to flows; everything in this file runs on its goroutine.

const (
	// farewell is how long a flow that is ended here may take to tell the gateway.
	farewell = 2 * time.Second
	// againAfter doubles with each attempt to resume a flow that failed.
	againAfter = 100 * time.Millisecond
	// mostTries bounds the attempts that a gateway answered, and refused for now.
	mostTries = 12
)

// lasts says whether the gateway has the flow, or may have.
func (f *flow) lasts() bool {
	return f.phase == flowOpen || f.phase == flowParked || f.phase == flowMoving
}

// on puts the flow on a link, or on none.
func (f *flow) on(l *link) {
	if f.link != nil {
		delete(f.link.flows, f)
		f.ch.left(f.link)
	}
	f.link = l
	f.at.Store(l)
	if l != nil {
		l.flows[f] = struct{}{}
	}
}

// give has the flow's first CONNECT go out on a link.
func (f *flow) give(l *link, seq uint64) {
	f.id, f.base, f.unsure = flows.NewID(), f.epoch, false
	f.first, f.seq, f.given = l, seq, given{f.p.clock(), f.ch.memory(l)}
	f.attach(l, flowTrying)
}

// resume has the flow go on, on a link.
func (f *flow) resume(l *link) { f.attach(l, flowMoving) }

func (f *flow) attach(l *link, as flowPhase) {
	f.epoch++
	received, err := f.body.Prepare(f.epoch)
	if err != nil { // it is over, and Run about to return
		f.phase = flowParked
		f.on(nil)
		f.again = f.p.clock() + time.Hour
		return
	}
	f.phase, f.fell, f.again = as, false, 0
	f.on(l)
	f.ch.watchOver(l)
	h, epoch := flows.Header{ID: f.id, Epoch: f.epoch - f.base, Received: received}, f.epoch
	f.p.wg.Go(func() { f.attempt(l, h, epoch) })
}

// park takes the flow off its link.
func (f *flow) park() {
	switch f.phase {
	case flowOpen, flowMoving:
		f.phase = flowParked
		f.on(nil)
		f.body.Detach(f.epoch)
		f.p.dirty = true
	}
}

// detached notes that the flow's stream has ended by itself.
func (f *flow) detached(epoch uint64, err error) {
	switch {
	case epoch != f.epoch:
	case f.phase == flowTrying, f.phase == flowMoving:
		f.fell = true // its answer is under way
	case f.phase == flowOpen:
		l := f.link
		f.phase = flowParked
		f.on(nil)
		f.p.dirty = true
		f.p.opt.Log.Debug("flow parked", "site", f.ch.site.ID, "error", err)
		f.later(l)
		f.ch.settle()
	}
}

// later puts off the next attempt, longer with each; l is the link that failed.
func (f *flow) later(l *link) {
	f.tries++
	if l == f.ch.link {
		f.again = f.p.clock() + againAfter<<min(f.tries-1, 6)
	}
}

// answered notes what a CONNECT came to.
func (f *flow) answered(l *link, epoch uint64, a carrier.Answer, err error) {
	if epoch != f.epoch || f.phase != flowTrying && f.phase != flowMoving {
		switch {
		case f.phase == flowEnded && err != nil:
			f.cancel(err) // nobody is there to be told of its end
		case f.phase == flowParked && epoch == f.epoch && err == nil:
			f.unsure = false // it had come when the flow was parked
		}
		return
	}
	var refusal *wire.Problem
	switch first := f.phase == flowTrying; {
	case err == nil:
		f.opened(l, a.Decision)
	case f.gone:
		f.abandon(errClosed)
	case first && errors.As(err, &refusal):
		f.refused(l, refusal)
	case first:
		f.unanswered(l, err)
	default:
		f.notResumed(l, err)
	}
}

// opened notes that the gateway carries the flow.
func (f *flow) opened(l *link, decision wire.DecisionID) {
	if f.phase == flowTrying {
		f.p.remember(f.target)
	}
	if f.since.IsZero() { // the first answer may have been lost
		f.since = time.Now().UTC()
	}
	f.phase, f.decision, f.unsure = flowOpen, decision, false
	f.attribute()
	if f.app != nil {
		f.app.problem = nil
		f.app.used.Store(time.Now().UnixNano())
	}
	f.p.dirty = true
	switch {
	case f.fell:
		f.detached(f.epoch, carrier.ErrLost)
	case l.leaving: // it came too late to move with the others
		f.tries = 0
		f.ch.settle()
	default:
		f.tries = 0
		f.ch.crowd(l)
	}
}

// refused takes the gateway's first answer: it opened nothing.
func (f *flow) refused(l *link, refusal *wire.Problem) {
	f.p.forget(f.target)
	if !curable(refusal) {
		f.end(errClosed, refusal) // the gateway has nothing of it
		return
	}
	f.phase = flowHeld
	f.on(nil)
	if refusal.Verdict.Entitlement != "" {
		f.entitlement = refusal.Verdict.Entitlement
	}
	if f.app != nil {
		f.app.problem = refusal
	}
	f.program.because(refusal)
	f.p.dirty = true
	ctx, stop := context.WithCancel(f.ctx)
	f.stopHold = stop
	f.p.wg.Go(func() { f.heldFor(ctx) })
	f.ch.release()
}

// curable says whether the user can answer what would undo a refusal.
func curable(p *wire.Problem) bool {
	return p.Code == wire.CodeDenied && p.Verdict != nil && len(p.Verdict.Interactions) > 0
}

// unanswered takes the loss of a first CONNECT. Where nothing of the program's
// went along it is made again as a new flow; otherwise the gateway may have
// passed it on, and only the same flow can go on, if the gateway knows it.
func (f *flow) unanswered(l *link, err error) {
	f.tries++
	switch {
	case errors.Is(err, carrier.ErrUnsent), !f.said.Load() && errors.Is(err, carrier.ErrLost):
		f.on(nil)
		if f.tries > mostTries {
			f.stop(err, lost(l.gateway))
			return
		}
		f.ch.stale(l, err)
		f.ch.demand(f)
	case errors.Is(err, carrier.ErrLost):
		f.phase, f.unsure = flowParked, true
		f.on(nil)
		f.later(l)
		f.ch.settle()
	default:
		f.stop(err, dropped(l.gateway))
	}
}

// notResumed takes the failure of an attempt to go on.
func (f *flow) notResumed(l *link, err error) {
	var refusal *wire.Problem
	switch {
	case errors.As(err, &refusal) && f.unsure && refusal.Code == wire.CodeFlowGone && f.neverCame(refusal):
		f.on(nil)
		f.ch.demand(f)
		return
	case errors.As(err, &refusal) && !passing(refusal) && f.body.Status().Over:
		f.abandon(errClosed) // the gateway has forgotten a flow that had finished
		return
	case errors.As(err, &refusal) && !passing(refusal):
		f.end(err, resumption(refusal))
		return
	case errors.Is(err, flows.ErrOffset), refusal != nil && f.tries >= mostTries:
		f.end(err, lost(l.gateway))
		return
	}
	f.phase = flowParked
	f.on(nil)
	f.later(l)
	f.p.dirty = true
	if errors.Is(err, carrier.ErrUnsent) {
		f.ch.stale(l, err)
	}
	f.ch.settle()
}

// neverCame says whether the first CONNECT of a flow that a gateway does not know was
// not passed on: its carrier was never heard of, or the gateway remembers all that
// came to the session since.
func (f *flow) neverCame(refusal *wire.Problem) bool {
	known := !refusal.Since.IsZero() && refusal.Since.Equal(f.given.since) && f.p.clock() < f.given.at+wire.FlowMemory
	return known || !f.first.secured()
}

// passing says whether a refusal to resume a flow is of the moment.
func passing(p *wire.Problem) bool {
	return p.Status == 425 || p.Status == 429 || p.Status >= 500 || p.Code == wire.CodeNoSession
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

// pending notes that an End without a stream has something to say: that makes a
// resting channel connect.
func (f *flow) pending() {
	if f.phase == flowParked {
		f.ch.rouse()
	}
}

// failed notes that the program is gone. What the gateway has of it is told by
// its End.
func (f *flow) failed() {
	f.gone = true
	if f.phase == flowAsking || f.phase == flowHeld {
		f.abandon(errClosed)
	}
}

// impatient ends what was held for too long.
func (f *flow) impatient() {
	if f.phase == flowHeld {
		f.abandon(errClosed)
	}
}

// cut resets an open flow because its verdict ended.
func (f *flow) cut(problem *wire.Problem) {
	if f.app != nil && f.lasts() {
		f.app.cut++
	}
	f.ch.stir()
	f.stop(errClosed, problem)
}

// end resets a flow that the gateway does not have.
func (f *flow) end(cause error, problem *wire.Problem) {
	f.tell(problem)
	f.abandon(cause)
}

// tell notes why the flow ends.
func (f *flow) tell(problem *wire.Problem) {
	if problem != nil && f.app != nil {
		f.app.problem = problem
	}
	f.program.because(problem)
}

// stop resets the flow at both ends: here at once, and at the gateway now where
// it is on a link. What is parked the gateway ends by its own verdict, or by age.
// problem, where it is not nil, is why.
func (f *flow) stop(cause error, problem *wire.Problem) {
	if f.phase == flowEnded {
		return
	}
	f.tell(problem)
	if f.link == nil || f.phase == flowMoving {
		f.abandon(cause)
		return
	}
	f.finish()
	f.body.Reset(cause)
	time.AfterFunc(farewell, func() { f.cancel(cause) })
}

// abandon resets the flow here, and tells nobody.
func (f *flow) abandon(cause error) {
	f.finish()
	f.on(nil)
	f.cancel(cause)
}

func (f *flow) finish() {
	f.stopHold()
	f.phase = flowEnded
	f.p.dirty = true
}

// ended forgets the flow, which ended with err.
func (f *flow) ended(err error) {
	delete(f.p.flows, f)
	delete(f.ch.flows, f)
	was := f.phase
	f.finish()
	l := f.link
	f.on(nil)
	if errors.Is(err, flows.ErrReset) && (was == flowOpen || was == flowParked || was == flowMoving) {
		f.ch.stir()
		f.ch.tear(f)
	}
	f.ch.emptied(l)
}
