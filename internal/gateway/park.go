package gateway

import (
	"net/http"
	"slices"
	"sync"
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// notices are the flows that have news of themselves: the session looks at them
// when it has time.
type notices struct {
	mu    sync.Mutex
	flows []*flow
}

// notice has the session look at f. Anyone may call it, the session too: it does
// not block.
func (s *session) notice(f *flow) {
	s.notices.mu.Lock()
	defer s.notices.mu.Unlock()
	if s.notices.flows = append(s.notices.flows, f); len(s.notices.flows) == 1 {
		go s.call(s.stir)
	}
}

// stir looks at the flows that have news.
func (s *session) stir() {
	s.notices.mu.Lock()
	all := s.notices.flows
	s.notices.flows = nil
	s.notices.mu.Unlock()
	parked, pending := false, false
	for _, f := range all {
		p, w := s.look(f)
		parked, pending = parked || p, pending || w
	}
	if parked {
		s.crowd()
		s.rearm()
	}
	if pending {
		s.rouse()
	}
}

// look takes note of whether f has a carrier. It says whether f has lost it, and
// whether it waits for another one.
func (s *session) look(f *flow) (parked, pending bool) {
	if s.lasting[f.id] != f {
		return false, false
	}
	now := f.end.Status()
	switch {
	case now.Attached:
		f.parked = time.Time{}
		return false, false
	case f.attaching.Load() > 0, now.Over && !now.Pending: // nothing more is to come of it
		return false, false
	case f.parked.IsZero():
		f.parked, parked = time.Now(), true
		s.recordFlow(f.entitlement, f, "flow-parked", "")
	}
	return parked, now.Pending
}

// resumed notes that f is carried again.
func (s *session) resumed(f *flow) {
	if s.lasting[f.id] == f {
		f.parked = time.Time{}
		s.recordFlow(f.entitlement, f, "flow-resumed", "")
	}
}

// findLasting is the flow that a request resumes, judged anew.
func (g *Gateway) findLasting(r *http.Request, s *session, t target, h flows.Header) (f *flow, problem *wire.Problem) {
	if early(r) {
		return nil, &wire.Problem{Code: wire.CodeTooEarly, Status: http.StatusTooEarly, Title: "A flow is resumed after the handshake"}
	}
	if !s.settled(r.Context().Done(), func() (wait <-chan struct{}) {
		problem = nil
		switch f = s.lasting[h.ID]; {
		case f == nil:
			problem = s.missingProblem(h.ID)
		case f.target != t:
			problem = &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The flow leads elsewhere"}
		case !f.reached():
			return f.ready
		default:
			problem, wait = s.rejudge(f)
		}
		return wait
	}) {
		return nil, s.over()
	}
	return f, problem
}

// rejudge judges a flow that is to go on, and resets it where it may not.
func (s *session) rejudge(f *flow) (p *wire.Problem, wait <-chan struct{}) {
	e := f.entitlement
	if s.undecided(s.matcher.match(f.target)) || s.awaits(e, s.now()) {
		return nil, s.news
	}
	s.confirm(f, wire.TriggerAccess)
	if s.lasting[f.id] != f {
		return notEntitledProblem(f.target, f.decision), nil
	}
	s.judge([]*entitlement{e}, 0, wire.TriggerInstant, false)
	if s.lasting[f.id] == f && e.permits() {
		return nil, nil
	}
	if s.lasting[f.id] == f {
		s.cutOne(e, f, wire.TriggerInstant)
	}
	return deniedProblem(e.verdict), nil
}

// crowd resets the flows that have been parked longest where there are too many.
func (s *session) crowd() {
	var parked []*flow
	for _, f := range s.lasting {
		if !f.parked.IsZero() {
			parked = append(parked, f)
		}
	}
	excess := len(parked) - s.g.config.Limits.whole().ParkedFlows
	if excess <= 0 {
		return
	}
	slices.SortFunc(parked, func(a, b *flow) int { return a.parked.Compare(b.parked) })
	for _, f := range parked[:excess] {
		s.cutOne(f.entitlement, f, "parking-limit")
	}
}

// expires is when f has been parked for too long; zero: never.
func (s *session) expires(f *flow) time.Time {
	if f.parked.IsZero() {
		return time.Time{}
	}
	return f.parked.Add(s.g.config.Limits.whole().ParkedFor.D())
}

// tend does what parked flows need by now: those are reset that have been parked
// for too long, and the client is woken again.
func (s *session) tend() {
	now := time.Now()
	for _, f := range s.lasting {
		if at := s.expires(f); !at.IsZero() && !now.Before(at) {
			s.cutOne(f.entitlement, f, "parking-age")
		}
	}
	if again := s.asked.again; !again.IsZero() && !now.Before(again) {
		s.rouse()
	}
}

// tended is when to tend again, by the wall clock, whatever that was set to;
// zero: never.
func (s *session) tended() time.Time {
	next := s.asked.again
	for _, f := range s.lasting {
		next = earlier(next, s.expires(f))
	}
	if next.IsZero() {
		return next
	}
	return s.now().Add(time.Until(next))
}

// endSessions ends every session that there is, and returns when they have.
func (g *Gateway) endSessions() {
	for _, s := range g.registry.all() {
		s.end(ending{trigger: "shutdown"})
		<-s.done
	}
}
