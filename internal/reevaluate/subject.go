package reevaluate

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// Subject is the verdicts of one session: one for each of its grants, by their
// index. Nothing is allowed before the first Judge. It belongs to one goroutine.
type Subject struct {
	options policy.PlanOptions
	claims  *policy.Claims
	states  []state
	last    int64 // of Judge
}

// SetOptions says by what to judge; a change concerns every grant.
func (s *Subject) SetOptions(o policy.PlanOptions) {
	if o.WarningLead == s.options.WarningLead && o.StampRounding == s.options.StampRounding && o.TokensEnd.Equal(s.options.TokensEnd) {
		return
	}
	s.options = o
	s.staleAll()
}

// SetGrants says what to judge. Where that is not what there is already, every
// grant begins anew: denied and unused.
func (s *Subject) SetGrants(grants []*Grant) {
	if slices.EqualFunc(s.states, grants, func(a state, b *Grant) bool { return a.grant == b }) {
		return
	}
	s.states = make([]state, len(grants))
	for i, g := range grants {
		s.states[i] = state{grant: g, flags: stale}
	}
}

// SetClaims says on what to judge, and returns what differs from before, which
// is for Judge.
func (s *Subject) SetClaims(c *policy.Claims) policy.Inputs {
	changed := policy.InputsOf(s.claims, c)
	s.claims = c
	return changed
}

// Claims are those that were set last.
func (s *Subject) Claims() *policy.Claims { return s.claims }

// Use says whether a grant is in use: only then does Due ask for what keeps it.
// The next Judge heeds it.
func (s *Subject) Use(i int, inUse bool) {
	if e := &s.states[i]; e.is(used) != inUse {
		e.set(used, inUse)
		e.set(stale, true)
	}
}

// Review has the next Judge judge a grant whatever has changed: the user tries
// an access, or the administrator set a reevaluation time (seed 003).
func (s *Subject) Review(i int) { s.states[i].set(stale, true) }

// Judge judges the grants that read what has changed and those whose instant
// has come. It calls visit for each of which the verdict, its lease, its cure or
// whether that is due is another, and for each denial that it judged, whose
// reason may be. It returns when to call it again; zero: when something changes.
// A clock that has gone back concerns every grant. visit may read the subject.
func (s *Subject) Judge(now time.Time, changed policy.Inputs, visit func(i int)) time.Time {
	at := now.UnixNano()
	if at < s.last {
		s.staleAll()
	}
	s.last = at
	wake := policy.Never
	for i := range s.states {
		e := &s.states[i]
		due := e.due()
		if s.claims != nil && (at >= due || changed != 0 && e.grant.inputs&changed != 0) {
			if e.judge(s.claims, at, &s.options) && visit != nil {
				visit(i)
			}
			due = e.due()
		}
		wake = min(wake, due)
	}
	if wake == policy.Never || s.claims == nil {
		return time.Time{}
	}
	return time.Unix(0, wake)
}

// Replan is Judge for a wall clock that has been set: it concerns every grant.
func (s *Subject) Replan(now time.Time, visit func(i int)) time.Time {
	s.staleAll()
	return s.Judge(now, 0, visit)
}

func (s *Subject) staleAll() {
	for i := range s.states {
		s.states[i].set(stale, true)
	}
}

// Lease is the instant in Unix nanoseconds before which the grant allows; 0 if
// it denies, policy.Never if no time ends it. It is exact whenever it is
// enforced: a Judge that comes late grants nothing.
func (s *Subject) Lease(i int) int64 {
	if e := &s.states[i]; e.is(allowed) {
		return e.change
	}
	return 0
}

// Due says whether the user should be asked now for what keeps the grant: it is
// in use and ends within the warning lead.
func (s *Subject) Due(i int) bool { return s.states[i].is(warned) }

// Outcome is the verdict at the last Judge with all that explains it.
func (s *Subject) Outcome(i int) policy.Outcome {
	if s.claims == nil || !s.states[i].is(judged) {
		return policy.Outcome{}
	}
	return policy.Plan(s.states[i].grant.conds, s.claims, time.Unix(0, s.last), s.options)
}

// Explain lists the terms that deny the grant, or that will once its allowance
// ends.
func (s *Subject) Explain(i int) []wire.Term {
	e := &s.states[i]
	switch {
	case s.claims == nil || !e.is(judged):
		return nil
	case !e.is(allowed):
		return policy.Explain(e.grant.conds, s.claims, time.Unix(0, s.last))
	case e.change == policy.Never || e.change == s.options.End():
		return nil
	}
	return policy.Explain(e.grant.conds, s.claims, time.Unix(0, e.change))
}
