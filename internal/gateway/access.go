package gateway

import (
	"net/http"

	"github.com/tidegate/tidegate/internal/wire"
)

// open judges a new flow now and registers it, so that a denial from here on
// cuts it, be it still dialling. It runs on the session's goroutine.
func (s *session) open(t target, f *flow) *wire.Problem {
	var denied *entitlement
	if !s.blocked(t) {
		for _, e := range s.entitlements {
			if !e.rules.allows(t) {
				continue
			}
			was := e.used
			e.used = true
			s.judge(wire.TriggerAccess)
			if e.verdict.Allow && e.permits() {
				f.entitlement, f.decision, f.literal = e, e.verdict.Decision, e.rules.literal(t)
				e.flows[f] = struct{}{}
				return nil
			}
			e.used = was
			if denied == nil || len(denied.verdict.Interactions) == 0 && len(e.verdict.Interactions) > 0 {
				denied = e
			}
		}
	}
	if denied == nil {
		s.record(wire.AuditRecord{Kind: "flow-denied", Target: t.String(), Trigger: wire.TriggerAccess, Reason: wire.Reason{Kind: wire.ReasonNotEntitled}})
		return &wire.Problem{Code: wire.CodeNotEntitled, Status: http.StatusForbidden, Title: "You are not entitled to this destination", Detail: t.String()}
	}
	s.record(wire.AuditRecord{Kind: "flow-denied", Entitlement: denied.id, Target: t.String(), Trigger: wire.TriggerAccess,
		Reason: denied.verdict.Reason, Decision: denied.verdict.Decision})
	return deniedProblem(denied.verdict)
}

func deniedProblem(v wire.Verdict) *wire.Problem {
	return &wire.Problem{Code: wire.CodeDenied, Status: http.StatusForbidden, Title: "Access is denied", Detail: v.Reason.Detail, Verdict: &v}
}

// blocked says whether any of the session's policies blocks the target.
func (s *session) blocked(t target) bool {
	for _, e := range s.entitlements {
		if e.rules.blocks(t) {
			return true
		}
	}
	return false
}

// close removes a flow that ended by itself. What was cut has been recorded.
func (s *session) close(f *flow, kind string) {
	s.call(func() {
		e := f.entitlement
		if _, open := e.flows[f]; !open {
			return
		}
		delete(e.flows, f)
		s.recordFlow(e, f, kind, "")
	})
}

// cut resets every flow of the entitlement at both ends.
func (s *session) cut(e *entitlement, trigger wire.Trigger) {
	for f := range e.flows {
		s.cutOne(e, f, trigger)
	}
}

func (s *session) cutOne(e *entitlement, f *flow, trigger wire.Trigger) {
	delete(e.flows, f)
	f.reset(codeCut)
	s.recordFlow(e, f, "flow-cut", trigger)
}

func (s *session) recordFlow(e *entitlement, f *flow, kind string, trigger wire.Trigger) {
	s.record(wire.AuditRecord{Kind: kind, Entitlement: e.id, Target: f.target.String(), Trigger: trigger, Allow: e.verdict.Allow,
		Reason: e.verdict.Reason, Decision: f.decision, Up: f.up.Load(), Down: f.down.Load()})
}

// still says whether the flow may pass data after its lease has ended: it makes
// the session judge again, which cuts the flow if it may not. It waits while the
// session is held.
func (s *session) still(f *flow) bool {
	ok := false
	s.settled(func() {
		if _, open := f.entitlement.flows[f]; open {
			s.judge(wire.TriggerInstant)
			ok = f.entitlement.permits()
		}
	})
	return ok
}

// blocks asks the session, from another goroutine, what its policies block; a
// session that has ended blocks everything.
func (s *session) blocks(t target) bool {
	blocked := true
	s.call(func() { blocked = s.blocked(t) })
	return blocked
}
