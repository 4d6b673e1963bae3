package gateway

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// open judges a new flow now and registers it, so that a denial from here on
// cuts it, be it still dialling. Where it is being found out what the rules say
// of it, it returns what to wait for before it is called again. It runs as a
// call of the session.
func (s *session) open(t target, f *flow) (p *wire.Problem, wait <-chan struct{}) {
	m := s.matcher.match(t)
	if s.undecided(m) || s.inquire(m, f) {
		return nil, s.news
	}
	if h, ok := m.blocker(); ok {
		return s.refuse(h, t), nil
	}
	var denied *entitlement
	near := m.nearest()
	for _, h := range m {
		e := h.e
		gives := h.says.allows() && h.near == near
		if offered := h.says.has(saysScript) && e.offers[t.String()]; !gives && !offered {
			continue
		}
		if s.valuesPending(e) {
			return nil, s.news
		}
		was := e.used
		s.use(e, true)
		s.judge([]*entitlement{e}, 0, wire.TriggerAccess, true)
		if e.verdict.Allow && e.permits() && gives {
			f.entitlement, f.decision, f.literal = e, e.verdict.Decision, h.says.has(saysLiteral)
			s.admit(e, f)
			return nil, nil
		}
		s.use(e, was)
		if !e.verdict.Allow && (denied == nil || len(denied.verdict.Interactions) == 0 && len(e.verdict.Interactions) > 0) {
			denied = e
		}
	}
	if denied == nil {
		decision := wire.DecisionID(wire.NewID())
		s.record(wire.AuditRecord{Kind: "flow-denied", Target: t.String(), Trigger: wire.TriggerAccess, Reason: wire.Reason{Kind: wire.ReasonNotEntitled}, Decision: decision})
		return notEntitledProblem(t, decision), nil
	}
	s.record(wire.AuditRecord{Kind: "flow-denied", Entitlement: denied.id, Target: t.String(), Trigger: wire.TriggerAccess,
		Reason: denied.reason, Decision: denied.verdict.Decision})
	return deniedProblem(denied.verdict), nil
}

// use says whether the entitlement is in use: only then the user is warned.
func (s *session) use(e *entitlement, used bool) {
	e.used = used
	s.subject.Use(e.index, used)
}

// undecided says whether it is not known yet what the rules say of the target.
func (s *session) undecided(m match) bool {
	return slices.ContainsFunc(m, func(h hit) bool {
		return h.says.has(saysPending) || h.says.has(saysScript) && slices.ContainsFunc(h.e.rules.scripts(), func(name string) bool {
			return s.tasks[key(wire.ScriptEntitlement, name)].pending()
		})
	})
}

// inquire runs, for a flow that no rule allows yet, the scripts that may name
// its target, and says whether it has to wait for a run that began since.
func (s *session) inquire(m match, f *flow) (wait bool) {
	if slices.ContainsFunc(m, func(h hit) bool { return h.says.allows() }) {
		return false
	}
	first := f.inquired.IsZero()
	if first {
		f.inquired = s.now()
	}
	for _, h := range m {
		e := h.e
		if !e.verdict.Allow || !h.says.has(saysScript) {
			continue
		}
		if first {
			s.runHosts(e, wire.TriggerAccess)
		}
		for _, name := range e.rules.scripts() {
			k := s.tasks[key(wire.ScriptEntitlement, name)]
			wait = wait || k.served.Before(f.inquired) && (k.running || !k.due.IsZero() && byClient(k.why))
		}
	}
	s.rearm()
	return wait
}

func notEntitledProblem(t target, decision wire.DecisionID) *wire.Problem {
	return &wire.Problem{Code: wire.CodeNotEntitled, Status: http.StatusForbidden, Title: "You are not entitled to this destination", Detail: t.String(),
		Verdict: &wire.Verdict{Reason: wire.Reason{Kind: wire.ReasonNotEntitled}, Decision: decision}}
}

func deniedProblem(v wire.Verdict) *wire.Problem {
	return &wire.Problem{Code: wire.CodeDenied, Status: http.StatusForbidden, Title: "Access is denied", Detail: v.Reason.Detail, Verdict: &v}
}

// refuse records what blocks the target, and raises the alert that it asks for.
func (s *session) refuse(h hit, t target) *wire.Problem {
	e := h.e
	reason := wire.Reason{Kind: wire.ReasonBlocked}
	decision := wire.DecisionID(wire.NewID())
	s.record(wire.AuditRecord{Kind: "flow-denied", Entitlement: e.id, Target: t.String(), Trigger: wire.TriggerAccess, Reason: reason, Decision: decision})
	if h.says.has(saysAlert) {
		s.alert(e, t, decision)
	}
	return &wire.Problem{Code: wire.CodeNotEntitled, Status: http.StatusForbidden, Title: "This destination is blocked",
		Detail: t.String() + " is blocked by your organisation.", Verdict: &wire.Verdict{Entitlement: e.id, Reason: reason, Decision: decision}}
}

// admit takes a flow in.
func (s *session) admit(e *entitlement, f *flow) {
	if e.flows == nil {
		e.flows = map[*flow]struct{}{}
	}
	e.flows[f] = struct{}{}
	s.roam(f)
	if f.lasting == nil {
		return
	}
	if s.lasting == nil {
		s.lasting, s.budget = map[flows.ID]*flow{}, flows.NewBudget(s.g.config.Limits.whole().ParkedBytes)
	}
	s.lasting[f.id] = f
}

// close removes a flow that ended by itself. What was cut has been recorded.
func (s *session) close(f *flow, kind string) {
	s.call(func() { s.closeOne(f, kind) })
}

func (s *session) closeOne(f *flow, kind string) {
	e := f.entitlement
	if _, open := e.flows[f]; open {
		s.strike(e, f)
		s.recordFlow(e, f, kind, "")
	}
}

// strike takes a flow out.
func (s *session) strike(e *entitlement, f *flow) {
	delete(e.flows, f)
	s.unroam(f)
	if f.lasting != nil && s.lasting[f.id] == f {
		delete(s.lasting, f.id)
		s.past.close(f.id, time.Now())
	}
}

// cut resets every flow of the entitlement at both ends.
func (s *session) cut(e *entitlement, trigger wire.Trigger) {
	for f := range e.flows {
		s.cutOne(e, f, trigger)
	}
}

func (s *session) cutOne(e *entitlement, f *flow, trigger wire.Trigger) {
	s.strike(e, f)
	kind := "flow-cut"
	if f.ended() {
		kind, trigger = "flow-closed", ""
	}
	f.reset(codeCut)
	s.recordFlow(e, f, kind, trigger)
}

// recordFlow records what has become of a flow. One whose application was never
// reached was not opened, so it is neither closed nor cut: it failed.
func (s *session) recordFlow(e *entitlement, f *flow, kind string, trigger wire.Trigger) {
	ended := kind == "flow-closed" || kind == "flow-cut"
	if ended && f.began.IsZero() {
		kind = "flow-failed"
	}
	r := wire.AuditRecord{Kind: kind, Entitlement: e.id, Target: f.target.String(), Trigger: trigger, Allow: e.verdict.Allow,
		Reason: e.reason, Decision: f.decision}
	if ended && !f.began.IsZero() {
		r.Up, r.Down, r.Duration = f.up.Load(), f.down.Load(), wire.Duration(time.Since(f.began))
	}
	s.record(r)
}

// opened notes that the flow has its application, at an address where a name
// server led. The name may lead elsewhere by now, or the rules refuse it.
func (s *session) opened(f *flow, at netip.Addr) {
	s.call(func() {
		if _, open := f.entitlement.flows[f]; !open {
			return
		}
		f.addr, f.began = at, time.Now()
		s.recordFlow(f.entitlement, f, "flow-opened", wire.TriggerAccess)
		if f.addr.IsValid() {
			if a, known, _ := s.g.resolver.find(lookup{name: f.target.name}); known && !slices.Contains(a.addrs, f.addr) {
				s.cutOne(f.entitlement, f, wire.TriggerResolver)
				return
			}
		}
		s.confirm(f, wire.TriggerAccess)
	})
}

// still says whether the flow may pass data after its lease has ended: it makes
// the session judge again, which cuts the flow if it may not. It waits while the
// session is held, or a verdict is awaited.
func (s *session) still(f *flow) bool {
	ok := false
	s.settled(f.gone, func() <-chan struct{} {
		e := f.entitlement
		if _, open := e.flows[f]; !open {
			return nil
		}
		if f.unsure.Load() || s.awaits(e, s.now()) {
			return s.news
		}
		s.judge([]*entitlement{e}, 0, wire.TriggerInstant, false)
		ok = e.permits()
		return nil
	})
	return ok
}

// blocks asks the session, from another goroutine, whether the address t to which
// the flow is led is refused; a session that has ended refuses everything.
func (s *session) blocks(f *flow, t target) bool {
	blocked := true
	s.call(func() {
		m := s.matcher.match(t)
		_, blocked = m.blocker()
		blocked = blocked || m.of(f.entitlement).has(saysExclude)
	})
	return blocked
}
