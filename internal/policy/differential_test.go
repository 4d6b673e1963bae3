package policy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/policy/policytest"
)

// differ compares criteria with cel-go: the value at random instants, that it
// stands as long as is promised, and the verdict on both sides of each change
// that is predicted, 1 ns before and exactly at it.
type differ struct {
	r                                 *rand.Rand
	depth                             int             // of the criteria
	mutate                            func(node) node // of the evaluator, or nil
	checks, unknowns, changes, probes int
}

// run makes at least so many checks. Its error is the first mismatch.
func (d *differ) run(t testing.TB, checks int) error {
	for d.checks < checks {
		p := policytest.RandomPair(d.r, d.depth)
		c, err := CompileWith(p.Ours, randomVariables)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Ours, err)
		}
		if d.mutate != nil {
			c.root = mutated(c.root, d.mutate)
		}
		o := newOracle(t, p.CEL)
		for range 4 {
			week := policytest.Weeks[d.r.IntN(len(policytest.Weeks))]
			trial := trial{differ: d, criteria: c, oracle: o, claims: randomClaims(d.r, week)}
			trial.vars = vars(trial.claims)
			for range 30 {
				if err := trial.at(policytest.RandomInstant(d.r, week)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// trial is one criterion on one set of claims.
type trial struct {
	*differ
	criteria *Criteria
	oracle   oracle
	claims   *Claims
	vars     map[string]any
}

func (d *trial) verify(at time.Time, want truth, what string) error {
	d.checks++
	got := d.oracle.judge(d.vars, at)
	if got == unknown {
		d.unknowns++
	}
	if got != want {
		return fmt.Errorf("%s\nclaims %+v\n%s at %s: we say %d, CEL says %d", d.criteria, d.claims, what, at.Format(time.RFC3339Nano), want, got)
	}
	return nil
}

func (d *trial) at(at time.Time) error {
	value, until := d.criteria.root.eval(view{claims: d.claims}, at.UnixNano())
	if err := d.verify(at, value, "the value"); err != nil {
		return err
	}
	span := 20 * 24 * time.Hour
	if until <= at.UnixNano() {
		return fmt.Errorf("%s: at %s it is certain until %d", d.criteria, at, until)
	}
	if u := time.Unix(0, until).UTC(); until != forever && u.Sub(at) < span {
		span = u.Sub(at)
		if err := d.verify(u.Add(-1), value, "the value at the end of its certainty"); err != nil {
			return err
		}
	}
	for range 2 {
		if err := d.verify(at.Add(time.Duration(d.r.Int64N(int64(span)))), value, "the value while certain"); err != nil {
			return err
		}
	}
	return d.change(at)
}

// change probes what Plan predicts.
func (d *trial) change(at time.Time) error {
	out := Plan([]Condition{{ID: "c", Criteria: d.criteria}}, d.claims, at, PlanOptions{})
	probe := func(at time.Time, want bool, what string) error {
		d.checks, d.probes = d.checks+1, d.probes+1
		if got := d.oracle.allow(d.vars, at); got != want {
			return fmt.Errorf("%s\nclaims %+v\n%s at %s: we say %v, CEL says %v", d.criteria, d.claims, what, at.Format(time.RFC3339Nano), want, got)
		}
		return nil
	}
	end := out.FailAt
	if end.IsZero() {
		end = at.Add(20 * 24 * time.Hour)
	} else {
		if err := probe(end.Add(-1), out.Allow, "just before the change"); err != nil {
			return err
		}
		p := planner{conds: []Condition{{Criteria: d.criteria}}, claims: d.claims}
		if end.Sub(at) < time.Duration(horizon) && p.holds(view{claims: d.claims}, end.UnixNano()) != out.Allow {
			d.changes++
			if err := probe(end, !out.Allow, "the change"); err != nil {
				return err
			}
		} // else it is the limit of looking ahead
	}
	return probe(at.Add(time.Duration(d.r.Int64N(int64(end.Sub(at))))), out.Allow, "before the change")
}

// checkCount is how many checks TestAgainstCEL makes: 3 million take some
// minutes with
//
//	POLICY_CHECKS=3000000 go test -run TestAgainstCEL -v ./internal/policy
func checkCount(t *testing.T) int {
	s := os.Getenv("POLICY_CHECKS")
	if s == "" {
		return 20_000
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("POLICY_CHECKS is %q; write a number of checks", s)
	}
	return n
}

// TestAgainstCEL compares all forms with cel-go.
func TestAgainstCEL(t *testing.T) {
	want := checkCount(t)
	d := &differ{r: rand.New(rand.NewPCG(20, 26)), depth: 3}
	if err := d.run(t, want); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d checks, %d of them unknown; %d changes and %d probes about them", d.checks, d.unknowns, d.changes, d.probes)
	if d.unknowns < want/50 || d.changes < want/50 {
		t.Errorf("the generator has become too tame: %d checks, %d unknown, %d changes", d.checks, d.unknowns, d.changes)
	}
}
