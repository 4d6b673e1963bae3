package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/gateway/gatewaybench"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/policy/policytest"
	"github.com/tidegate/tidegate/internal/reevaluate/dayload"
	"github.com/tidegate/tidegate/internal/wire"
)

// The five-term condition, in our words and in plain CEL.
const (
	fiveTerms    = `during("Mon-Fri", "08:30", "17:00") && within(responses.mfa, duration("60m")) && device.firewall && "finance" in user.groups && risk < 50`
	fiveTermsCEL = `now.getDayOfWeek() >= 1 && now.getDayOfWeek() <= 5 && now.getHours() * 60 + now.getMinutes() >= 510 && now.getHours() * 60 + now.getMinutes() < 1020 && now - responses.mfa < duration("60m") && device.firewall && "finance" in user.groups && risk < 50`
)

// evaluation measures the engine, before there is a client to measure.
func (b *bench) evaluation(ctx context.Context) error {
	defer debug.FreeOSMemory()
	for _, step := range []func(context.Context) error{b.verdicts, b.cuts, b.days} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// verdicts measures a verdict with the exact instant of its next change, beside
// cel-go's plain evaluation of the same.
func (b *bench) verdicts(context.Context) error {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	claims := policytest.Claims{Device: map[string]any{"firewall": true}, User: wire.UserClaims{Groups: []string{"finance"}}, Risk: new(int64(20)),
		Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: at}}
	own := policy.Claims(claims)
	criteria, err := policy.Compile(fiveTerms)
	if err != nil {
		return fmt.Errorf("compile %s: %w", fiveTerms, err)
	}
	oracle, err := policytest.NewOracle(fiveTermsCEL)
	if err != nil {
		return err
	}
	conds := []policy.Condition{{ID: "five", Criteria: criteria}}
	vars := policytest.Vars(&claims)
	vars["now"] = at
	var ours, cels []float64
	var allocs int64
	for range min(b.runs, 5) { // each takes two seconds
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.Next(conds, &own, at.UnixNano(), policy.Never)
			}
		})
		allocs = max(allocs, r.AllocsPerOp())
		ours = append(ours, float64(r.NsPerOp()))
		r = testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				oracle.Eval(vars)
			}
		})
		cels = append(cels, float64(r.NsPerOp()))
	}
	report("verdict-cpu", median(ours)/median(cels), "of-cel-go")
	report("verdict-time", median(ours), "ns")
	report("verdict-allocs", float64(allocs), "allocs")
	return nil
}

// days measures reevaluation over a simulated day, beside polling every five
// minutes with cel-go, which is measured on 1,000 sessions and scaled.
func (b *bench) days(context.Context) error {
	for _, day := range []struct {
		name     string
		sessions int
	}{{"day-100k", 100_000}, {"day-1m", 1_000_000}} {
		r, err := dayload.Run(dayload.Options{Sessions: day.sessions, Seed: 1})
		if err != nil {
			return err
		}
		if r.Late > 0 || r.Wrong > 0 {
			return fmt.Errorf("%s: of %d verdicts %d came late and %d were wrong", day.name, r.Compared, r.Late, r.Wrong)
		}
		report(day.name, 1/r.Ratio(), "of-polling-with-cel-go")
		report(day.name+"-cpu", r.EngineCPU().Seconds(), "s")
		report(day.name+"-polling-cpu-scaled", r.PollingCPU.Seconds(), "s")
		report(day.name+"-session", r.Bytes, "bytes")
	}
	return nil
}

// cuts measures the time from a change of a claim to the flow's reset at the
// client, on loopback, with 10,000 sessions present.
func (b *bench) cuts(ctx context.Context) error {
	r, err := gatewaybench.Cut(ctx, gatewaybench.Options{})
	if err != nil {
		return err
	}
	report("cut-p50", millis(r.P50), "ms")
	report("cut-p99", millis(r.P99), "ms")
	return nil
}
