package policy

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/policy/policytest"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestCureAgainstCEL answers what a plan asks and lets cel-go judge the effect,
// and that no smaller set would have done.
func TestCureAgainstCEL(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	cures := 0
	for range 80 {
		a, b := policytest.RandomPair(r, 3), policytest.RandomPair(r, 2)
		ca, errA := CompileWith(a.Ours, randomVariables)
		cb, errB := CompileWith(b.Ours, randomVariables)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		var all []wire.Interaction
		for _, k := range interactionKinds {
			all = append(all, wire.Interaction{Kind: k})
		}
		conds := []Condition{{ID: "a", Criteria: ca, Interactions: all}, {ID: "b", Criteria: cb, Interactions: all}}
		o := newOracle(t, "("+a.CEL+") && ("+b.CEL+")")
		opts := PlanOptions{WarningLead: 5 * time.Minute, StampRounding: 15 * time.Minute}
		for range 20 {
			week := policytest.Weeks[r.IntN(len(policytest.Weeks))]
			claims := randomClaims(r, week)
			at := week.Add(time.Duration(r.Int64N(int64(6 * 24 * time.Hour))))
			out := Plan(conds, claims, at, opts)
			judged := at
			if out.Allow {
				judged = out.FailAt
				if judged.IsZero() || judged.Sub(at) >= time.Duration(horizon) || o.allow(vars(claims), judged) {
					continue // nothing ends it, or nothing that is within sight
				}
			}
			answered := at
			if out.Allow {
				answered = judged.Add(-opts.WarningLead)
				if answered.Before(at) {
					answered = at
				}
			}
			reads := (ca.reads | cb.reads)
			for s := KindSet(1); s < 16; s++ {
				if s&^reads != 0 || len(out.Cure) > 0 && len(s.Kinds()) >= len(out.Cure) {
					continue
				}
				m := vars(claims)
				for _, k := range s.Kinds() {
					m["responses."+string(k)] = Stamp(answered, opts.StampRounding)
				}
				if o.allow(m, judged) {
					t.Fatalf("(%s) && (%s)\nclaims %+v at %s: %v would cure, the plan says %v", a.Ours, b.Ours, claims, at, s.Kinds(), out.Cure)
				}
			}
			if len(out.Cure) == 0 {
				continue
			}
			cures++
			m := vars(claims)
			for _, i := range out.Cure {
				m["responses."+string(i.Kind)] = Stamp(answered, opts.StampRounding)
			}
			if !o.allow(m, judged) || !out.WarnAt.Equal(answered) {
				t.Fatalf("(%s) && (%s)\nclaims %+v at %s: %v does not cure, warning at %s", a.Ours, b.Ours, claims, at, out.Cure, out.WarnAt)
			}
		}
	}
	if cures < 60 {
		t.Errorf("only %d cures", cures)
	}
}
