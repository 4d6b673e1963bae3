package gateway

import (
	"math"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// entitlement is one of a session's, with its verdict and its open flows. All
// but the lease belongs to the session's goroutine.
type entitlement struct {
	id    wire.EntitlementID
	rules rules
	conds []policy.Condition

	outcome policy.Outcome
	verdict wire.Verdict
	flows   map[*flow]struct{}
	// used: a flow is open, or was since the user last answered something. Only
	// what is used is worth a warning.
	used bool
	// lease is the instant, in Unix nanoseconds, before which data may pass; 0
	// denies. Flows read it with every chunk.
	lease atomic.Int64
}

// judge plans the entitlement and says whether its verdict changed.
func (e *entitlement) judge(claims *policy.Claims, now time.Time, o policy.PlanOptions) bool {
	e.outcome = policy.Plan(e.conds, claims, now, o)
	v := wire.Verdict{
		Entitlement:  e.id,
		Allow:        e.outcome.Allow,
		NotAfter:     e.outcome.FailAt,
		Interactions: e.outcome.Cure,
		Reason:       e.outcome.Reason,
		Decision:     e.verdict.Decision,
		Due:          e.outcome.Allow && e.used && len(e.outcome.Cure) > 0 && !now.Before(e.outcome.WarnAt),
	}
	e.lease.Store(lease(v))
	if v.Decision != "" && reflect.DeepEqual(v, e.verdict) {
		return false
	}
	v.Decision = wire.DecisionID(wire.NewID())
	e.verdict = v
	return true
}

func lease(v wire.Verdict) int64 {
	switch {
	case !v.Allow:
		return 0
	case v.NotAfter.IsZero():
		return math.MaxInt64
	}
	return v.NotAfter.UnixNano()
}

// wake is when the verdict has to be judged again; zero: never.
func (e *entitlement) wake(now time.Time) time.Time {
	if o := e.outcome; o.Allow && e.used && len(o.Cure) > 0 && now.Before(o.WarnAt) {
		return o.WarnAt
	}
	return e.outcome.FailAt
}

// permits says whether data may pass now.
func (e *entitlement) permits() bool { return time.Now().UnixNano() < e.lease.Load() }
