package config

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// randomCriteria makes criteria of terms that often contradict each other.
func randomCriteria(r *rand.Rand, depth int) string {
	terms := []string{
		"device.firewall", "device.admin", "device.os_name == 'a'", "device.os_name != 'a'", "device.os_name in ['a', 'b']", "device.os_name.startsWith('b')",
		"risk < 3", "risk >= 3", "risk == 5", "risk % 2 == 0", "user.name == 'jo'", "'pilots' in user.groups", "'sailors' in user.groups",
		"user.groups.exists(g, g == 'office')", "scripts.on_call", "device.patch_level > 7", "device.patch_level <= 7", "device.hostname == device.os_name",
		"within(responses.mfa, duration('1h'))", "now - responses.mfa > duration('3h')", "during('Mon-Fri', '08:00', '12:00')", "now.getHours() >= 12",
		"now.getDayOfWeek() == 0", "now < timestamp('2026-12-01T00:00:00Z')", "true", "false",
	}
	if depth == 0 || r.IntN(4) == 0 {
		return terms[r.IntN(len(terms))]
	}
	a, b := randomCriteria(r, depth-1), randomCriteria(r, depth-1)
	switch r.IntN(8) {
	case 0:
		return "!(" + a + ")"
	case 1, 2:
		return "(" + a + " || " + b + ")"
	case 3:
		return "(" + a + " ? " + b + " : " + randomCriteria(r, depth-1) + ")"
	}
	return "(" + a + " && " + b + ")"
}

func randomClaims(r *rand.Rand, u *User, at time.Time) *policy.Claims {
	c := &policy.Claims{User: u.claims(), Device: map[string]any{}, Scripts: map[string]any{}, Responses: map[wire.InteractionKind]time.Time{}}
	some := func() bool { return r.IntN(4) > 0 }
	for _, id := range []string{"firewall", "admin", "edr_running"} {
		if some() {
			c.Device[id] = r.IntN(2) == 0
		}
	}
	for _, id := range []string{"os_name", "hostname"} {
		if some() {
			c.Device[id] = []string{"a", "b", "c"}[r.IntN(3)]
		}
	}
	if some() {
		c.Device["patch_level"] = int64(6 + r.IntN(4))
	}
	if some() {
		level := int64(r.IntN(8))
		c.Risk = &level
	}
	if some() {
		c.Scripts["on_call"] = r.IntN(2) == 0
	}
	if some() {
		c.Responses[wire.InteractionMFA] = at.Add(-time.Duration(r.IntN(5*60)-15) * time.Minute)
	}
	return c
}

// TestNeverHoldsIsCertain tries criteria that are said never to hold on claims
// of all sorts, at any time within the year.
func TestNeverHoldsIsCertain(t *testing.T) {
	conf, err := harbour(t)
	if err != nil {
		t.Fatal(err)
	}
	variables := conf.Conditions["on-duty"].Variables // all that are declared
	r := rand.New(rand.NewPCG(3, 14))
	said, held := 0, 0
	for range 1500 {
		src := randomCriteria(r, 3)
		compiled, err := policy.CompileWith(src, conf.Variables())
		if err != nil {
			continue // the clock is read in a way that is not offered
		}
		c := &Condition{Condition: wire.Condition{Criteria: src, Variables: variables}, Compiled: compiled}
		l := &linter{Config: conf, now: lintNow}
		terms, err := readTerms(c)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		never := l.impossible(conf.docs["Condition"]["calm"], c, terms)
		if never {
			said++
		}
		conds := []policy.Condition{{Criteria: c.Compiled}}
		for range 60 {
			at := lintNow.Add(time.Duration(r.Int64N(int64(300 * 24 * time.Hour))))
			if r.IntN(2) == 0 {
				at = lintNow.Add(time.Duration(r.Int64N(int64(20 * 24 * time.Hour))))
			}
			claims := randomClaims(r, conf.Users[[]string{"jo", "maya"}[r.IntN(2)]], at)
			if policy.Plan(conds, claims, at, policy.PlanOptions{}).Allow {
				held++
				if never {
					t.Fatalf("%s is said never to hold, and holds at %v with %+v", src, at, claims)
				}
				break
			}
		}
	}
	if said < 100 || held < 300 {
		t.Errorf("%d of the criteria were said never to hold, %d held: the test tells nothing", said, held)
	}
}

// TestLintIsBounded has criteria whose every minute would have to be looked at.
func TestLintIsBounded(t *testing.T) {
	src := "(now.getMinutes() == 59 || now.getMinutes() == 58) && now.getMinutes() % 2 == 0 && now.getMinutes() % 3 == 0"
	conf, err := harbour(t, "  criteria: risk < 50\n", fmt.Sprintf("  criteria: %q\n", src))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	conf.Lint(lintNow)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
