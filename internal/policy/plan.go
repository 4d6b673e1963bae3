package policy

import (
	"math/bits"
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
	// Reason explains the denial, or what ends the allowance at FailAt.
	Reason wire.Reason
}

const (
	// horizon is how far ahead a plan looks where no token ends before.
	horizon = int64(40 * 24 * time.Hour)
	// maxSteps bounds the instants visited in looking ahead.
	maxSteps = 512
)

// Plan judges the conditions, all of which have to hold, on the claims at now,
// and looks ahead. A FailAt is exact, unless looking further than 512 changes
// of single criteria or 40 days would have been needed; then it is an instant
// before any change, at which to plan again.
func Plan(conds []Condition, claims *Claims, now time.Time, o PlanOptions) Outcome {
	at, end := now.UnixNano(), int64(forever)
	if !o.TokensEnd.IsZero() {
		end = o.TokensEnd.UnixNano()
	}
	if at >= end {
		return Outcome{Reason: wire.Reason{Kind: wire.ReasonTokenEnd}}
	}
	p := planner{conds: conds, claims: claims, options: o}
	allow, next := p.next(&view{claims: claims}, at, end)
	if !allow {
		return p.denied(at, next, end)
	}
	return p.allowed(at, next, end)
}

// planner is one call of Plan.
type planner struct {
	conds   []Condition
	claims  *Claims
	options PlanOptions
}

func (p *planner) denied(at, next, end int64) Outcome {
	out := Outcome{FailAt: instant(next)}
	if next >= end {
		out.FailAt = time.Time{}
	}
	cure := p.cure(at, at)
	if cure != 0 {
		out.WarnAt, out.Cure = instant(at), p.ask(cure)
	}
	out.Reason = p.reason(at, at, cure)
	return out
}

func (p *planner) allowed(at, next, end int64) Outcome {
	out := Outcome{Allow: true, FailAt: instant(min(next, end))}
	switch {
	case next >= end:
		if end != forever {
			out.Reason.Kind = wire.ReasonTokenEnd
		}
		return out
	case p.holds(&view{claims: p.claims}, next):
		return out // only a look further ahead is needed then
	}
	warn := max(at, next-int64(p.options.WarningLead))
	cure := p.cure(warn, next)
	if cure != 0 {
		out.WarnAt, out.Cure = instant(warn), p.ask(cure)
	}
	out.Reason = p.reason(next, warn, cure)
	return out
}

// eval is the conjunction of all conditions.
func (p *planner) eval(v *view, at int64) (truth, int64) {
	value, until, failing := isTrue, int64(forever), int64(0)
	for i := range p.conds {
		if p.conds[i].Criteria == nil {
			return unknown, forever
		}
		x, u := p.conds[i].Criteria.root.eval(v, at)
		switch {
		case x == isFalse:
			value, failing = isFalse, max(failing, u)
		case x == unknown && value == isTrue:
			value = unknown
		}
		until = min(until, u)
	}
	if value == isFalse {
		return isFalse, failing
	}
	return value, until
}

func (p *planner) holds(v *view, at int64) bool {
	t, _ := p.eval(v, at)
	return t == isTrue
}

// next is the verdict at the instant at, and the next instant at which it is
// another; no further than end.
func (p *planner) next(v *view, at, end int64) (allow bool, change int64) {
	t, until := p.eval(v, at)
	allow = t == isTrue
	limit := min(end, at+horizon)
	for range maxSteps {
		if until == forever || until >= end {
			return allow, until
		}
		if until >= limit || p.holds(v, until) != allow {
			return allow, until
		}
		_, until = p.eval(v, until)
	}
	return allow, until
}

// cure is the smallest set of interactions which, stamped as if answered at
// the instant answered, make every condition hold at the instant at. Zero:
// there is none.
func (p *planner) cure(answered, at int64) kindSet {
	best, size := kindSet(0), len(interactionKinds)+1
	askable := p.askable()
	for s := kindSet(1); s < 1<<len(interactionKinds); s++ {
		n := bits.OnesCount8(uint8(s))
		if s&^askable == 0 && n < size && p.holds(p.after(s, answered), at) {
			best, size = s, n
		}
	}
	return best
}

// after is the view once the set has been answered.
func (p *planner) after(s kindSet, answered int64) *view {
	stamp := Stamp(time.Unix(0, answered), p.options.StampRounding)
	return &view{claims: p.claims, answered: s, stamp: stamp.UnixNano()}
}

// askable is what some condition may ask and its criteria read.
func (p *planner) askable() kindSet {
	var s kindSet
	for _, c := range p.conds {
		for _, i := range c.Interactions {
			if c.Criteria != nil {
				s |= setOf(i.Kind) & c.Criteria.reads
			}
		}
	}
	return s
}

// ask is the set with the administrator's words: the first condition's that
// asks it.
func (p *planner) ask(s kindSet) []wire.Interaction {
	var out []wire.Interaction
	for _, k := range s.kinds() {
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
