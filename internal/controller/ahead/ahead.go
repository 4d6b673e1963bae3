// Package ahead walks from verdict to verdict, as the gateways' engine (package
// policy) foresees each while claims stay as they are, and so tells when access
// is open in the days to come, when a prompt will come, and when it ends. The
// controller calls it for wire.PathForecast. It is pure: it reads no clock and no
// store, and any number of goroutines may use it.
package ahead

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// maxSteps bounds the verdicts that one walk makes.
const maxSteps = 1024

// Step is the user's risk from an instant on.
type Step struct {
	At    time.Time
	Level int64
}

// Look is one look ahead, for one session.
type Look struct {
	From, Until time.Time
	// Claims are those of now; their Risk is not read.
	Claims *policy.Claims
	// Risk falls by itself: the first step is that of From, the others follow in
	// order. None: the risk is missing.
	Risk    []Step
	Options policy.PlanOptions
	// Stop is asked before each verdict; where it says so, the walk ends there. nil
	// never does.
	Stop func() bool
}

// Spans are what becomes of access that all of the conditions guard, at most as
// many as given. They follow each other from From; where there would be more, or
// Stop says so, they end before Until.
func (l Look) Spans(conds []policy.Condition, most int) []wire.ForecastSpan {
	var out []wire.ForecastSpan
	at := l.From.UTC().Round(0)
	for range maxSteps {
		if !at.Before(l.Until) || l.Stop != nil && l.Stop() {
			break
		}
		s := l.span(conds, at)
		if !s.To.After(at) {
			break // no engine goes on from here
		}
		at = s.To
		if n := len(out); n > 0 && join(&out[n-1], s) {
			continue
		}
		if len(out) == most {
			break
		}
		out = append(out, s)
	}
	return out
}

// span is the verdict at an instant, to where it has to be made anew.
func (l Look) span(conds []policy.Condition, at time.Time) wire.ForecastSpan {
	claims, to := l.claims(at)
	plan := policy.Plan(conds, claims, at, l.Options)
	turns := !plan.FailAt.IsZero() && !plan.FailAt.After(to)
	if turns {
		to = plan.FailAt
	}
	s := wire.ForecastSpan{From: at, Allow: plan.Allow}
	end := l.Options.End()
	if !plan.Allow && at.UnixNano() < end { // as the engine looks at denials
		if steady := min(policy.Steady(conds, claims, at.UnixNano()), end); steady < to.UnixNano() {
			to = time.Unix(0, steady).UTC()
		}
	}
	asked := plan.Allow && !plan.WarnAt.IsZero() && plan.WarnAt.Before(to)
	if asked {
		s.Warn = plan.WarnAt
	}
	if !plan.Allow || asked {
		s.AnyOf = plan.AnyOf
		for _, i := range plan.Cure {
			s.Cure = append(s.Cure, i.Kind)
		}
	}
	if !plan.Allow || asked || turns {
		s.Reason = plan.Reason.Kind
	}
	s.To = to
	return s
}

// claims are those at an instant, and until when they stand.
func (l Look) claims(at time.Time) (*policy.Claims, time.Time) {
	c, to := *l.Claims, l.Until.UTC().Round(0)
	c.Risk = nil
	for _, s := range l.Risk {
		if s.At.After(at) {
			if s.At.Before(to) {
				to = s.At.UTC().Round(0)
			}
			break
		}
		c.Risk = &s.Level
	}
	return &c, to
}

// join makes one span of two where the later is but the earlier, going on.
func join(a *wire.ForecastSpan, b wire.ForecastSpan) bool {
	if a.Allow != b.Allow {
		return false
	}
	same := a.AnyOf == b.AnyOf && slices.Equal(a.Cure, b.Cure)
	switch {
	case !a.Allow:
		if !same || a.Reason != b.Reason {
			return false
		}
	case !a.Warn.IsZero():
		if !same || b.Warn.IsZero() {
			return false
		}
		a.Reason = b.Reason
	default:
		a.Warn, a.Cure, a.AnyOf, a.Reason = b.Warn, b.Cure, b.AnyOf, b.Reason
	}
	a.To = b.To
	return true
}
