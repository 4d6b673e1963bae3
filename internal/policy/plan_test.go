package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func clock(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-11-20 "+s) // a Friday
	if err != nil {
		panic(err)
	}
	return t
}

func compile(t *testing.T, src string) *Criteria {
	t.Helper()
	c, err := Compile(src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// defaults are the seed documents' values.
var defaults = PlanOptions{WarningLead: 5 * time.Minute, StampRounding: 15 * time.Minute}

// TestManualTimeline is the timeline of seed 003: "if a password was required
// every 60 minutes and it was entered at 14:32 ...".
func TestManualTimeline(t *testing.T) {
	ask := wire.Interaction{Kind: wire.InteractionMFA, Message: "Enter a code"}
	conds := []Condition{{ID: "hourly-mfa", Criteria: compile(t, `within(responses.mfa, duration("60m"))`), Interactions: []wire.Interaction{ask}}}
	why := wire.Reason{Kind: wire.ReasonMFA, Condition: "hourly-mfa"}
	answer := func(at string) *Claims {
		return &Claims{Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: Stamp(clock(at), 15*time.Minute)}}
	}
	for _, row := range []struct {
		name   string
		claims *Claims
		now    string
		want   Outcome
	}{
		{"never answered", &Claims{}, "14:32:00", Outcome{WarnAt: clock("14:32:00"), Cure: []wire.Interaction{ask}, Reason: why}},
		{"answered at 14:32", answer("14:32:00"), "14:32:00", Outcome{Allow: true, FailAt: clock("15:45:00"), WarnAt: clock("15:40:00"), Cure: []wire.Interaction{ask}, Reason: why}},
		{"in the warning", answer("14:32:00"), "15:42:00", Outcome{Allow: true, FailAt: clock("15:45:00"), WarnAt: clock("15:42:00"), Cure: []wire.Interaction{ask}, Reason: why}},
		{"unanswered at 15:45", answer("14:32:00"), "15:45:00", Outcome{WarnAt: clock("15:45:00"), Cure: []wire.Interaction{ask}, Reason: why}},
		{"answered again at 15:40", answer("15:40:00"), "15:40:00", Outcome{Allow: true, FailAt: clock("16:45:00"), WarnAt: clock("16:40:00"), Cure: []wire.Interaction{ask}, Reason: why}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d := cmp.Diff(row.want, Plan(conds, row.claims, clock(row.now), defaults)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	mfa, password := wire.Interaction{Kind: wire.InteractionMFA}, wire.Interaction{Kind: wire.InteractionPassword}
	const (
		office = `during("Mon-Fri", "08:30", "17:00")`
		hourly = `within(responses.mfa, duration("60m"))`
	)
	stamped := &Claims{Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: clock("16:30:00")}}
	for _, row := range []struct {
		name      string
		criteria  string
		asks      []wire.Interaction
		claims    *Claims
		now       string
		tokensEnd string
		want      Outcome
	}{
		{name: "office hours end at 17:00:00 and nothing cures it", criteria: office, now: "16:57:00",
			want: Outcome{Allow: true, FailAt: clock("17:00:00"), Reason: wire.Reason{Kind: wire.ReasonTime, Condition: "c"}}},
		{name: "on Friday evening access comes back on Monday", criteria: office, now: "17:00:00",
			want: Outcome{FailAt: clock("08:30:00").AddDate(0, 0, 3), Reason: wire.Reason{Kind: wire.ReasonTime, Condition: "c"}}},
		{name: "not within these tokens", criteria: office, now: "17:00:00", tokensEnd: "23:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonTime, Condition: "c"}}},
		{name: "no prompt for a code that cannot help after hours", criteria: office + " && " + hourly, asks: []wire.Interaction{mfa},
			claims: stamped, now: "16:50:00",
			want: Outcome{Allow: true, FailAt: clock("17:00:00"), Reason: wire.Reason{Kind: wire.ReasonTime, Condition: "c"}}},
		{name: "both are needed", criteria: hourly + ` && within(responses.password, duration("8h"))`, asks: []wire.Interaction{password, mfa},
			now:  "10:00:00",
			want: Outcome{WarnAt: clock("10:00:00"), Cure: []wire.Interaction{mfa, password}, Reason: wire.Reason{Kind: wire.ReasonMFA, Condition: "c"}}},
		{name: "one of two is enough", criteria: hourly + ` || within(responses.password, duration("8h"))`, asks: []wire.Interaction{password, mfa},
			now:  "10:00:00",
			want: Outcome{WarnAt: clock("10:00:00"), Cure: []wire.Interaction{mfa}, Reason: wire.Reason{Kind: wire.ReasonMFA, Condition: "c"}}},
		{name: "what is not asked is no cure", criteria: hourly, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonMFA, Condition: "c"}}},
		{name: "a group decides over a code", criteria: hourly + ` && "finance" in user.groups`, asks: []wire.Interaction{mfa}, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonGroup, Condition: "c"}}},
		{name: "a missing claim is named", criteria: `device.firewall`, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonMissing, Condition: "c", Detail: "device.firewall was not reported"}}},
		{name: "not of a missing claim denies", criteria: `!device.firewall`, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonMissing, Condition: "c", Detail: "device.firewall was not reported"}}},
		{name: "a device claim", criteria: `device.os_name != "linux"`, claims: &Claims{Device: map[string]any{"os_name": "linux"}}, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonDevice, Condition: "c"}}},
		{name: "an age compared is cured as within is", criteria: `now - responses.mfa < duration("60m")`, asks: []wire.Interaction{mfa}, claims: stamped, now: "17:26:00",
			want: Outcome{Allow: true, FailAt: clock("17:30:00"), WarnAt: clock("17:26:00"), Cure: []wire.Interaction{mfa}, Reason: wire.Reason{Kind: wire.ReasonMFA, Condition: "c"}}},
		{name: "hours compared end without stepping", criteria: `now.getHours() * 60 + now.getMinutes() < 17 * 60 + 1`, now: "10:00:00",
			want: Outcome{Allow: true, FailAt: clock("17:01:00"), Reason: wire.Reason{Kind: wire.ReasonTime, Condition: "c"}}},
		{name: "a missing risk is named", criteria: `risk < 50`, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonMissing, Condition: "c", Detail: "risk was not reported"}}},
		{name: "risk", criteria: `risk < 50`, claims: &Claims{Risk: new(int64(60))}, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonRisk, Condition: "c"}}},
		{name: "a missing claim of a text function is named", criteria: `device.hostname.startsWith("desk")`, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonMissing, Condition: "c", Detail: "device.hostname was not reported"}}},
		{name: "no group that begins so", criteria: `user.groups.exists(g, g.startsWith("fin"))`, now: "10:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonGroup, Condition: "c"}}},
		{name: "a conditional takes the branch that decides", criteria: `risk < 50 ? device.firewall : within(responses.mfa, duration("1h"))`, asks: []wire.Interaction{mfa},
			claims: &Claims{Risk: new(int64(60)), Device: map[string]any{"firewall": true}}, now: "10:00:00",
			want: Outcome{WarnAt: clock("10:00:00"), Cure: []wire.Interaction{mfa}, Reason: wire.Reason{Kind: wire.ReasonMFA, Condition: "c"}}},
		{name: "the tokens end first", criteria: office, now: "10:00:00", tokensEnd: "11:00:00",
			want: Outcome{Allow: true, FailAt: clock("11:00:00"), Reason: wire.Reason{Kind: wire.ReasonTokenEnd}}},
		{name: "the tokens have ended", criteria: "true", now: "11:00:00", tokensEnd: "11:00:00",
			want: Outcome{Reason: wire.Reason{Kind: wire.ReasonTokenEnd}}},
		{name: "for ever", criteria: "true", now: "11:00:00", want: Outcome{Allow: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := defaults
			if row.tokensEnd != "" {
				o.TokensEnd = clock(row.tokensEnd)
			}
			if row.claims == nil {
				row.claims = &Claims{}
			}
			conds := []Condition{{ID: "c", Criteria: compile(t, row.criteria), Interactions: row.asks}}
			if d := cmp.Diff(row.want, Plan(conds, row.claims, clock(row.now), o)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPlanOfNothingAndOfWhatDidNotCompile(t *testing.T) {
	if got := Plan(nil, &Claims{}, clock("10:00:00"), defaults); !got.Allow {
		t.Errorf("no condition at all denies: %+v", got)
	}
	conds := []Condition{{ID: "ok", Criteria: compile(t, "true")}, {ID: "broken", Denied: "Ask the helpdesk"}}
	want := Outcome{Reason: wire.Reason{Kind: wire.ReasonCriteria, Condition: "broken", Detail: "Ask the helpdesk"}}
	if d := cmp.Diff(want, Plan(conds, &Claims{}, clock("10:00:00"), defaults)); d != "" {
		t.Error(d)
	}
}

func TestStamp(t *testing.T) {
	for _, row := range []struct {
		now      string
		rounding time.Duration
		want     string
	}{
		{"14:32:00", 15 * time.Minute, "14:45:00"},
		{"14:45:00", 15 * time.Minute, "14:45:00"},
		{"14:45:01", 15 * time.Minute, "15:00:00"},
		{"23:59:00", 15 * time.Minute, "24"},
		{"14:32:01", 0, "14:32:01"},
		{"14:32:01", 2 * time.Second, "14:32:02"},
	} {
		want := clock("00:00:00").AddDate(0, 0, 1)
		if row.want != "24" {
			want = clock(row.want)
		}
		if got := Stamp(clock(row.now), row.rounding); !got.Equal(want) {
			t.Errorf("Stamp(%s, %s) = %s, want %s", row.now, row.rounding, got, want)
		}
	}
}
