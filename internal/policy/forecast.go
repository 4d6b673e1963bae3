package policy

import (
	"time"
)

const (
	// horizon is how far ahead a plan looks where no token ends before.
	horizon = int64(40 * 24 * time.Hour)
	// maxSteps bounds the instants visited in looking ahead.
	maxSteps = 512
)

// Never is an instant that does not come, in Unix nanoseconds.
const Never = int64(forever)

// Forecast is an Outcome in figures, instants in Unix nanoseconds: what an
// engine keeps of each verdict.
type Forecast struct {
	Allow bool
	AnyOf bool
	// Cure is Outcome.Cure's kinds; empty: none.
	Cure KindSet
	// Change is Outcome.FailAt, or Never.
	Change int64
	// Warn is when Cure should be asked, whether there is one or not: the warning
	// lead before Change, or now. 0 where an allowance does not end by its
	// conditions.
	Warn int64
}

// End is when the tokens expire in Unix nanoseconds, or Never.
func (o PlanOptions) End() int64 {
	if o.TokensEnd.IsZero() {
		return Never
	}
	return o.TokensEnd.UnixNano()
}

// Foresee is Plan without its words. It allocates nothing, unless a criterion
// holds what only cel-go can evaluate.
func Foresee(conds []Condition, claims *Claims, now int64, o PlanOptions) Forecast {
	end := o.End()
	if now >= end {
		return Forecast{Change: Never}
	}
	p := planner{conds: conds, claims: claims, rounding: o.StampRounding}
	v := view{claims: claims}
	allow, change, turns := p.next(v, now, end)
	f := Forecast{Allow: allow, Change: change}
	switch {
	case !allow:
		if change >= end {
			f.Change = Never
		}
		f.Warn = now
		f.Cure, f.AnyOf = p.cure(now, now)
	case change >= end:
		f.Change = end
	case turns: // else only a look further ahead is needed then
		f.Warn = max(now, change-int64(o.WarningLead))
		f.Cure, f.AnyOf = p.cure(f.Warn, change)
	}
	return f
}

// Next is the verdict at now and the instant of its next change, in Unix
// nanoseconds and exact as a FailAt is: no further than end, and end where no
// time before it changes it. It allocates nothing.
func Next(conds []Condition, claims *Claims, now, end int64) (allow bool, change int64) {
	p := planner{conds: conds}
	allow, change, _ = p.next(view{claims: claims}, now, end)
	return allow, change
}

// eval is the conjunction of all conditions.
func (p *planner) eval(v view, at int64) (truth, int64) {
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

func (p *planner) holds(v view, at int64) bool {
	t, _ := p.eval(v, at)
	return t == isTrue
}

// next is the verdict at the instant at, and the next instant at which it turns
// into another, or from which that is not known; no further than end.
func (p *planner) next(v view, at, end int64) (allow bool, change int64, turns bool) {
	t, until := p.eval(v, at)
	allow = t == isTrue
	limit := min(end, after(at, horizon))
	for range maxSteps {
		if until == forever || until >= end {
			return allow, min(until, end), false
		}
		t, u := p.eval(v, until)
		if (t == isTrue) != allow || until >= limit {
			return allow, until, (t == isTrue) != allow
		}
		until = u
	}
	return allow, until, p.holds(v, until) != allow
}

// Steady is when the first single criterion changes its value, in Unix
// nanoseconds, or Never: before it, neither what explains a verdict nor what
// cures a denial is another. It is as exact as a FailAt, and allocates nothing.
func Steady(conds []Condition, claims *Claims, now int64) int64 {
	until := Never
	for i := range conds {
		if c := conds[i].Criteria; c != nil {
			until = min(until, steady(c.root, view{claims: claims}, now))
		}
	}
	return until
}

func steady(n node, v view, at int64) int64 {
	switch n := n.(type) {
	case not:
		return steady(n.a, v, at)
	case same:
		return min(steady(n.a, v, at), steady(n.b, v, at))
	case conditional:
		return min(steady(n.cond, v, at), steady(n.a, v, at), steady(n.b, v, at))
	case junction:
		return min(steady(n.a, v, at), steady(n.b, v, at))
	}
	value, until := n.eval(v, at)
	limit := after(at, horizon)
	for range maxSteps {
		if until >= limit {
			break
		}
		t, u := n.eval(v, until)
		if t != value {
			break
		}
		until = u
	}
	return until
}

// cure is the smallest set of interactions which, stamped as if answered at
// the instant answered, make every condition hold at the instant at. Zero:
// there is none. With anyOf it is several, each of which does so alone.
func (p *planner) cure(answered, at int64) (best KindSet, anyOf bool) {
	askable := p.askable()
	if askable == 0 {
		return 0, false
	}
	stamp := p.stamp(answered)
	alone := KindSet(0)
	for _, s := range bySize {
		single := s&(s-1) == 0
		if best != 0 && !single {
			break
		}
		if s&^askable != 0 || !p.holds(p.after(s, stamp), at) {
			continue
		}
		if best == 0 {
			best = s
		}
		if single {
			alone |= s
		}
	}
	if alone&(alone-1) != 0 { // there are several
		if choice := alone & p.choice(at); choice&best != 0 && choice != best {
			return choice, true
		}
	}
	return best, false
}

// choice is what the conditions that fail at the instant at leave to the user
// to choose from: none, unless all of them do.
func (p *planner) choice(at int64) (choice KindSet) {
	for i := range p.conds {
		c := &p.conds[i]
		if c.Criteria == nil {
			return 0
		}
		if t, _ := c.Criteria.root.eval(view{claims: p.claims}, at); t == isTrue {
			continue
		}
		if !c.Any {
			return 0
		}
		for _, k := range c.Interactions {
			choice |= setOf(k.Kind)
		}
	}
	return choice
}

// stamp is that of an answer given at that instant.
func (p *planner) stamp(answered int64) int64 {
	return Stamp(time.Unix(0, answered), p.rounding).UnixNano()
}

// after is the view once the set has been answered with that stamp.
func (p *planner) after(s KindSet, stamp int64) view {
	return view{claims: p.claims, answered: s, stamp: stamp}
}

// askable is what some condition may ask and its criteria read.
func (p *planner) askable() KindSet {
	var s KindSet
	for i := range p.conds {
		c := &p.conds[i]
		if c.Criteria == nil {
			continue
		}
		for _, k := range c.Interactions {
			s |= setOf(k.Kind) & c.Criteria.reads
		}
	}
	return s
}
