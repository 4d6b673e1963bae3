package plan

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/wire"
)

const base = `apiVersion: tidegate.org/v1
kind: Controller
metadata: {name: c}
spec: {listen: "127.0.0.1:0", stateDir: state}
---
apiVersion: tidegate.org/v1
kind: Site
metadata: {name: hq}
---
apiVersion: tidegate.org/v1
kind: User
metadata: {name: alice}
spec: {groups: [staff, finance], password: HASH}
---
apiVersion: tidegate.org/v1
kind: User
metadata: {name: bob}
spec: {groups: [staff], password: HASH}
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: fresh}
spec:
  criteria: within(responses.mfa, duration("60m"))
  interactions: [{kind: mfa}]
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: office}
spec: {criteria: 'during("Mon-Fri", "08:30", "17:00")'}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: payroll}
spec: {site: hq, conditions: [fresh], actions: [{hosts: [payroll.test], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: wiki}
spec: {site: hq, conditions: [office], actions: [{hosts: [wiki.test], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: staff}
spec: {assign: {groups: [staff]}, entitlements: [wiki]}
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: finance}
spec: {assign: {groups: [finance]}, entitlements: [payroll]}
`

// hash is made once: it is dear.
var hash = config.HashPassword("a password")

// edited loads the base configuration with replacements, old and new in turn.
func edited(t *testing.T, replace ...string) *config.Config {
	t.Helper()
	text := strings.NewReplacer(append([]string{"HASH", "'" + hash + "'"}, replace...)...).Replace(base)
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// noon is a Monday's, in office hours.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(hour, minute int) time.Time { return time.Date(2026, 11, 23, hour, minute, 0, 0, time.UTC) }

// live are alice, who answered a moment ago, and bob.
var live = []Session{
	{ID: "s1", User: "alice", Expires: noon.Add(20 * time.Hour), Risk: wire.RiskLow, Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: noon}},
	{ID: "s2", User: "bob", Expires: noon.Add(20 * time.Hour), Risk: wire.RiskLow},
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace []string
		changes []string
		effects []Effect
		text    string
	}{
		{name: "nothing", text: "Nothing changes for them."},
		{
			name: "a criterion turns against some", replace: []string{`within(responses.mfa, duration("60m"))`, `within(responses.mfa, duration("60m")) && "boss" in user.groups`},
			changes: []string{"~ Condition fresh: criteria", "~ Entitlement payroll: conditions"},
			effects: []Effect{{Kind: Loses, Session: "s1", User: "alice", Entitlement: "payroll", At: noon, Reason: wire.ReasonGroup}},
			text:    "payroll is lost now by 1 session of 1 user (alice): group",
		},
		{
			name: "a shorter lifetime asks sooner", replace: []string{"60m", "30m"},
			changes: []string{"~ Condition fresh: criteria", "~ Entitlement payroll: conditions"},
			effects: []Effect{{Kind: Prompted, Session: "s1", User: "alice", Entitlement: "payroll", At: at(12, 25), Reason: wire.ReasonMFA, Cure: []wire.InteractionKind{wire.InteractionMFA}}},
			text:    "payroll asks for mfa at 2026-11-23 12:25:00 UTC: 1 session of 1 user (alice)",
		},
		{
			name: "a new term is lost until it is answered", replace: []string{`"60m"))`, `"60m")) && within(responses.password, duration("8h"))`, "{kind: mfa}", "{kind: mfa}, {kind: password}"},
			changes: []string{"~ Condition fresh: criteria, interactions", "~ Entitlement payroll: conditions"},
			effects: []Effect{{Kind: Loses, Session: "s1", User: "alice", Entitlement: "payroll", At: noon, Reason: wire.ReasonPassword, Cure: []wire.InteractionKind{wire.InteractionPassword}}},
			text:    "payroll is lost now by 1 session of 1 user (alice), until password is answered: password",
		},
		{
			name: "hours end sooner", replace: []string{`"17:00"`, `"16:00"`},
			changes: []string{"~ Condition office: criteria", "~ Entitlement wiki: conditions"},
			effects: []Effect{
				{Kind: Sooner, Session: "s1", User: "alice", Entitlement: "wiki", At: at(16, 0), Was: at(17, 0), Reason: wire.ReasonTime},
				{Kind: Sooner, Session: "s2", User: "bob", Entitlement: "wiki", At: at(16, 0), Was: at(17, 0), Reason: wire.ReasonTime},
			},
			text: "wiki ends at 2026-11-23 16:00:00 UTC instead of at 2026-11-23 17:00:00 UTC for 2 sessions of 2 users (alice, bob): time",
		},
		{
			name: "hours end later", replace: []string{`"17:00"`, `"18:00"`, "groups: [staff]}, ent", "users: [bob]}, ent"},
			changes: []string{"~ Condition office: criteria", "~ Entitlement wiki: conditions", "~ Policy staff: users, groups"},
			effects: []Effect{
				{Kind: Loses, Session: "s1", User: "alice", Entitlement: "wiki", At: noon, Reason: wire.ReasonNotEntitled},
				{Kind: Later, Session: "s2", User: "bob", Entitlement: "wiki", At: at(18, 0), Was: at(17, 0), Reason: wire.ReasonTime},
			},
		},
		{
			name: "another user is entitled, and must answer", replace: []string{"groups: [finance]}, ent", "everyone: true}, ent"},
			changes: []string{"~ Policy finance: groups, everyone"},
			effects: []Effect{{Kind: Gains, Session: "s2", User: "bob", Entitlement: "payroll", At: noon, Cure: []wire.InteractionKind{wire.InteractionMFA}}},
			text:    "payroll is gained now, for mfa, by 1 session of 1 user (bob)",
		},
		{
			name: "hours are others, and a policy gives nothing any more", replace: []string{`"08:30", "17:00"`, `"18:00", "19:00"`, "groups: [finance]}, entitlements: [payroll]", "users: [alice]}, entitlements: []"},
			changes: []string{"~ Condition office: criteria", "~ Entitlement wiki: conditions", "~ Policy finance: users, groups, entitlements"},
			effects: []Effect{
				{Kind: Loses, Session: "s1", User: "alice", Entitlement: "payroll", At: noon, Reason: wire.ReasonNotEntitled},
				{Kind: Loses, Session: "s1", User: "alice", Entitlement: "wiki", At: noon, Reason: wire.ReasonTime},
				{Kind: Loses, Session: "s2", User: "bob", Entitlement: "wiki", At: noon, Reason: wire.ReasonTime},
			},
		},
		{
			name: "other destinations", replace: []string{"hosts: [wiki.test], ports: [443]", "hosts: [wiki.test], ports: [80]"},
			changes: []string{"~ Entitlement wiki: actions"},
			effects: []Effect{
				{Kind: Differs, Session: "s1", User: "alice", Entitlement: "wiki", At: noon},
				{Kind: Differs, Session: "s2", User: "bob", Entitlement: "wiki", At: noon},
			},
			text: "wiki leads to other destinations for 2 sessions of 2 users (alice, bob)",
		},
		{
			name: "early payload is held, which changes where nothing leads", replace: []string{"hosts: [wiki.test], ports: [443]", "hosts: [wiki.test], ports: [443], holdEarly: true"},
			changes: []string{"~ Entitlement wiki: actions"},
		},
		{
			name: "a user is entitled and gains", replace: []string{"entitlements: [wiki]", "entitlements: [wiki, open]", "metadata: {name: staff}", "metadata: {name: staff}", "kind: Policy\nmetadata: {name: finance}", "kind: Entitlement\nmetadata: {name: open}\nspec: {site: hq, actions: [{hosts: [open.test], ports: [443]}]}\n---\napiVersion: tidegate.org/v1\nkind: Policy\nmetadata: {name: finance}"},
			changes: []string{"+ Entitlement open", "~ Policy staff: entitlements"},
			effects: []Effect{
				{Kind: Gains, Session: "s1", User: "alice", Entitlement: "open", At: noon},
				{Kind: Gains, Session: "s2", User: "bob", Entitlement: "open", At: noon},
			},
			text: "open is gained now by 2 sessions of 2 users (alice, bob)",
		},
		{
			name: "a user is gone", replace: []string{"metadata: {name: bob}", "metadata: {name: carol}"},
			changes: []string{"- User bob", "+ User carol"},
			effects: []Effect{{Kind: Ends, Session: "s2", User: "bob", At: noon}},
			text:    "ends now: 1 session of 1 user (bob)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := edited(t), edited(t, c.replace...)
			p, err := Make(t.Context(), before, after, live, noon, nil)
			if err != nil {
				t.Fatal(err)
			}
			var changes []string
			for _, ch := range p.Changes {
				changes = append(changes, ch.String())
			}
			if d := cmp.Diff(c.changes, changes); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.effects, p.Effects); d != "" {
				t.Errorf("effects (-want +got):\n%s", d)
			}
			var text strings.Builder
			if err := p.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.String(), c.text) || !strings.Contains(text.String(), "plan "+p.ID) {
				t.Errorf("the text lacks %q:\n%s", c.text, &text)
			}
			if strings.Contains(text.String(), "argon2") {
				t.Error("the text tells a password's hash")
			}
			if same := p.ID == ID(before.Digest, before.Digest); same != (len(c.replace) == 0) {
				t.Errorf("the plan's id is %s", p.ID)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	var told []int
	conf := edited(t)
	if _, err := Make(t.Context(), conf, conf, live, noon, func(done, total int) { told = append(told, done, total) }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int{1, 2, 2, 2}, told); d != "" {
		t.Error(d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, conf, conf, live, noon, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestScriptsOnBothSides: where scripts decide, nothing is known but that nothing
// changes where nothing has changed.
func TestScriptsOnBothSides(t *testing.T) {
	scripted := func(criteria, source string) []string {
		return []string{`'during("Mon-Fri", "08:30", "17:00")'`, criteria, "kind: Entitlement\nmetadata: {name: wiki}",
			"kind: CriteriaScript\nmetadata: {name: load}\nspec: {type: int, script: \"def main(ctx):\\n  return " + source + "\\n\"}\n---\napiVersion: tidegate.org/v1\nkind: Entitlement\nmetadata: {name: wiki}"}
	}
	for _, c := range []struct {
		name          string
		before, after []string
		unknown       bool
	}{
		{"nothing", scripted("scripts.load < 5", "1"), scripted("scripts.load < 5", "1"), false},
		{"the criteria", scripted("scripts.load < 5", "1"), scripted("scripts.load < 4", "1"), true},
		{"the script", scripted("scripts.load < 5", "1"), scripted("scripts.load < 5", "9"), true},
		{"no script any more", scripted("scripts.load < 5", "1"), nil, true},
		{"a script from now on", nil, scripted("scripts.load < 5", "1"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Make(t.Context(), edited(t, c.before...), edited(t, c.after...), live, noon, nil)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, e := range p.Effects {
				if e.Kind != Unknown || e.Entitlement != "wiki" {
					t.Errorf("it has the effect %+v", e)
				}
				n++
			}
			if n > 0 != c.unknown || c.unknown && n != len(live) {
				t.Errorf("%d sessions are in doubt", n)
			}
		})
	}
}
