package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestExplain(t *testing.T) {
	claims := benchClaims(clock("10:00:00"))
	claims.Device["firewall"] = false
	claims.Device["hostname"] = strings.Repeat("é", 150)
	for _, row := range []struct {
		criteria, now string
		want          []Term
	}{
		{`true`, "10:00:00", nil},
		{`within(responses.mfa, duration("60m")) && during("Mon-Fri", "08:30", "17:00")`, "17:00:00", []Term{
			{Kind: wire.ReasonMFA, Term: `within(responses.mfa, duration("60m"))`, Claim: "responses.mfa", Reported: "2026-11-20T10:00:00Z"},
			{Kind: wire.ReasonTime, Term: `during("Mon-Fri", "08:30", "17:00")`}}},
		{`within(responses.password, duration("60m"))`, "10:00:00", []Term{{Kind: wire.ReasonPassword, Term: `within(responses.password, duration("60m"))`, Claim: "responses.password"}}},
		{`device.firewall && (device.admin || !("finance" in user.groups))`, "10:00:00", []Term{
			{Kind: wire.ReasonDevice, Term: `device.firewall`, Claim: "device.firewall", Reported: "false"},
			{Kind: wire.ReasonMissing, Term: `device.admin`, Claim: "device.admin"},
			{Kind: wire.ReasonGroup, Term: `"finance" in user.groups`, Claim: "user.groups", Reported: "finance"}}},
		{`risk < 20 || risk > now.getHours() + 50`, "10:00:00", []Term{
			{Kind: wire.ReasonRisk, Term: `risk < 20`, Claim: "risk", Reported: "20"},
			{Kind: wire.ReasonTime, Term: `risk > now.getHours() + 50`, Claim: "risk", Reported: "20"}}},
		{`user.groups.exists(g, g.startsWith("hr"))`, "10:00:00", []Term{{Kind: wire.ReasonGroup, Term: `user.groups.exists(g, g.startsWith("hr"))`, Claim: "user.groups", Reported: "finance"}}},
		{`device.hostname == "kiosk"`, "10:00:00", []Term{{Kind: wire.ReasonDevice, Term: `device.hostname == "kiosk"`, Claim: "device.hostname", Reported: strings.Repeat("é", 100) + "…"}}},
		{`inNetwork(system.address, "10.0.0.0/8")`, "10:00:00", []Term{{Kind: wire.ReasonMissing, Term: `inNetwork(system.address, "10.0.0.0/8")`, Claim: "system.address"}}},
		{`risk < 50 ? device.firewall : false`, "10:00:00", []Term{
			{Kind: wire.ReasonRisk, Term: `risk < 50`, Claim: "risk", Reported: "20"},
			{Kind: wire.ReasonDevice, Term: `device.firewall`, Claim: "device.firewall", Reported: "false"}}},
		{`now - responses.mfa < (device.firewall ? duration("8h") : duration("1h"))`, "12:00:00", []Term{
			{Kind: wire.ReasonDevice, Term: `device.firewall`, Claim: "device.firewall", Reported: "false"},
			{Kind: wire.ReasonMFA, Term: `now - responses.mfa < (device.firewall ? duration("8h") : duration("1h"))`}}},
		{`!device.firewall && scripts.stock > 5`, "10:00:00", []Term{{Kind: wire.ReasonMissing, Term: `scripts.stock > 5`, Claim: "scripts.stock"}}},
		{`false`, "10:00:00", []Term{{Kind: wire.ReasonCriteria, Term: "false"}}},
	} {
		t.Run(row.criteria, func(t *testing.T) {
			c, err := CompileWith(row.criteria, declaredHere)
			if err != nil {
				t.Fatal(err)
			}
			got := Explain([]Condition{{Criteria: c}, {Criteria: compile(t, "true")}}, claims, clock(row.now))
			if d := cmp.Diff(row.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	want := []Term{{Condition: "broken", Kind: wire.ReasonCriteria}, {Condition: "c", Kind: wire.ReasonCriteria, Term: "false"}}
	if d := cmp.Diff(want, Explain([]Condition{{ID: "broken"}, {ID: "c", Criteria: compile(t, "false")}}, claims, clock("10:00:00"))); d != "" {
		t.Error(d)
	}
}
