package tunnel

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// flowPhase is where a flow stands.
//
//	asking ──► trying ──► open ──► ended
//	   ▲          │ refused, and the user can cure it
//	   └── held ◄─┘
type flowPhase int

const (
	flowAsking flowPhase = iota // waits for a link, or for what the device reports
	flowTrying                  // CONNECT is under way
	flowOpen                    // answered 2xx
	flowHeld                    // waits for a verdict that allows
	flowEnded
)

// flow is one connection of an application and its CONNECT. The fields behind
// the blank line are the owner's.
type flow struct {
	p      *plane
	app    *application
	ch     *channel
	conn   appConn
	early  *early
	grants chan grant
	ctx    context.Context
	cancel context.CancelCauseFunc

	phase       flowPhase
	link        *link
	entitlement wire.EntitlementID
	decision    wire.DecisionID // not yet found among the verdicts
	seq         uint64          // of the verdicts when it was let go
}

func newFlow(p *plane, a *application, ch *channel, c appConn) *flow {
	f := &flow{p: p, app: a, ch: ch, conn: c, grants: make(chan grant, 1), entitlement: a.want.Entitlement}
	f.ctx, f.cancel = context.WithCancelCause(p.ctx)
	f.early = newEarly(c, f.cancel)
	return f
}

// run carries the flow to its end, and returns when nothing of it is left.
func (f *flow) run() {
	defer f.cancel(nil)
	aborted := make(chan struct{})
	stop := context.AfterFunc(f.ctx, func() {
		reset(f.conn)
		close(aborted)
	})
	go f.early.read()
	problem := f.carry()
	switch {
	case !stop():
		<-aborted
	case problem != nil, f.ctx.Err() != nil:
		// The context may have ended a moment ago and its function not begun:
		// stopped now, it would leave the application with an ordinary end.
		reset(f.conn)
	default:
		f.conn.Close()
	}
	f.early.stop()
	torn := errors.Is(context.Cause(f.ctx), errReset)
	f.p.post(func() { f.ended(problem, torn) })
}

// carry opens the CONNECT, again after a cure, and pumps until both directions
// have ended. It returns why it was refused; nil also where the flow's context
// has ended, whoever ended it.
func (f *flow) carry() *wire.Problem {
	var stale *link
	for tries := 0; ; tries++ {
		var g grant
		select {
		case g = <-f.grants:
		case <-f.ctx.Done():
			return nil
		}
		f.ch.touch(g.link, true)
		s, err := g.connect(f.ctx, f.app.authority())
		switch {
		case f.ctx.Err() != nil:
			if s != nil {
				s.reset()
			}
			return nil
		case errors.Is(err, errUnsent) && tries < 3:
			stale = g.link
			f.p.post(func() { f.ch.demand(f, stale) })
			continue
		case err != nil:
			return lost(g.gateway)
		}
		refusal := f.try(g, s)
		if refusal == nil || !curable(refusal) || !f.wait(g, refusal) {
			return refusal
		}
	}
}

// curable says whether the user can answer what would undo a refusal.
func curable(p *wire.Problem) bool {
	return p.Code == wire.CodeDenied && p.Verdict != nil && len(p.Verdict.Interactions) > 0
}

// try awaits the answer to a CONNECT while the application's first bytes go
// out already, and then carries the flow. It returns nil at the flow's end,
// or why there was an end before that.
func (f *flow) try(g grant, s stream) *wire.Problem {
	defer context.AfterFunc(f.ctx, s.reset)()
	o := f.early.offer()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if err := f.send(g.link, s, o); err != nil && o.fate() {
			f.cancel(err)
		}
	}()
	decision, err := s.answer()
	if err != nil {
		o.settle(false)
		s.reset()
		<-sent
		var refusal *wire.Problem
		switch {
		case f.ctx.Err() != nil:
			return nil
		case errors.As(err, &refusal):
			return refusal
		case errors.Is(err, errLost):
			return lost(g.gateway)
		}
		return dropped(g.gateway)
	}
	f.early.stop()
	f.p.post(func() { f.opened(decision) })
	o.settle(true)
	if err := pump(f.conn, s, func(n int) { f.count(g.link, n, false) }); err != nil {
		f.cancel(err)
	} else {
		f.conn.CloseWrite() // an error shows in the other direction
	}
	<-sent
	if errors.Is(context.Cause(f.ctx), errLost) {
		return lost(g.gateway)
	}
	return nil
}

// send writes the application's bytes: those kept first, and once they are
// gone and the CONNECT was answered, straight through.
func (f *flow) send(l *link, s stream, o *offer) error {
	kept := 0
	for {
		b, more := o.next(kept)
		if len(b) > 0 {
			f.ch.touch(l, true)
			n, err := s.Write(b)
			if err != nil {
				return ignoreStop(err)
			}
			kept += n
			continue
		}
		if !more {
			break
		}
	}
	if f.early.ended() {
		s.closeWrite()
	}
	if !o.fate() {
		return nil
	}
	f.app.up.Add(int64(kept))
	f.early.forget()
	if f.early.ended() {
		return nil
	}
	if err := pump(s, f.conn, func(n int) { f.count(l, n, true) }); err != nil {
		return ignoreStop(err)
	}
	s.closeWrite()
	return nil
}

func ignoreStop(err error) error {
	if errors.Is(err, errStopReading) {
		return nil
	}
	return err
}

// count notes payload.
func (f *flow) count(l *link, n int, up bool) {
	f.ch.touch(l, up)
	if up {
		f.app.up.Add(int64(n))
	} else {
		f.app.down.Add(int64(n))
	}
	f.app.used.Store(time.Now().UnixNano())
	f.p.count()
}

// wait holds the application's connection until the owner lets it go on. It
// returns false when the patience, the application or the flow has ended.
func (f *flow) wait(g grant, refusal *wire.Problem) bool {
	f.p.post(func() { f.hold(g, refusal) })
	patience := time.NewTimer(f.p.opt.Hold)
	defer patience.Stop()
	// A process that is gone is not seen on its connection while nobody reads
	// it, nor behind a half-closed one: it is looked for, only while held.
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case g := <-f.grants:
			f.grants <- g // for carry; there is room
			return true
		case <-f.ctx.Done():
			return false
		case <-patience.C:
			return false
		case <-look.C:
			if f.early.stalled() && f.p.peer(f.conn) != nil {
				f.cancel(errClosed)
				return false
			}
		}
	}
}
