package gateway

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/reevaluate"
	"github.com/tidegate/tidegate/internal/wire"
)

// accept takes renewed tokens of the same session, and what the device reports
// with them. They may not be older than those it has, so that an answer or a
// claim cannot be taken back. The same tokens again are a reconnect where the
// client says so: its control channel, or it itself, was away.
func (s *session) accept(t tokens, report wire.DeviceClaims, resumed bool) *wire.Problem {
	if problem := s.refuses(t); problem != nil {
		return problem
	}
	row := t.row(s.tokens)
	if row == "" && resumed {
		row = wire.TriggerReconnect
	}
	if row == "" && s.held == nil {
		if report != nil {
			s.reported(report)
		}
		return nil
	}
	if report != nil {
		s.report = report
	}
	s.release()
	s.renew(t, cmp.Or(row, wire.TriggerRenewal))
	return nil
}

// refuses says why the session does not take tokens, though they are genuine.
func (s *session) refuses(t tokens) *wire.Problem {
	if t.claims.Session != s.id || t.claims.Subject != s.user {
		return &wire.Problem{Code: wire.CodeToken, Status: http.StatusForbidden, Title: "The tokens are another session's"}
	}
	if t.revision() < s.least {
		return outdatedProblem()
	}
	if t.revision() < s.tokens.revision() || s.g.visits.older(t) {
		return olderProblem()
	}
	return nil
}

func olderProblem() *wire.Problem {
	return &wire.Problem{Code: wire.CodeToken, Status: http.StatusConflict, Title: "The tokens are older than the session's",
		Detail: "The controller has newer ones."}
}

// row is why the token was made that differs from the old; empty: none does.
func (t tokens) row(old tokens) wire.Trigger {
	switch {
	case t.claims.ID != old.claims.ID:
		return cmp.Or(t.claims.Trigger, wire.TriggerClaimsToken)
	case t.entitlement.ID != old.entitlement.ID:
		return cmp.Or(t.entitlement.Trigger, wire.TriggerEntitlementToken)
	}
	return ""
}

// renew installs tokens and judges everything anew. An entitlement that is no
// longer there loses its flows.
func (s *session) renew(t tokens, trigger wire.Trigger) {
	set := t.entitlement.Settings
	answered := s.subject.Claims() != nil && !sameResponses(s.tokens.claims.Responses, t.claims.Responses)
	risk := s.g.registry.riskOf(s.user, s.now())
	s.tokens, s.risk = t.lean(), risk
	s.g.visits.note(t)
	s.heard.Store(&risk)
	s.subject.SetOptions(policy.PlanOptions{WarningLead: set.WarningLead.D(), StampRounding: set.StampRounding.D(), TokensEnd: t.end()})

	old, now := s.entitlements, s.now()
	s.entitlements = make([]*entitlement, 0, len(t.entitlement.Entitlements))
	grants := make([]*reevaluate.Grant, 0, len(t.entitlement.Entitlements))
	for _, e := range t.entitlement.Entitlements {
		i := slices.IndexFunc(old, func(o *entitlement) bool { return o.id == e.ID })
		ent := &entitlement{id: e.ID, now: s.g.now}
		if i >= 0 {
			ent = old[i]
			old = slices.Delete(old, i, i+1)
		}
		grant, err := s.g.grants.Of(e.Conditions)
		if err != nil { // such a condition denies
			s.g.log.Debug("a condition cannot be read", "entitlement", e.ID, "error", err)
		}
		ent.index = len(grants)
		ent.take(e, grant, now)
		if answered {
			ent.used = len(ent.flows) > 0
		}
		grants = append(grants, grant)
		s.entitlements = append(s.entitlements, ent)
	}
	for _, gone := range old {
		gone.lease.Store(0)
		s.matcher.forget(gone)
		s.cut(gone, trigger)
	}
	s.subject.SetGrants(grants)
	for _, e := range s.entitlements {
		s.subject.Use(e.index, e.used)
	}
	s.subject.SetClaims(s.assess(now))
	s.equip(trigger)
	if trigger == wire.TriggerClaimsToken || trigger == wire.TriggerRenewal {
		for _, e := range s.entitlements {
			s.runCriteria(e, trigger)
		}
	}
	s.watch()
	for _, e := range s.entitlements {
		s.compile(e)
	}
	s.withdraw(trigger)
	s.judge(s.entitlements, 0, trigger, true)
	s.announce()
}

// lean is the tokens without what the session keeps elsewhere.
func (t tokens) lean() tokens {
	e := *t.entitlement
	e.Entitlements = nil
	return tokens{claims: t.claims, entitlement: &e}
}

// withdraw cuts the flows whose destination the entitlement no longer covers.
func (s *session) withdraw(trigger wire.Trigger) {
	for _, e := range s.entitlements {
		for f := range e.flows {
			s.confirm(f, trigger)
		}
	}
}

// confirm cuts the flow if its entitlement does not cover its destination, by the
// name and at the address where that led. Where this is being found out, nothing
// passes and nothing is cut.
func (s *session) confirm(f *flow, trigger wire.Trigger) {
	e := f.entitlement
	m := s.matcher.match(f.target)
	_, refused := m.blocker()
	covered := m.gives(e) && !refused
	if f.addr.IsValid() {
		at := s.matcher.match(target{addr: f.addr, port: f.target.port, protocol: f.target.protocol, led: true})
		_, refused := at.blocker()
		covered = covered && !refused && !at.of(e).has(saysExclude)
	}
	f.unsure.Store(!covered && s.undecided(m))
	if !covered && !f.unsure.Load() {
		s.cutOne(e, f, trigger)
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
