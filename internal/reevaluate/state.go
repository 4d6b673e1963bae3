package reevaluate

import "github.com/tidegate/tidegate/internal/policy"

// state is one grant of one session, in 32 bytes:
//
//	         the conditions hold            used, curable, and the warning is due
//	denied ──────────────────────► allowed ──────────────────────────────► warned
//	  ▲                             │  ▲  an answer, or used no longer        │ │
//	  │  the conditions fail        │  └───────────────────────────────────────┘ │
//	  ├─────────────────────────────┘                                            │
//	  └──────────────────────────────────────────────────────────────────────────┘
//
// It is judged anew at the instant due, when an input of its grant changes, and
// when it is stale.
type state struct {
	grant *Grant
	// change is when the verdict is another one, or when to look again; Never.
	change int64
	// look is, of an allowance, when to warn; of a denial, when something that
	// explains or cures it is another.
	look  int64
	cure  policy.KindSet
	flags flags
}

type flags uint8

const (
	allowed flags = 1 << iota
	anyOf         // each of cure suffices
	warned        // the cure is to be asked now
	used          // see Subject.Use
	stale         // to be judged whatever the time
	judged        // it has been before
)

func (s *state) is(f flags) bool { return s.flags&f != 0 }

func (s *state) set(f flags, on bool) {
	if on {
		s.flags |= f
	} else {
		s.flags &^= f
	}
}

// due is the next instant at which it has to be judged.
func (s *state) due() int64 {
	switch {
	case s.is(stale):
		return 0
	case !s.is(allowed) || s.is(used) && !s.is(warned) && s.cure != 0:
		return min(s.change, s.look)
	}
	return s.change
}

// judge says whether something of it changed that is worth telling.
func (s *state) judge(claims *policy.Claims, at int64, o *policy.PlanOptions) bool {
	old := *s
	f := policy.Foresee(s.grant.conds, claims, at, *o)
	s.change, s.look, s.cure = f.Change, policy.Never, f.Cure
	s.set(allowed, f.Allow)
	s.set(anyOf, f.AnyOf)
	s.set(warned, f.Allow && f.Cure != 0 && old.is(used) && at >= f.Warn)
	s.set(stale, false)
	s.set(judged, true)
	switch {
	case f.Allow && f.Cure != 0:
		s.look = f.Warn
	case !f.Allow && at < o.End():
		s.look = policy.Steady(s.grant.conds, claims, at)
	}
	const told = allowed | anyOf | warned | judged
	return !f.Allow || old.flags&told != s.flags&told || old.change != s.change || old.cure != s.cure
}
