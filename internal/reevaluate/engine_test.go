package reevaluate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/policy/policytest"
	"github.com/tidegate/tidegate/internal/wire"
)

// engine drives subjects through a calendar as a gateway does, and compares
// each verdict with cel-go's: minute by minute, and at each instant at which the
// engine lets it change on its own, also a nanosecond before.
type engine struct {
	r        *rand.Rand
	calendar Calendar[*driven]
	driven   []*driven
	now      time.Time
	stride   int // of the minutes at which a session is compared

	// mistakes, or nil
	changed func(policy.Inputs) policy.Inputs
	wake    func(time.Time) time.Time

	checks, changes, flips, warnings, wakes int
}

// driven is a session.
type driven struct {
	subject Subject
	handle  Handle[*driven]
	oracles []policytest.Oracle
	vars    map[string]any
	leases  []int64
	due     []bool
	told    time.Time // the last change of claims
}

// start is two thirds of a day before Europe's clocks go back.
var start = time.Date(2026, 10, 24, 9, 0, 0, 0, time.UTC)

func newEngine(t testing.TB, seed uint64, sessions, grants int) *engine {
	t.Helper()
	e := &engine{r: rand.New(rand.NewPCG(seed, seed)), now: start, stride: 1}
	var asks []wire.Interaction
	for _, k := range []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword, wire.InteractionReason, wire.InteractionMessage} {
		asks = append(asks, wire.Interaction{Kind: k})
	}
	var known Grants
	for range sessions {
		d := &driven{leases: make([]int64, grants), due: make([]bool, grants)}
		d.handle.Owner = d
		var of []*Grant
		for range grants {
			p := policytest.RandomPair(e.r, 3)
			o, err := policytest.NewOracle(p.CEL)
			if err != nil {
				t.Fatal(err)
			}
			g, err := known.Of([]wire.Condition{{ID: "c", Criteria: p.Ours, Variables: policytest.Declared, Interactions: asks}})
			if err != nil {
				t.Fatal(err)
			}
			of, d.oracles = append(of, g), append(d.oracles, o)
		}
		d.subject.SetOptions(defaults)
		d.subject.SetGrants(of)
		for i := range of {
			d.subject.Use(i, true)
		}
		d.claim((*policy.Claims)(policytest.RandomClaims(e.r, policytest.Weeks[1])), e.now)
		e.driven = append(e.driven, d)
	}
	return e
}

// claim installs claims and returns what changed.
func (d *driven) claim(c *policy.Claims, now time.Time) policy.Inputs {
	d.vars, d.told = policytest.Vars((*policytest.Claims)(c)), now
	return d.subject.SetClaims(c)
}

// run goes from minute to minute; what is due in between happens then. Its
// error is the first difference from cel-go.
func (e *engine) run(minutes int) error {
	for _, d := range e.driven {
		if err := e.judge(d, policy.AllInputs); err != nil {
			return err
		}
	}
	for m := range minutes {
		minute := e.now.Truncate(time.Minute).Add(time.Minute)
		for {
			next, ok := e.calendar.Next()
			if !ok || next.After(minute) {
				break
			}
			e.now = next
			for _, h := range e.calendar.Due(next) {
				e.wakes++
				if err := e.judge(h.Owner, 0); err != nil {
					return err
				}
			}
		}
		e.now = minute
		for i, d := range e.driven {
			if (m+i)%e.stride == 0 {
				if err := e.verify(d, minute); err != nil {
					return err
				}
			}
			if e.r.IntN(20) == 0 {
				if err := e.change(d); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// change changes some of a session's claims and judges what that concerns.
func (e *engine) change(d *driven) error {
	e.changes++
	fresh := (*policy.Claims)(policytest.RandomClaims(e.r, policytest.Weeks[1]))
	c := *d.subject.Claims()
	switch e.r.IntN(6) {
	case 0:
		c.Risk = fresh.Risk
	case 1:
		c.User = fresh.User
	case 2:
		c.System = fresh.System
	case 3:
		c.Scripts = fresh.Scripts
	case 4:
		c.Device = maps.Clone(c.Device)
		for k, v := range fresh.Device {
			c.Device[k] = v
			break
		}
	case 5:
		c.Responses = maps.Clone(c.Responses)
		c.Responses[wire.InteractionMFA] = policy.Stamp(e.now, 15*time.Minute)
	}
	changed := d.claim(&c, e.now)
	if e.changed != nil {
		changed = e.changed(changed)
	}
	return e.judge(d, changed)
}

// judge is a session's: by a change of claims, or woken.
func (e *engine) judge(d *driven, changed policy.Inputs) error {
	at := e.now
	visited := map[int]bool{}
	wake := d.subject.Judge(at, changed, func(i int) { visited[i] = true })
	if !wake.IsZero() && !wake.After(at) {
		return fmt.Errorf("at %s it wants to be woken at %s", at, wake)
	}
	if e.wake != nil {
		wake = e.wake(wake)
	}
	e.calendar.Set(&d.handle, wake)
	for i := range d.leases {
		lease, due := d.subject.Lease(i), d.subject.Due(i)
		if !visited[i] && (lease != d.leases[i] || due != d.due[i]) {
			return fmt.Errorf("%d changed at %s and nobody was told", i, at)
		}
		if changed == 0 {
			if allow, before := lease != 0, d.leases[i] != 0; allow != before {
				e.flips++
				if err := e.boundary(d, i, at, allow); err != nil {
					return err
				}
			}
			if due && !d.due[i] {
				e.warnings++
				if ends := time.Unix(0, lease); ends.Sub(at) > defaults.WarningLead || ends.Sub(at) < defaults.WarningLead && !d.told.Equal(at) && d.leases[i] == lease {
					return fmt.Errorf("warned at %s of %s", at, ends)
				}
			}
		}
		d.leases[i], d.due[i] = lease, due
	}
	return nil
}

// boundary checks both sides of a change that the engine made on its own.
func (e *engine) boundary(d *driven, i int, at time.Time, allow bool) error {
	e.checks += 2
	if got, _ := d.oracles[i].Judge(d.vars, at); got != allow {
		return fmt.Errorf("%s\nat %s: we say %v, CEL says %v", d.subject.states[i].grant.conds[0].Criteria, at, allow, got)
	}
	if before := at.Add(-1); before.After(d.told) {
		if got, _ := d.oracles[i].Judge(d.vars, before); got == allow {
			return fmt.Errorf("%s\nalready at %s CEL says %v", d.subject.states[i].grant.conds[0].Criteria, before, got)
		}
	}
	return nil
}

func (e *engine) verify(d *driven, at time.Time) error {
	for i, o := range d.oracles {
		e.checks++
		want, _ := o.Judge(d.vars, at)
		if got := at.UnixNano() < d.subject.Lease(i); got != want {
			return fmt.Errorf("%s\nat %s: we say %v, CEL says %v\nclaims %+v", d.subject.states[i].grant.conds[0].Criteria, at, got, want, d.subject.Claims())
		}
	}
	return nil
}

// strideOf is how many minutes lie between comparisons; all take a while with
//
//	REEVALUATE_STRIDE=1 go test -run TestEngineAgainstCEL -v ./internal/reevaluate
func strideOf(t *testing.T) int {
	s := os.Getenv("REEVALUATE_STRIDE")
	if s == "" {
		return 8
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("REEVALUATE_STRIDE is %q; write a number of minutes", s)
	}
	return n
}

// TestEngineAgainstCEL goes through 48 hours in which Europe's clocks go back.
func TestEngineAgainstCEL(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 11, 30, 10)
	e.stride = strideOf(t)
	if err := e.run(48 * 60); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d checks, %d changes of claims, %d of verdicts in between, %d warnings, %d wake-ups", e.checks, e.changes, e.flips, e.warnings, e.wakes)
	if e.checks < 864_000/e.stride || e.changes < 4000 || e.flips < 500 || e.warnings < 50 {
		t.Error("the test has become too tame")
	}
}

// TestEngineMutants shows that the comparison notices mistakes.
func TestEngineMutants(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		mutant func(*engine)
	}{
		{"claims change and nobody judges", func(e *engine) { e.changed = func(policy.Inputs) policy.Inputs { return 0 } }},
		{"risk is forgotten", func(e *engine) {
			e.changed = func(in policy.Inputs) policy.Inputs { return in &^ policy.InputOf("risk") }
		}},
		{"a script is forgotten", func(e *engine) {
			e.changed = func(in policy.Inputs) policy.Inputs { return in &^ policy.InputOf("scripts.stock") }
		}},
		{"it wakes late", func(e *engine) {
			e.wake = func(at time.Time) time.Time {
				if at.IsZero() {
					return at
				}
				return at.Add(2 * time.Minute)
			}
		}},
		{"it wakes a nanosecond late", func(e *engine) {
			e.wake = func(at time.Time) time.Time {
				if at.IsZero() {
					return at
				}
				return at.Add(1)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEngine(t, 12, 10, 10)
			row.mutant(e)
			if err := e.run(24 * 60); err == nil {
				t.Fatalf("not noticed in %d checks", e.checks)
			}
			t.Logf("noticed after %d checks", e.checks)
		})
	}
}

// TestQuiet: where nothing is to happen, nothing wakes anybody, and there is
// never more than one entry a session.
func TestQuiet(t *testing.T) {
	s := newStage(t, answered("08:00:00"),
		grant(t, `within(responses.mfa, duration("24h"))`, asksMFA...), grant(t, `device.firewall`, asksMFA...),
		grant(t, `risk < 50 || "staff" in user.groups`), grant(t, "true"), grant(t, `now > timestamp("2026-01-01T00:00:00Z")`))
	var c Calendar[*stage]
	h := Handle[*stage]{Owner: s}
	o := defaults
	o.TokensEnd = clock("23:00:00")
	s.subject.SetOptions(o)
	s.subject.Use(0, true)
	wakes := 0
	s.judge("08:00:00", policy.AllInputs)
	c.Set(&h, s.wake)
	for at := clock("08:00:00"); at.Before(clock("23:00:00")); at = at.Add(time.Second) {
		wakes += len(c.Due(at))
	}
	if wakes != 0 {
		t.Errorf("%d wake-ups in a quiet day", wakes)
	}
	for i := range 20 { // changes only ever move the one entry
		s.judge("09:00:00", s.subject.SetClaims(answered(fmt.Sprintf("09:%02d:00", i))))
		c.Set(&h, s.wake)
	}
	if c.entries != 1 {
		t.Errorf("%d entries", c.entries)
	}
	if due := c.Due(clock("23:00:00")); len(due) != 1 {
		t.Errorf("%d wake-ups at the tokens' end", len(due))
	}
}
