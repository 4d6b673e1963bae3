package virtual_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

var update = flag.Bool("update", false, "write docs/triggers.md anew")

// row is a row of seed 003's "Table of reevaluation triggers": what TestTriggerTable
// tests, and what docs/triggers.md says.
type row struct {
	trigger wire.Trigger
	name    string // in the seed's words
	when    string // likewise
	setting string // what sets it, and where
	effects effects
	// causes cause it for real, each in a lab of its own, and see what comes of it.
	causes []cause
	// standard asserts the When of the shipped defaults.
	standard func(*testing.T)
}

// effects are a row's cells, in the order of columns.
type effects [5]cell

// columns are the five effects: the names of their subtests, and the seed's.
var columns = [5]struct{ id, name string }{
	{"policies", "Policies (Controller)"},
	{"claims-token", "Claims token updated"},
	{"entitlement-token", "Entitlement token updated"},
	{"entitlement-script", "Entitlement script run"},
	{"firewall-rules", "Firewall rules (Gateway)"},
}

var table = []row{
	{wire.TriggerSignIn, "Client sign-in (to Controller)", "By user/device",
		"none: the user signs in",
		effects{yes, yes, yes, notApplicable, notApplicable}, causes(signIn), untilSignIn},
	{wire.TriggerConnect, "Client connects to Gateway", "By client",
		"none: the client connects when an application of the site is first used",
		effects{no, no, no, ifConditions, sessionAdded}, causes(connects), untilUse},
	{wire.TriggerAccess, "Access event trigger", "User access or not (OTP)",
		"Condition `interactions`: what the user is asked",
		effects{no, ifAnswered, no, ifConditions, yes}, causes(accesses), untilAccess},
	{wire.TriggerDeviceClaims, "Device claims checked", "Every 5 minutes (fixed)",
		"none: fixed",
		effects{no, no, no, ifReportedAndConditions, ifReported}, causes(deviceClaims), everyFiveMinutes},
	{wire.TriggerPeriodic, "Periodic reevaluation times", "0/5/15/60 minutes",
		"Condition `reevaluate.every`: 0, 5m, 15m or 1h",
		effects{no, no, no, ifConditions, yes}, causes(periodic("5m"), periodic("15m"), periodic("1h")), everyDefault},
	{wire.TriggerAtTime, "Specific reevaluation times", "@time (17.00)",
		"Condition `reevaluate.at`",
		effects{no, no, no, ifConditions, yes}, causes(atTime), atDefault},
	{wire.TriggerClaimsToken, "Claims token expire/update", "Every 24 hours or ??",
		"Controller `settings.claimsLifetime`, Policy `tokens.claims`",
		effects{yes, yes, no, ifConditions, yes}, causes(claimsToken), claimsLifetime},
	{wire.TriggerEntitlementToken, "Entitlement token expire/update", "Every 24 hours or ??",
		"Controller `settings.entitlementLifetime`, Policy `tokens.entitlement`",
		effects{yes, no, yes, ifConditions, yes}, causes(entitlementToken), entitlementLifetime},
	{wire.TriggerResolver, "Host api (name resolver) checked", "Every 60 seconds or ??",
		"Gateway file `resolveEvery`",
		effects{no, no, no, ifReportedAndCondition, ifReported}, causes(resolver), everyMinute},
	{wire.TriggerAlert, "Alert triggered", "By behavior",
		"Entitlement action `effect: alert`, Transmitter, `tidegate-server controller risk`; Controller `settings.risk`",
		effects{no, no, no, ifConditions, yes}, causes(alertAction, signal, raised), untilAlert},
	{wire.TriggerRenewal, "Token renewed", "By admin (admin can choose)",
		"`tidegate-server controller renew`, `policy apply`, a reload",
		effects{yes, yes, yes, ifConditions, yes}, causes(renewals), untilRenewal},
	{wire.TriggerReconnect, "Client reconnect", "Sleep/HA",
		"none: the client comes back",
		effects{no, no, no, ifConditions, yes}, causes(interrupted, suspended, restarted, gatewayLost), untilReconnect},
	{wire.TriggerRoaming, "Client reconnect", "Roaming (IP change)",
		"none: the client comes back from another address",
		effects{yes, no, yes, ifConditions, yes}, causes(roams, moved), untilRoaming},
	{wire.TriggerSignOut, "Client sign-out", "By user/device",
		"none: the user signs out",
		effects{no, no, no, no, sessionRemoved}, causes(signOut, unheard), untilSignOut},
}

// TestTriggerTable causes each trigger and asserts each cell of its row.
func TestTriggerTable(t *testing.T) {
	for i, r := range table {
		if r.trigger != wire.TableTriggers[i] {
			t.Errorf("row %d is %s, want %s", i+1, r.trigger, wire.TableTriggers[i])
		}
		t.Run(string(r.trigger), func(t *testing.T) {
			t.Parallel()
			var seen []observation
			for _, cause := range r.causes {
				synctest.Test(t, func(t *testing.T) { seen = append(seen, cause(t)...) })
			}
			for i, cell := range r.effects {
				t.Run(columns[i].id, func(t *testing.T) { cell.check(t, i, r.trigger, seen) })
			}
			t.Run("when", func(t *testing.T) {
				if r.when == "" || r.setting == "" {
					t.Error("the row does not say when, or what sets it")
				}
				r.standard(t)
			})
		})
	}
}

const document = "../../../docs/triggers.md"

// TestTriggerDocument compares docs/triggers.md with the table; -update writes it.
func TestTriggerDocument(t *testing.T) {
	want := markdown()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("docs/triggers.md is not what is tested; run go test ./internal/lab/virtual -run TestTriggerDocument -update (-want +got):\n%s", d)
	}
}

func markdown() string {
	var b strings.Builder
	b.WriteString(`# What causes a reevaluation, and what it does

Access is judged again whenever something happens that may change it. These are the
fourteen triggers and their effects. Each cell is a test: ` + "`TestTriggerTable`" + ` in
internal/lab/virtual causes the trigger in a whole Tidegate, in virtual time, and
asserts what happened and that nothing else did. This page is written by that test.

The word in the first column is the trigger's name in audit records and tokens.

| Trigger | | When (default) | Set by |`)
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.name)
	}
	b.WriteString("\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range table {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |", r.trigger, r.name, strings.ReplaceAll(r.when, " or ??", ""), r.setting)
		for _, c := range r.effects {
			fmt.Fprintf(&b, " %s |", c.words)
		}
		b.WriteString("\n")
	}
	b.WriteString(`
- *Policies*: the controller decides anew which policies are the user's (audit record ` + "`policies-assigned`" + `).
- *Claims token*, *entitlement token* updated: the session has another one (` + "`claims-token`, `entitlement-token`" + `).
- *Entitlement script run*: the gateway runs the scripts of the entitlements whose conditions hold (` + "`script-run`" + `).
- *Firewall rules*: the gateway judges the entitlements concerned and makes their rules anew (` + "`verdict`, `rules-changed`" + `).

A token is renewed five minutes before it ends, or half-way through its life where that
is later; one that ends with its session is not renewed. A session lasts 24 hours by default (Controller
` + "`settings.cookieLifetime`" + `), so with all defaults the user signs in before either token is due.

Beside the table a gateway judges at the instants that it has foreseen (` + "`instant`" + `), when a
criteria script's value differs (` + "`script`" + `), and when the wall clock was set (` + "`clock`" + `).
`)
	return b.String()
}
