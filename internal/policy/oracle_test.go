package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/tidegate/tidegate/internal/wire"
)

// oracle is cel-go itself, evaluating a criterion in which within and during
// have been written out in CEL's own words.
type oracle struct{ program cel.Program }

func newOracle(t *testing.T, src string) oracle {
	t.Helper()
	var opts []cel.EnvOption
	for _, v := range variables {
		opts = append(opts, cel.Variable(v.name, v.typ))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		t.Fatal(err)
	}
	a, issues := env.Compile(src)
	if issues.Err() != nil {
		t.Fatalf("oracle %s: %v", src, issues.Err())
	}
	p, err := env.Program(a)
	if err != nil {
		t.Fatal(err)
	}
	return oracle{p}
}

// vars is an activation without the claims that are missing.
func vars(c *Claims) map[string]any {
	m := map[string]any{"user.groups": c.User.Groups}
	for k, v := range c.Responses {
		m["responses."+string(k)] = v
	}
	for k, v := range c.Device {
		m["device."+k] = v
	}
	if c.User.Name != "" {
		m["user.name"] = c.User.Name
	}
	if c.System.Address != "" {
		m["system.address"] = c.System.Address
	}
	return m
}

// allow is false on CEL's errors, which is what a missing claim is to it.
func (o oracle) allow(m map[string]any, at time.Time) bool {
	m["now"] = at
	v, _, err := o.program.Eval(m)
	return err == nil && v.Value() == true
}

// pair is one random criterion in our words and in CEL's.
type pair struct{ ours, cel string }

var zones = []string{"", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"}

func randomPair(r *rand.Rand, depth int) pair {
	if depth > 0 && r.IntN(4) != 0 {
		a, b := randomPair(r, depth-1), randomPair(r, depth-1)
		switch r.IntN(5) {
		case 0:
			return pair{"!(" + a.ours + ")", "!(" + a.cel + ")"}
		case 1, 2:
			return pair{"(" + a.ours + ") && (" + b.ours + ")", "(" + a.cel + ") && (" + b.cel + ")"}
		}
		return pair{"(" + a.ours + ") || (" + b.ours + ")", "(" + a.cel + ") || (" + b.cel + ")"}
	}
	same := func(s string) pair { return pair{s, s} }
	switch r.IntN(10) {
	case 0, 1, 2:
		k := interactionKinds[r.IntN(len(interactionKinds))]
		d := []string{"15m", "60m", "8h", "25h", "1ns", "72h"}[r.IntN(6)]
		return pair{fmt.Sprintf("within(responses.%s, duration(%q))", k, d),
			fmt.Sprintf("now - responses.%s < duration(%q)", k, d)}
	case 3, 4, 5:
		return randomDuring(r)
	case 6:
		return same([]string{"device.firewall", "device.disk_encryption"}[r.IntN(2)])
	case 7:
		return same(fmt.Sprintf("%q in user.groups", []string{"finance", "staff"}[r.IntN(2)]))
	case 8:
		return same([]string{`device.os_name == "linux"`, `"alice" != user.name`, `system.address == "192.0.2.1"`, `device.hostname != "kiosk"`}[r.IntN(4)])
	}
	return same([]string{"true", "false"}[r.IntN(2)])
}

func randomDuring(r *rand.Rand) pair {
	days := []struct{ ours, cel string }{
		{"Mon-Fri", "[1,2,3,4,5]"}, {"Sat,Sun", "[6,0]"}, {"every day", "[0,1,2,3,4,5,6]"},
		{"Sun", "[0]"}, {"Fri-Mon", "[5,6,0,1]"}, {"Tue-Wed,Sun", "[2,3,0]"},
	}[r.IntN(6)]
	from := r.IntN(24 * 60)
	to := from + 1 + r.IntN(24*60-from)
	if r.IntN(3) == 0 { // hours that daylight saving skips or repeats
		from, to = 60+r.IntN(90), 24*60
	}
	zone := zones[r.IntN(len(zones))]
	ours := fmt.Sprintf("during(%q, \"%02d:%02d\", \"%02d:%02d\"", days.ours, from/60, from%60, to/60, to%60)
	arg := ""
	if zone != "" {
		ours, arg = ours+fmt.Sprintf(", %q", zone), fmt.Sprintf("%q", zone)
	}
	return pair{ours + ")", strings.NewReplacer("Z", arg).Replace(
		"now.getDayOfWeek(Z) in "+days.cel+" && now.getHours(Z) * 60 + now.getMinutes(Z) >= ") + fmt.Sprint(from) +
		strings.ReplaceAll(" && now.getHours(Z) * 60 + now.getMinutes(Z) < ", "Z", arg) + fmt.Sprint(to)}
}

func randomClaims(r *rand.Rand, around time.Time) *Claims {
	c := &Claims{Device: map[string]any{}, Responses: map[wire.InteractionKind]time.Time{}, User: wire.UserClaims{Groups: []string{}}}
	coin := func() bool { return r.IntN(3) > 0 }
	for _, k := range interactionKinds {
		if coin() {
			c.Responses[k] = Stamp(around.Add(time.Duration(r.Int64N(int64(6*24*time.Hour)))), 15*time.Minute)
		}
	}
	for _, k := range []string{"firewall", "disk_encryption"} {
		if coin() {
			c.Device[k] = coin()
		}
	}
	if coin() {
		c.Device["os_name"] = []string{"linux", "windows"}[r.IntN(2)]
	}
	if coin() {
		c.Device["hostname"] = []string{"kiosk", "desk-7"}[r.IntN(2)]
	}
	if coin() {
		c.User.Name = []string{"alice", "bob"}[r.IntN(2)]
	}
	if coin() {
		c.System.Address = "192.0.2.1"
	}
	if coin() {
		c.User.Groups = append(c.User.Groups, "finance")
	}
	return c
}

// weeks begin two days before some zone's change of offset.
var weeks = []time.Time{
	time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC), // Europe
	time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC), // America
	time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC), // Lord Howe, half an hour
	time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
}

// TestAgainstCEL compares verdicts with cel-go's at random instants, between
// now and each predicted change, and on both sides of it.
func TestAgainstCEL(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 26))
	checks, changes, allowed := 0, 0, 0
	for range 200 {
		p := randomPair(r, 4)
		c, err := Compile(p.ours)
		if err != nil {
			t.Fatalf("%s: %v", p.ours, err)
		}
		o := newOracle(t, p.cel)
		conds := []Condition{{ID: "c", Criteria: c}}
		for range 4 {
			week := weeks[r.IntN(len(weeks))]
			claims := randomClaims(r, week)
			m := vars(claims)
			verify := func(at time.Time, want bool, what string) {
				t.Helper()
				checks++
				if got := o.allow(m, at); got != want {
					t.Fatalf("%s\nclaims %+v\n%s at %s: we say %v, CEL says %v", p.ours, claims, what, at, want, got)
				}
			}
			for range 30 {
				at := week.Add(time.Duration(r.Int64N(int64(7 * 24 * time.Hour))))
				if r.IntN(2) == 0 {
					at = at.Truncate(15 * time.Minute)
				}
				out := Plan(conds, claims, at, PlanOptions{})
				verify(at, out.Allow, "the verdict")
				if out.Allow {
					allowed++
				}
				end := out.FailAt
				if end.IsZero() {
					end = at.Add(20 * 24 * time.Hour)
				} else {
					verify(end.Add(-1), out.Allow, "just before the change")
					if end.Sub(at) < time.Duration(horizon) {
						changes++
						verify(end, !out.Allow, "the change")
					}
				}
				for range 2 {
					verify(at.Add(time.Duration(r.Int64N(max(1, int64(end.Sub(at)))))), out.Allow, "before the change")
				}
			}
		}
	}
	t.Logf("%d checks, %d changes, %d allowed", checks, changes, allowed)
	if checks < 90_000 || changes < 2000 || allowed < 2000 {
		t.Errorf("the generator has become too tame: %d checks, %d changes, %d allowed", checks, changes, allowed)
	}
}

// TestCureAgainstCEL answers what a plan asks and lets cel-go judge the effect,
// and that no smaller set would have done.
func TestCureAgainstCEL(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	cures := 0
	for range 250 {
		a, b := randomPair(r, 3), randomPair(r, 2)
		ca, errA := Compile(a.ours)
		cb, errB := Compile(b.ours)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		var all []wire.Interaction
		for _, k := range interactionKinds {
			all = append(all, wire.Interaction{Kind: k})
		}
		conds := []Condition{{ID: "a", Criteria: ca, Interactions: all}, {ID: "b", Criteria: cb, Interactions: all}}
		o := newOracle(t, "("+a.cel+") && ("+b.cel+")")
		opts := PlanOptions{WarningLead: 5 * time.Minute, StampRounding: 15 * time.Minute}
		for range 20 {
			week := weeks[r.IntN(len(weeks))]
			claims := randomClaims(r, week)
			at := week.Add(time.Duration(r.Int64N(int64(6 * 24 * time.Hour))))
			out := Plan(conds, claims, at, opts)
			judged := at
			if out.Allow {
				judged = out.FailAt
				if judged.IsZero() || judged.Sub(at) >= time.Duration(horizon) {
					continue
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
			for s := kindSet(1); s < 16; s++ {
				if s&^reads != 0 || len(out.Cure) > 0 && len(s.kinds()) >= len(out.Cure) {
					continue
				}
				m := vars(claims)
				for _, k := range s.kinds() {
					m["responses."+string(k)] = Stamp(answered, opts.StampRounding)
				}
				if o.allow(m, judged) {
					t.Fatalf("(%s) && (%s)\nclaims %+v at %s: %v would cure, the plan says %v", a.ours, b.ours, claims, at, s.kinds(), out.Cure)
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
				t.Fatalf("(%s) && (%s)\nclaims %+v at %s: %v does not cure, warning at %s", a.ours, b.ours, claims, at, out.Cure, out.WarnAt)
			}
		}
	}
	if cures < 200 {
		t.Errorf("only %d cures", cures)
	}
}
