package policy

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Condition is a compiled condition. A nil Criteria (it did not compile) denies.
type Condition struct {
	ID       wire.ConditionID
	Criteria *Criteria
	// Interactions may be asked when the criteria fail.
	Interactions []wire.Interaction
	// Any: one of the interactions suffices and the user chooses (seed 003: ONE);
	// otherwise all that a cure needs are asked.
	Any bool
	// Denied is what the user is told on failure.
	Denied string
}

// PlanOptions are the settings a plan depends on. The zero value warns at the
// instant of failure, stamps answers exactly and knows no end of tokens.
type PlanOptions struct {
	WarningLead   time.Duration
	StampRounding time.Duration
	// TokensEnd is when the tokens expire: nothing is allowed from then on.
	TokensEnd time.Time
}

// Outcome is a verdict on all of an entitlement's conditions and what will
// become of it while the claims stay as they are.
type Outcome struct {
	Allow bool
	// FailAt is, when allowed, the instant from which access is denied; when
	// denied, the instant from which it is allowed. Zero: no time will change it.
	FailAt time.Time
	// WarnAt is when the user should be asked for Cure: the warning lead before
	// FailAt, or now where that has passed. Zero when there is nothing to ask.
	WarnAt time.Time
	// Cure is the smallest set of interactions that, answered at WarnAt, keep
	// access at FailAt; when denied, that, answered now, open it now. Empty
	// when nothing the user can answer would.
	Cure []wire.Interaction
	// AnyOf: each of Cure does so alone, and the user chooses one.
	AnyOf bool
	// Reason explains the denial, or what ends the allowance at FailAt.
	Reason wire.Reason
}

// Plan judges the conditions, all of which have to hold, on the claims at now,
// and looks ahead. A FailAt is exact, unless looking further than 512 changes
// of single criteria or 40 days would have been needed; then it is an instant
// before any change, at which to plan again.
func Plan(conds []Condition, claims *Claims, now time.Time, o PlanOptions) Outcome {
	at, end := now.UnixNano(), o.End()
	if at >= end {
		return Outcome{Reason: wire.Reason{Kind: wire.ReasonTokenEnd}}
	}
	f := Foresee(conds, claims, at, o)
	p := planner{conds: conds, claims: claims, rounding: o.StampRounding}
	out := Outcome{Allow: f.Allow, FailAt: instant(f.Change), AnyOf: f.AnyOf}
	if f.Cure != 0 {
		out.WarnAt, out.Cure = instant(f.Warn), p.ask(f.Cure)
	}
	switch {
	case !f.Allow:
		out.Reason = p.reason(at, at, f.Cure)
	case f.Change == end && end != forever:
		out.Reason.Kind = wire.ReasonTokenEnd
	case f.Warn != 0:
		out.Reason = p.reason(f.Change, f.Warn, f.Cure)
	}
	return out
}

// planner is one look at conditions on claims.
type planner struct {
	conds    []Condition
	claims   *Claims
	rounding time.Duration
}

// ask is the set with the administrator's words: the first condition's that
// asks it.
func (p *planner) ask(s KindSet) []wire.Interaction {
	var out []wire.Interaction
	for _, k := range s.Kinds() {
		for _, c := range p.conds {
			if i := slices.IndexFunc(c.Interactions, func(i wire.Interaction) bool { return i.Kind == k }); i >= 0 {
				out = append(out, c.Interactions[i])
				break
			}
		}
	}
	return out
}

func instant(ns int64) time.Time {
	if ns == forever {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
