package tunnel

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/carrier"
	"github.com/tidegate/tidegate/tunnel/front"
)

// flowPhase is where a flow stands.
//
//	asking ──► trying ──► open ⇄ moving
//	   ▲         │ │        │  ▲   │
//	   │ refused,│ │        ▼  │   ▼
//	   │ curable ▼ └─────► parked ◄┘    and from each of them: ended
//	   └─────── held  lost unanswered
type flowPhase int

const (
	flowAsking flowPhase = iota // waits for a link, or for what the device reports
	flowTrying                  // its first CONNECT is under way
	flowHeld                    // waits for a verdict that allows
	flowOpen                    // answered 2xx, and on a link
	flowParked                  // on no link
	flowMoving                  // a CONNECT that resumes it is under way
	flowEnded
)

// flow is one connection of a program, and its End. The fields behind the blank
// line are the owner's.
type flow struct {
	p       *plane
	app     *application // nil where no application stands for the target
	ch      *channel
	target  front.Target
	via     front.Via
	program *program
	body    *flows.End
	ctx     context.Context
	cancel  context.CancelCauseFunc
	over    chan struct{} // closed when nothing is done for the program any more
	// at is the link it is on; nil: none.
	at atomic.Pointer[link]
	// up and down count its payload.
	up, down atomic.Int64
	// said: something went out with a CONNECT that has not been answered.
	said atomic.Bool
	look func() error // says why the program is gone; nil: nobody knows

	number      uint64 // in the order in which they came
	phase       flowPhase
	since       time.Time // when it was open first
	link        *link
	id          flows.ID
	epoch, base uint64 // of the last attachment; the id's first is base+1
	first       *link  // of the first CONNECT
	given       given  // when and to whom that was
	unsure      bool   // and not answered
	fell        bool   // its stream has ended before its answer was read
	gone        bool   // the program is
	tries       int    // that failed since it was open last
	again       time.Duration
	entitlement wire.EntitlementID
	decision    wire.DecisionID // not yet found among the verdicts
	seq         uint64          // of the verdicts when it was let go
	had         int64           // of down, when its link was last asked whether it is there
	pace        pace
	stopHold    context.CancelFunc
}

// given is what a first CONNECT was given to.
type given struct {
	at    time.Duration // plane.clock
	since time.Time     // the gateway's session; zero: not known
}

func newFlow(p *plane, ch *channel, to destination, o front.Offer) *flow {
	f := &flow{p: p, app: p.apps[to.app], ch: ch, target: o.Target, via: o.Via, entitlement: to.entitlement, over: make(chan struct{}), stopHold: func() {}}
	f.ctx, f.cancel = context.WithCancelCause(p.ctx)
	f.program = newProgram(o, func(error) { p.post(f.failed) })
	f.body = flows.New(flows.Options{
		App:      f.program,
		Moved:    f.count,
		Pending:  func() { p.post(f.pending) },
		Detached: func(epoch uint64, err error) { p.post(func() { f.detached(epoch, err) }) },
		Budget:   ch.budget,
	})
	return f
}

// authority is what CONNECT asks for.
func authority(t front.Target) string {
	return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
}

// run carries the flow to its end, and returns when nothing of it is left.
func (f *flow) run(accept bool) {
	if accept {
		f.program.accept()
	}
	err := f.body.Run(f.ctx)
	f.program.Close()
	close(f.over)
	f.cancel(nil)
	f.p.post(func() { f.ended(err) })
}

// leave resets the flow, whose front has left. What is left of it is the gateway's
// to be told, on the next link where there is none.
func (f *flow) leave(cause error) {
	f.program.SetLinger(0)
	f.program.Close()
	f.body.Reset(cause)
	f.p.post(f.failed)
}

// attempt has a link carry the flow: with its first CONNECT, or with one that
// resumes it.
func (f *flow) attempt(l *link, h flows.Header, epoch uint64) {
	first := h.Epoch == 1
	s, err := l.carrier.Connect(f.ctx, carrier.Request{Authority: authority(f.target), Flow: &h})
	if err != nil {
		f.p.post(func() { f.answered(l, epoch, carrier.Answer{}, err) })
		return
	}
	var a carrier.Answer
	if first {
		// What the program sends goes along. Nothing has been received yet.
		n := &noted{Stream: s, said: &f.said, answered: make(chan struct{})}
		if err = f.body.Attach(n, epoch, 0); err == nil {
			a, n.refusal = s.Answer()
			err = n.refusal
		}
		close(n.answered)
	} else {
		a, err = s.Answer()
	}
	switch {
	case err != nil && first:
		f.body.Detach(epoch)
	case err == nil && first:
		f.program.accept()
	case err == nil:
		f.program.accept() // where the first answer was lost
		err = f.body.Attach(s, epoch, a.Flow.Received)
	}
	if err != nil {
		s.Abort()
	}
	f.p.post(func() { f.answered(l, epoch, a, err) })
}

// noted notes that something was written, and is not read before the answer has
// been.
type noted struct {
	flows.Stream
	said     *atomic.Bool
	answered chan struct{}
	refusal  error // readable after answered
}

func (n *noted) Write(b []byte) (int, error) {
	if !n.said.Load() {
		n.said.Store(true)
	}
	return n.Stream.Write(b)
}

func (n *noted) Read(b []byte) (int, error) {
	<-n.answered
	if n.refusal != nil {
		return 0, n.refusal
	}
	return n.Stream.Read(b)
}

// count notes payload.
func (f *flow) count(n int, in bool) {
	f.ch.touch(f.at.Load(), !in)
	if in {
		f.down.Add(int64(n))
	} else {
		f.up.Add(int64(n))
	}
	if a := f.app; a != nil {
		if in {
			a.down.Add(int64(n))
		} else {
			a.up.Add(int64(n))
		}
		a.used.Store(time.Now().UnixNano())
		f.p.count()
	}
	f.pace.note(f)
}

// heldFor waits for as long as a flow may be held, or until its program is gone,
// and says so to the owner.
func (f *flow) heldFor(ctx context.Context) {
	patience := time.NewTimer(f.p.opt.Hold)
	defer patience.Stop()
	// A process that is gone is not seen on its connection while nobody reads
	// it, nor behind a half-closed one: it is looked for, only while held.
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-patience.C:
			f.p.post(f.impatient)
			return
		case <-look.C:
			if f.look != nil && f.look() != nil {
				f.p.post(f.failed)
				return
			}
		}
	}
}
