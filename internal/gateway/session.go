package gateway

import (
	"context"
	"sync/atomic"
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/reevaluate"
	"github.com/tidegate/tidegate/internal/wire"
)

// session is one admitted data channel.
//
//	admitted ──► judged ⇄ (a row of seed 003's table) ──► ended: flows reset
//	                │  ▲ newer tokens                        ▲
//	  policies have ▼  │                                     │
//	  changed      held: nothing passes ── renewGrace is over ┘
//
// Its fields below "owned" belong to one goroutine at a time: that of a call. A
// session that nothing happens to has none, and costs its memory only.
type session struct {
	id   wire.SessionID
	user string
	g    *Gateway
	bond bond
	row  wire.Trigger // why it is here: connect, reconnect or roaming

	ending atomic.Pointer[ending] // the first reason to end
	done   chan struct{}          // closed when it has ended
	handle reevaluate.Handle[*session]
	quota  *quota // bounds its flows
	// notices are the flows that have news of themselves.
	notices notices
	// heard is the user's risk that the session knows of; nil: none yet.
	heard atomic.Pointer[wire.Risk]
	// last is why the session ended; readable after done.
	last ending

	// owner holds one while someone owns the session: from newSession until begin
	// whoever made it.
	owner chan struct{}

	since time.Time // when it began

	// owned
	gone         bool                         // it has ended
	left         func()                       // is called when it has
	launch       func(*program, func(result)) // runs a script on the claims of now
	tokens       tokens
	report       wire.DeviceClaims  // what the device reported last; nil: what the claims token says
	risk         wire.Risk          // the user's
	subject      reevaluate.Subject // of the entitlements' verdicts, by their index
	entitlements []*entitlement
	matcher      matcher          // of their rules
	next         time.Time        // when the subject has to judge again
	tasks        map[string]*task // the scripts in use
	lookups      map[lookup]struct{}
	alerted      map[string]time.Time // when which destination was alerted last
	news         chan struct{}        // closed and replaced when something awaited has come
	turn         uint64               // counts the calls
	revision     uint64
	unpublished  bool
	publishBy    time.Time // when the first verdicts are told, whatever is awaited
	least        uint64    // policy revision of the tokens that are still good
	held         *hold     // nil while the tokens are good
	feed         *feed     // the event stream; nil: it is suspended
	lost         time.Time // when the last one ended
	asked        asked     // the client to resume
	// lasting are its flows that outlive their carriers; budget is what they keep
	// together.
	lasting map[flows.ID]*flow
	past    bygones
	joined  map[*carrier]struct{} // connections beside the event stream's
	budget  *flows.Budget
}

// ending says why a session ends; a problem is told to the client.
type ending struct {
	trigger wire.Trigger
	problem *wire.Problem
}

// newSession makes a session that begin has to be called of. report may be nil.
func newSession(g *Gateway, t tokens, report wire.DeviceClaims) *session {
	s := &session{
		id: t.claims.Session, user: t.claims.Subject, g: g, since: g.now().UTC().Round(0), row: wire.TriggerConnect,
		owner:  make(chan struct{}, 1),
		done:   make(chan struct{}),
		quota:  newQuota(g.config.Limits.whole()),
		tokens: t, report: report, news: make(chan struct{}), tasks: map[string]*task{},
	}
	s.handle.Owner = s
	s.owner <- struct{}{}
	return s
}

// now is the wall clock's time, without the monotonic one.
func (s *session) now() time.Time { return s.g.now().Round(0) }

// begin has the session judged for the first time, and lets others call. left is
// called when it has ended; nil: nobody is.
func (s *session) begin(left func()) {
	defer s.yield()
	ctx, cancel := context.WithCancel(context.Background())
	s.left = func() {
		cancel()
		if left != nil {
			left()
		}
	}
	s.launch = func(p *program, done func(result)) {
		s.g.runner.run(ctx, p, s.subject.Claims(), s.device(), done)
	}
	s.record(wire.AuditRecord{Kind: "session-added", Trigger: s.row, Allow: true})
	s.unpublished, s.publishBy = true, s.now().Add(firstVerdicts)
	s.renew(s.tokens, s.row)
	s.settle()
}

// call runs f, one call at a time, and says whether it did: a session that has
// ended runs nothing.
func (s *session) call(f func()) bool {
	s.owner <- struct{}{}
	defer s.yield()
	if s.gone {
		return false
	}
	s.turn++
	f()
	s.settle()
	return true
}

// yield lets the next one own the session.
func (s *session) yield() { <-s.owner }

// settle ends the session where it is to end, or nothing keeps it.
func (s *session) settle() {
	if e := s.ending.Load(); e != nil {
		s.finish(*e)
	} else if s.idle() {
		s.finish(ending{trigger: "connection-closed"})
	}
}

// end makes the session end, for the first reason given. It does not wait.
func (s *session) end(e ending) {
	if s.ending.CompareAndSwap(nil, &e) {
		go s.call(func() {})
	}
}

// wakeSession is the calendar's: it does not block.
func wakeSession(h *reevaluate.Handle[*session]) { go h.Owner.call(h.Owner.due) }

// wakeAt sets the session's one wake-up, by the wall clock; zero: never.
func (s *session) wakeAt(at time.Time) {
	if !at.IsZero() {
		at = time.Now().Add(at.Sub(s.now()))
	}
	s.g.calendar.Set(&s.handle, at)
}

// over is why there is no session any more, for a flow that waited for it.
func (s *session) over() *wire.Problem {
	select {
	case <-s.done:
		if s.last.problem != nil {
			return s.last.problem
		}
	default: // the client has given up
	}
	return noSession()
}

// finish ends the session: every flow has been reset, and it is no longer
// registered.
func (s *session) finish(e ending) {
	s.last = e
	s.g.resolver.watch(s, s.lookups, nil)
	for _, ent := range s.entitlements {
		ent.lease.Store(0)
		s.cut(ent, e.trigger)
	}
	s.record(wire.AuditRecord{Kind: "session-removed", Trigger: e.trigger, Allow: e.problem == nil})
	if !s.foreign() {
		s.g.waker.drop(s.id)
	}
	if s.feed != nil {
		s.feed.hurry()
	}
	s.g.calendar.Drop(&s.handle)
	s.g.registry.remove(s)
	s.gone = true
	close(s.done)
	s.left()
}

func (s *session) record(r wire.AuditRecord) {
	r.Session, r.User, r.At = s.id, s.user, s.now().UTC()
	s.g.audit.record(r)
}
