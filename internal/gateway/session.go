package gateway

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// session is one admitted data channel.
//
//	admitted ──► judged ⇄ (timer, renewal, access, clock) ──► ended: flows reset
//	                │  ▲ newer tokens                           ▲
//	  policies have ▼  │                                        │
//	  changed      held: nothing passes ── renewGrace is over ──┘
//
// Its fields below "owned" belong to the goroutine of run; everyone else calls.
type session struct {
	id      wire.SessionID
	device  wire.DeviceID
	user    string
	audit   *auditor
	compile *compiler

	calls  chan func()
	ending chan ending // holds the first reason to end
	done   chan struct{}
	// feed holds the latest verdicts that the event stream has not written yet.
	feed chan wire.Verdicts
	// last is why the session ended; readable after done.
	last ending

	// owned
	tokens       tokens
	claims       *policy.Claims
	options      policy.PlanOptions
	entitlements []*entitlement
	revision     uint64
	wake         time.Time // of the timer; zero: none
	least        uint64    // policy revision of the tokens that are still good
	held         *hold     // nil while the tokens are good
}

// ending says why a session ends; a problem is told to the client.
type ending struct {
	trigger wire.Trigger
	problem *wire.Problem
}

func newSession(t tokens, audit *auditor, compile *compiler) *session {
	return &session{
		id: t.claims.Session, device: t.claims.Device, user: t.claims.Subject, audit: audit, compile: compile,
		calls:  make(chan func()),
		ending: make(chan ending, 1),
		done:   make(chan struct{}),
		feed:   make(chan wire.Verdicts, 1),
		tokens: t,
	}
}

// run owns the session until ctx is over or end is called; then every flow has
// been reset.
func (s *session) run(ctx context.Context) {
	defer close(s.done)
	s.record(wire.AuditRecord{Kind: "session-added", Trigger: wire.TriggerConnect, Allow: true})
	s.renew(s.tokens, wire.TriggerConnect)
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		var due <-chan time.Time
		if !s.wake.IsZero() {
			timer.Reset(max(0, time.Until(s.wake)))
			due = timer.C
		}
		select {
		case f := <-s.calls:
			f()
		case <-due:
			s.judge(wire.TriggerInstant)
		case e := <-s.ending:
			s.finish(e)
			return
		case <-ctx.Done():
			s.finish(ending{trigger: "connection-closed"})
			return
		}
		timer.Stop()
	}
}

// end makes the session end, for the first reason given.
func (s *session) end(e ending) {
	select {
	case s.ending <- e:
	default:
	}
}

// call runs f on the session's goroutine and says whether it did: a session
// that has ended runs nothing.
func (s *session) call(f func()) bool {
	ran := make(chan struct{})
	select {
	case s.calls <- func() { f(); close(ran) }:
		<-ran
		return true
	case <-s.done:
		return false
	}
}

func (s *session) finish(e ending) {
	s.last = e
	for _, ent := range s.entitlements {
		ent.lease.Store(0)
		s.cut(ent, e.trigger)
	}
	s.record(wire.AuditRecord{Kind: "session-removed", Trigger: e.trigger})
}

// accept takes renewed tokens of the same session. They may not be older than
// those it has, so that an answer or a claim cannot be taken back.
func (s *session) accept(t tokens) *wire.Problem {
	old := s.tokens
	if t.claims.Session != s.id || t.claims.Subject != s.user {
		return &wire.Problem{Code: wire.CodeToken, Status: http.StatusForbidden, Title: "The tokens are another session's"}
	}
	if t.revision() < s.least {
		return outdatedProblem()
	}
	if t.revision() < old.revision() || t.claims.Issued.Time().Before(old.claims.Issued.Time()) || t.entitlement.Issued.Time().Before(old.entitlement.Issued.Time()) {
		return &wire.Problem{Code: wire.CodeToken, Status: http.StatusConflict, Title: "The tokens are older than the session's"}
	}
	s.release()
	s.renew(t, "claims")
	return nil
}

// renew installs tokens and judges everything anew. An entitlement that is no
// longer there loses its flows.
func (s *session) renew(t tokens, trigger wire.Trigger) {
	set := t.entitlement.Settings
	answered := s.claims != nil && !sameResponses(s.tokens.claims.Responses, t.claims.Responses)
	s.tokens, s.claims = t, policy.ClaimsOf(t.claims)
	s.options = policy.PlanOptions{WarningLead: set.WarningLead.D(), StampRounding: set.StampRounding.D(), TokensEnd: t.end()}

	old := s.entitlements
	s.entitlements = make([]*entitlement, 0, len(t.entitlement.Entitlements))
	for _, e := range t.entitlement.Entitlements {
		i := slices.IndexFunc(old, func(o *entitlement) bool { return o.id == e.ID })
		ent := &entitlement{id: e.ID, flows: map[*flow]struct{}{}}
		if i >= 0 {
			ent = old[i]
			old = slices.Delete(old, i, i+1)
		}
		ent.rules, ent.conds = compileRules(e.Actions), s.compile.conditions(e.Conditions)
		if answered {
			ent.used = len(ent.flows) > 0
		}
		s.entitlements = append(s.entitlements, ent)
	}
	for _, gone := range old {
		gone.lease.Store(0)
		s.cut(gone, trigger)
	}
	s.withdraw(trigger)
	s.judge(trigger)
}

// withdraw cuts the flows whose destination the entitlement no longer covers.
func (s *session) withdraw(trigger wire.Trigger) {
	for _, e := range s.entitlements {
		for f := range e.flows {
			if !e.rules.allows(f.target) || s.blocked(f.target) {
				s.cutOne(e, f, trigger)
			}
		}
	}
}

func sameResponses(a, b map[wire.InteractionKind]time.Time) bool {
	if len(a) != len(b) {
		return false
	}
	for k, t := range a {
		if o, ok := b[k]; !ok || !o.Equal(t) {
			return false
		}
	}
	return true
}

// judge plans every entitlement at this instant: denials take effect first,
// then the client is told if anything changed.
func (s *session) judge(trigger wire.Trigger) {
	now := time.Now()
	if s.held != nil {
		s.holdOn(now)
		return
	}
	changed := s.revision == 0
	s.wake = time.Time{}
	for _, e := range s.entitlements {
		was := e.verdict
		if e.judge(s.claims, now, s.options) {
			changed = true
			if was.Allow != e.verdict.Allow || was.Decision == "" {
				s.record(wire.AuditRecord{Kind: "verdict", Entitlement: e.id, Trigger: trigger,
					Allow: e.verdict.Allow, Reason: e.verdict.Reason, Decision: e.verdict.Decision})
			}
		}
		if !e.verdict.Allow {
			s.cut(e, trigger)
		}
		if w := e.wake(now); !w.IsZero() && (s.wake.IsZero() || w.Before(s.wake)) {
			s.wake = w
		}
	}
	if changed {
		s.publish(now)
	}
}

// publish replaces what the event stream has not written yet.
func (s *session) publish(now time.Time) {
	s.revision++
	v := wire.Verdicts{Revision: s.revision, At: now.UTC(), Verdicts: make([]wire.Verdict, 0, len(s.entitlements))}
	for _, e := range s.entitlements {
		v.Verdicts = append(v.Verdicts, e.verdict)
	}
	select {
	case <-s.feed:
	default:
	}
	s.feed <- v
}

func (s *session) record(r wire.AuditRecord) {
	r.Session, r.User = s.id, s.user
	s.audit.record(r)
}
