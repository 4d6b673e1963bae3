package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/policy/policytest"
	"github.com/tidegate/tidegate/internal/wire"
)

// benched are the conditions measured, in our words and in CEL's.
var benched = []struct {
	name string
	policytest.Pair
}{
	{"hours", policytest.Pair{
		Ours: `during("Mon-Fri", "08:30", "17:00")`,
		CEL:  `now.getDayOfWeek() >= 1 && now.getDayOfWeek() <= 5 && now.getHours() * 60 + now.getMinutes() >= 510 && now.getHours() * 60 + now.getMinutes() < 1020`,
	}},
	{"hours-cel", policytest.Pair{
		Ours: `now.getDayOfWeek() in [1, 2, 3, 4, 5] && now.getHours() * 60 + now.getMinutes() >= 510 && now.getHours() * 60 + now.getMinutes() < 1020`,
		CEL:  `now.getDayOfWeek() in [1, 2, 3, 4, 5] && now.getHours() * 60 + now.getMinutes() >= 510 && now.getHours() * 60 + now.getMinutes() < 1020`,
	}},
	{"mfa", policytest.Pair{Ours: `within(responses.mfa, duration("60m"))`, CEL: `now - responses.mfa < duration("60m")`}},
	{"five", policytest.Pair{
		Ours: `during("Mon-Fri", "08:30", "17:00") && within(responses.mfa, duration("60m")) && device.firewall && "finance" in user.groups && risk < 50`,
		CEL:  `now.getDayOfWeek() >= 1 && now.getDayOfWeek() <= 5 && now.getHours() * 60 + now.getMinutes() >= 510 && now.getHours() * 60 + now.getMinutes() < 1020 && now - responses.mfa < duration("60m") && device.firewall && "finance" in user.groups && risk < 50`,
	}},
}

func benchClaims(at time.Time) *Claims {
	return &Claims{Device: map[string]any{"firewall": true}, User: wire.UserClaims{Groups: []string{"finance"}}, Risk: new(int64(20)),
		Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: at}}
}

// BenchmarkVerdict compares, for each condition, the value with its certainty,
// the verdict with its exact next change, and the whole plan with cel-go's
// plain evaluation in the same run: x-cel is how many times faster we are.
func BenchmarkVerdict(b *testing.B) {
	at := clock("10:00:00")
	claims := benchClaims(at)
	for _, row := range benched {
		c, err := Compile(row.Ours)
		if err != nil {
			b.Fatal(err)
		}
		conds := []Condition{{ID: "c", Criteria: c, Interactions: []wire.Interaction{{Kind: wire.InteractionMFA}}}}
		v := view{claims: claims}
		o, m := newOracle(b, row.CEL), vars(claims)
		m["now"] = at
		var cel float64 // cel-go's nanoseconds, once it has been measured
		for _, part := range []struct {
			name string
			run  func()
		}{
			{"cel", func() { o.Eval(m) }},
			{"value", func() { c.root.eval(v, at.UnixNano()) }},
			{"next", func() { Next(conds, claims, at.UnixNano(), Never) }},
			{"forecast", func() { Foresee(conds, claims, at.UnixNano(), defaults) }},
			{"plan", func() { Plan(conds, claims, at, defaults) }},
		} {
			b.Run(fmt.Sprintf("%s/%s", row.name, part.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					part.run()
				}
				own := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				if part.name == "cel" {
					cel = own
				}
				if cel > 0 {
					b.ReportMetric(cel/own, "x-cel")
				}
			})
		}
	}
}

// TestVerdictAllocatesNothing holds for the verdict with its next change, and
// for what an engine keeps of it: also when the answer to ask is sought.
func TestVerdictAllocatesNothing(t *testing.T) {
	at := clock("10:00:00")
	claims := benchClaims(at)
	for _, row := range benched {
		conds := []Condition{{Criteria: compile(t, row.Ours), Interactions: []wire.Interaction{{Kind: wire.InteractionMFA}, {Kind: wire.InteractionPassword}}}}
		for _, now := range []int64{at.UnixNano(), at.Add(2 * time.Hour).UnixNano()} {
			if n := testing.AllocsPerRun(100, func() { Next(conds, claims, now, Never) }); n != 0 {
				t.Errorf("%s: the next change takes %v allocations", row.name, n)
			}
			if n := testing.AllocsPerRun(100, func() { Foresee(conds, claims, now, defaults) }); n != 0 {
				t.Errorf("%s: the forecast takes %v allocations", row.name, n)
			}
			if n := testing.AllocsPerRun(100, func() { Steady(conds, claims, now) }); n != 0 {
				t.Errorf("%s: steadiness takes %v allocations", row.name, n)
			}
		}
	}
}
