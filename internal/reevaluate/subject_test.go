package reevaluate

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

func clock(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-11-20 "+s) // a Friday
	if err != nil {
		panic(err)
	}
	return t
}

// defaults are the seed documents' values.
var defaults = policy.PlanOptions{WarningLead: 5 * time.Minute, StampRounding: 15 * time.Minute}

var asksMFA = []wire.Interaction{{Kind: wire.InteractionMFA}}

func grant(t testing.TB, criteria string, asks ...wire.Interaction) *Grant {
	t.Helper()
	g, err := new(Grants).Of([]wire.Condition{{ID: "c", Criteria: criteria, Interactions: asks}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// stage is a subject as its session would drive it.
type stage struct {
	t       testing.TB
	subject Subject
	wake    time.Time
	visited []int
}

func newStage(t testing.TB, claims *policy.Claims, grants ...*Grant) *stage {
	s := &stage{t: t}
	s.subject.SetOptions(defaults)
	s.subject.SetGrants(grants)
	s.subject.SetClaims(claims)
	return s
}

func (s *stage) judge(now string, changed policy.Inputs) {
	s.visited = nil
	s.wake = s.subject.Judge(clock(now), changed, func(i int) { s.visited = append(s.visited, i) })
}

// expect compares the wake, whom the last Judge visited, and grant 0.
func (s *stage) expect(wake string, visited []int, lease string, due bool) {
	s.t.Helper()
	want, until := time.Time{}, int64(0)
	if wake != "" {
		want = clock(wake)
	}
	switch lease {
	case "":
	case "ever":
		until = policy.Never
	default:
		until = clock(lease).UnixNano()
	}
	if !s.wake.Equal(want) {
		s.t.Errorf("wakes at %s, want %s", s.wake.UTC(), wake)
	}
	if d := cmp.Diff(visited, s.visited); d != "" {
		s.t.Errorf("visited: %s", d)
	}
	if got := s.subject.Lease(0); got != until {
		s.t.Errorf("lease %d, want %s", got, lease)
	}
	if s.subject.Due(0) != due {
		s.t.Errorf("due: %v", !due)
	}
}

func answered(at string) *policy.Claims {
	return &policy.Claims{Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: policy.Stamp(clock(at), 15*time.Minute)}}
}

// TestManualTimeline is the timeline of seed 003: a code at 14:32, asked again
// at 15:40, answered then and asked at 16:40.
func TestManualTimeline(t *testing.T) {
	s := newStage(t, answered("14:32:00"), grant(t, `within(responses.mfa, duration("60m"))`, asksMFA...))
	s.subject.Use(0, true)
	s.judge("14:32:00", policy.AllInputs)
	s.expect("15:40:00", []int{0}, "15:45:00", false)
	s.judge("15:40:00", 0)
	s.expect("15:45:00", []int{0}, "15:45:00", true)
	s.judge("15:40:00", s.subject.SetClaims(answered("15:40:00")))
	s.expect("16:40:00", []int{0}, "16:45:00", false)
	s.judge("16:40:00", 0)
	s.expect("16:45:00", []int{0}, "16:45:00", true)
	s.judge("16:45:00", 0)
	s.expect("", []int{0}, "", false)
	want := policy.Outcome{WarnAt: clock("16:45:00"), Cure: asksMFA, Reason: wire.Reason{Kind: wire.ReasonMFA, Condition: "c"}}
	if d := cmp.Diff(want, s.subject.Outcome(0)); d != "" {
		t.Error(d)
	}
}

// TestOfficeHours is the other one: access ends at 17:00:00 without a question.
func TestOfficeHours(t *testing.T) {
	s := newStage(t, answered("16:00:00"), grant(t, `during("Mon-Fri", "08:30", "17:00")`, asksMFA...))
	s.subject.Use(0, true)
	s.judge("16:57:00", policy.AllInputs)
	s.expect("17:00:00", []int{0}, "17:00:00", false)
	if d := cmp.Diff([]wire.Term{{Condition: "c", Kind: wire.ReasonTime, Text: `during("Mon-Fri", "08:30", "17:00")`}}, s.subject.Explain(0)); d != "" {
		t.Error(d)
	}
	s.judge("17:00:00", 0)
	if s.subject.Lease(0) != 0 || !s.wake.Equal(clock("08:30:00").AddDate(0, 0, 3)) {
		t.Errorf("lease %d, wakes at %s", s.subject.Lease(0), s.wake)
	}
}

func TestWarnsOnlyOfWhatIsUsed(t *testing.T) {
	s := newStage(t, answered("14:30:00"), grant(t, `within(responses.mfa, duration("60m"))`, asksMFA...))
	s.judge("14:32:00", policy.AllInputs)
	s.expect("15:30:00", []int{0}, "15:30:00", false)
	s.subject.Use(0, true)
	s.judge("15:27:00", 0)
	s.expect("15:30:00", []int{0}, "15:30:00", true)
	s.subject.Use(0, false)
	s.judge("15:28:00", 0)
	s.expect("15:30:00", []int{0}, "15:30:00", false)
	s.judge("15:29:00", 0)
	s.expect("15:30:00", nil, "15:30:00", false)
}

func TestJudgesOnlyWhatAChangeConcerns(t *testing.T) {
	vars := map[string]string{"scripts.stock": "int"}
	g, err := new(Grants).Of([]wire.Condition{{Criteria: `scripts.stock > 5`, Variables: vars}})
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, &policy.Claims{}, grant(t, "device.firewall"), grant(t, "risk < 50"), grant(t, "true"), g)
	s.judge("10:00:00", policy.AllInputs)
	s.expect("", []int{0, 1, 2, 3}, "", false)
	s.judge("10:01:00", s.subject.SetClaims(&policy.Claims{Device: map[string]any{"firewall": true}}))
	s.expect("", []int{0}, "ever", false)
	s.judge("10:02:00", s.subject.SetClaims(&policy.Claims{Device: map[string]any{"firewall": true}, Scripts: map[string]any{"stock": int64(6)}}))
	s.expect("", []int{3}, "ever", false)
	s.judge("10:03:00", policy.InputOf("device.firewall"))
	s.expect("", nil, "ever", false) // judged, and as before
	s.subject.Review(1)
	s.judge("10:04:00", 0)
	s.expect("", []int{1}, "ever", false)
}

// TestADenialsReason is looked at again when it changes.
func TestADenialsReason(t *testing.T) {
	s := newStage(t, &policy.Claims{}, grant(t, `during("Mon-Fri", "08:30", "17:00") && within(responses.mfa, duration("60m"))`, asksMFA...))
	s.judge("07:00:00", policy.AllInputs)
	s.expect("08:30:00", []int{0}, "", false)
	if o := s.subject.Outcome(0); o.Reason.Kind != wire.ReasonTime || o.Cure != nil {
		t.Errorf("at 07:00 %+v", o)
	}
	s.judge("08:30:00", 0)
	s.expect("17:00:00", []int{0}, "", false)
	if o := s.subject.Outcome(0); o.Reason.Kind != wire.ReasonMFA || o.Cure == nil {
		t.Errorf("at 08:30 %+v", o)
	}
}

func TestTokensEnd(t *testing.T) {
	s := newStage(t, &policy.Claims{}, grant(t, "true"))
	o := defaults
	o.TokensEnd = clock("12:00:00")
	s.subject.SetOptions(o)
	s.judge("10:00:00", policy.AllInputs)
	s.expect("12:00:00", []int{0}, "12:00:00", false)
	s.judge("12:00:00", 0)
	s.expect("", []int{0}, "", false)
	if o := s.subject.Outcome(0); o.Reason.Kind != wire.ReasonTokenEnd {
		t.Errorf("%+v", o)
	}
	o.TokensEnd = clock("14:00:00")
	s.subject.SetOptions(o)
	s.judge("12:00:01", 0)
	s.expect("14:00:00", []int{0}, "14:00:00", false)
}

func TestClockSteps(t *testing.T) {
	s := newStage(t, &policy.Claims{}, grant(t, `during("Mon-Fri", "08:30", "17:00")`))
	s.judge("18:00:00", policy.AllInputs)
	if s.subject.Lease(0) != 0 {
		t.Error("allowed in the evening")
	}
	s.judge("16:00:00", 0) // back
	s.expect("17:00:00", []int{0}, "17:00:00", false)
	s.visited = nil
	s.wake = s.subject.Replan(clock("16:30:00"), func(i int) { s.visited = append(s.visited, i) })
	s.expect("17:00:00", nil, "17:00:00", false)
	s.judge("23:00:00", 0) // forward
	if s.subject.Lease(0) != 0 {
		t.Error("allowed at night")
	}
}

func TestBeginsDenied(t *testing.T) {
	var s Subject
	s.SetGrants([]*Grant{NewGrant(nil)})
	if s.Lease(0) != 0 || s.Outcome(0).Allow {
		t.Error("allowed before it is judged")
	}
	if wake := s.Judge(clock("10:00:00"), policy.AllInputs, nil); !wake.IsZero() || s.Lease(0) != 0 {
		t.Error("allowed without claims")
	}
	s.SetClaims(&policy.Claims{})
	s.Judge(clock("10:00:00"), policy.AllInputs, nil)
	if s.Lease(0) != policy.Never || !s.Outcome(0).Allow {
		t.Error("an entitlement without conditions is denied")
	}
	before := s.states
	s.SetGrants([]*Grant{before[0].grant})
	if &before[0] != &s.states[0] {
		t.Error("the same grants begin anew")
	}
	s.SetGrants([]*Grant{before[0].grant, before[0].grant})
	if s.Lease(0) != 0 || s.Lease(1) != 0 {
		t.Error("new grants are allowed before they are judged")
	}
}

// TestGrants: what does not compile denies, and equal conditions are one.
func TestGrants(t *testing.T) {
	var grants Grants
	conds := func(criteria ...string) (out []wire.Condition) {
		for _, c := range criteria {
			out = append(out, wire.Condition{ID: "c", Criteria: c})
		}
		return out
	}
	a, err := grants.Of(conds("risk < 50", "device.firewall"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := grants.Of(conds("risk < 50", "device.firewall"))
	if a != b {
		t.Error("equal conditions are two grants")
	}
	c, _ := grants.Of(conds("risk < 50"))
	if a == c || a.conds[0].Criteria != c.conds[0].Criteria {
		t.Error("an equal criterion is compiled twice")
	}
	if want := policy.InputOf("risk") | policy.InputOf("device.firewall"); a.Inputs() != want || len(a.Conditions()) != 2 {
		t.Errorf("it reads %b, want %b", a.Inputs(), want)
	}
	broken, err := grants.Of(conds("true", "device.firewal"))
	if err == nil || broken == nil {
		t.Fatalf("%v, %v", broken, err)
	}
	s := newStage(t, &policy.Claims{}, broken)
	s.judge("10:00:00", policy.AllInputs)
	s.expect("", []int{0}, "", false)
}
