package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// lasting is what a flow has more that outlives its carriers.
type lasting struct {
	id flows.ID
	// ready is closed when its application has been reached, or was not.
	ready chan struct{}
	// end carries it from then on, until abandon: that ends it without telling
	// the client.
	end     *flows.End
	abandon context.CancelFunc
	// attaching counts the requests that are about to carry it.
	attaching atomic.Int32
	// parked is when it lost its carrier; zero: it has one. The session's.
	parked time.Time
}

// resetWait bounds how long a client is told of a reset.
const resetWait = 5 * time.Second

// Causes of resets.
var (
	errCut     = errors.New("a verdict has ended the flow")
	errAborted = errors.New("the flow was aborted")
)

// headerOf reads a CONNECT's flow header; nil: it has none.
func headerOf(r *http.Request) (*flows.Header, *wire.Problem) {
	in := r.Header.Values(wire.HeaderFlow)
	if len(in) == 0 {
		return nil, nil
	}
	h, err := flows.ParseHeader(in[0])
	if err != nil || len(in) > 1 || h.Epoch == 1 && h.Received != 0 {
		return nil, &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The flow header cannot be read"}
	}
	return &h, nil
}

// connectLasting carries a flow that outlives the request.
func (g *Gateway) connectLasting(w http.ResponseWriter, r *http.Request, s *session, t target, h flows.Header) {
	if s.bond.instance == "" {
		g.refuse(w, &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The session has no instance", Detail: "No flow outlives its carrier."})
		return
	}
	var f *flow
	var problem *wire.Problem
	if h.Epoch == 1 {
		f, problem = g.beginLasting(r, s, t, h.ID)
	} else {
		f, problem = g.findLasting(r, s, t, h)
	}
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	g.attachLasting(w, r, f, h)
}

// beginLasting judges a new flow and reaches its application. Once it is judged
// it goes on without the request, whose client may come back.
func (g *Gateway) beginLasting(r *http.Request, s *session, t target, id flows.ID) (*flow, *wire.Problem) {
	done, problem := s.quota.enter()
	if problem != nil {
		return nil, problem
	}
	ctx, cancel := context.WithCancel(context.Background()) // nothing of the connection is kept
	f := &flow{session: s, target: t, cancel: cancel, gone: ctx.Done(), lasting: &lasting{id: id, ready: make(chan struct{})}}
	defer close(f.ready)
	app, at, problem := g.reach(ctx, r, f, func() *wire.Problem {
		switch {
		case s.lasting[id] != nil:
			return staleProblem()
		case s.past.has(id):
			return goneProblem()
		}
		return nil
	})
	if problem == nil && !f.carry(app) {
		problem = g.dialProblem(f, context.Canceled)
		s.close(f, "flow-closed")
	}
	if problem != nil {
		cancel()
		done()
		return nil, problem
	}
	s.opened(f, at)
	g.registry.living.Go(func() { f.last(done) })
	return f, nil
}

// carry makes the flow's end at the gateway, unless the flow was cut meanwhile.
func (f *flow) carry(app net.Conn) bool {
	end, ok := app.(flows.App)
	if !ok {
		app.Close()
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		end.SetLinger(0) // fails only on a socket that is closed
		end.Close()
		return false
	}
	f.end = flows.New(flows.Options{
		App: end, Budget: f.session.budget,
		Admit: func() bool { return f.admits() && f.pay() },
		Moved: func(n int, in bool) {
			if f.owed.Add(int64(n)); in {
				f.up.Add(int64(n))
			} else {
				f.down.Add(int64(n))
			}
		},
		Pending: func() { f.session.notice(f) },
		Detached: func(uint64, error) {
			if abandon := f.doomed(); abandon != nil { // there is nobody to tell any more
				abandon()
			} else {
				f.session.notice(f)
			}
		},
	})
	return true
}

// pay waits until what has moved is within the session's quota.
func (f *flow) pay() bool { return f.session.quota.pace(f.gone, int(f.owed.Swap(0))) }

// last carries the flow until it is over.
func (f *flow) last(done func()) {
	defer done()
	defer f.cancel()
	ctx, abandon := context.WithCancel(context.Background())
	defer abandon()
	f.mu.Lock()
	f.abandon = abandon
	cut := f.cut
	f.mu.Unlock()
	if cut { // reset had nothing to abandon yet
		abandon()
	}
	f.end.Run(ctx) // what it says is in nobody's record
	f.session.call(func() { f.session.closeOne(f, "flow-closed") })
}

// resetLasting is reset for a flow that outlives its carriers, once it is carried.
func (f *flow) resetLasting(code quic.StreamErrorCode, abandon context.CancelFunc) {
	cause := errAborted
	if code == codeCut {
		cause = errCut
	}
	f.end.Reset(cause)
	switch {
	case abandon == nil: // Run is about to be called
	case f.end.Status().Attached:
		time.AfterFunc(resetWait, abandon)
	default: // there is nobody to tell
		abandon()
	}
}

// doomed is what abandons a flow that was cut; nil: it was not.
func (f *flow) doomed() context.CancelFunc {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		return f.abandon
	}
	return nil
}

// ended says whether the flow is over, and waits at most for the client to know.
func (f *flow) ended() bool { return f.lasting != nil && f.reached() && f.end.Status().Over }

// reached says whether the flow has an end at the gateway.
func (f *flow) reached() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end != nil
}

// attachLasting answers a CONNECT and carries the flow on its body from where
// both ends are, until that ends or another one carries it.
func (g *Gateway) attachLasting(w http.ResponseWriter, r *http.Request, f *flow, h flows.Header) {
	l, problem := f.attachTo(w, r, h)
	f.session.notice(f)
	switch {
	case problem != nil:
		g.refuse(w, problem)
	case l != nil:
		l.serve()
	}
}

// attachTo returns neither where the client is gone.
func (f *flow) attachTo(w http.ResponseWriter, r *http.Request, h flows.Header) (*lane, *wire.Problem) {
	f.attaching.Add(1)
	defer f.attaching.Add(-1)
	received, err := f.end.Prepare(h.Epoch)
	if err == nil {
		err = f.end.Check(h.Epoch, h.Received)
	}
	switch {
	case errors.Is(err, flows.ErrOffset):
		f.reset(codeAborted)
		f.session.close(f, "flow-closed")
		return nil, &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The flow's offset lies"}
	case errors.Is(err, flows.ErrEpoch):
		return nil, staleProblem()
	case err != nil:
		return nil, goneProblem()
	}
	w.Header().Set(wire.HeaderDecision, string(f.decision))
	w.Header().Set(wire.HeaderFlow, flows.Header{ID: f.id, Epoch: h.Epoch, Received: received}.String())
	l, err := take(w, r)
	if err != nil {
		f.end.Detach(h.Epoch)
		return nil, nil
	}
	if f.end.Attach(l, h.Epoch, h.Received) == nil && h.Epoch > 1 { // or else l has been aborted
		f.session.call(func() { f.session.resumed(f) })
	}
	return l, nil
}

func staleProblem() *wire.Problem {
	return &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusConflict, Title: "A later request carries the flow already"}
}

func goneProblem() *wire.Problem {
	return &wire.Problem{Code: wire.CodeFlowGone, Status: http.StatusGone, Title: "The flow is gone", Detail: "Open a new one."}
}

// missingProblem tells a client that there is no such flow, and where it is known,
// that there has been none since the session began.
func (s *session) missingProblem(id flows.ID) *wire.Problem {
	p := goneProblem()
	if s.past.miss(id, time.Now()) {
		p.Since = s.since
	}
	return p
}
