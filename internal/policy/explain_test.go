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
		want          []wire.Term
	}{
		{`true`, "10:00:00", nil},
		{`within(responses.mfa, duration("60m")) && during("Mon-Fri", "08:30", "17:00")`, "17:00:00", []wire.Term{
			{Kind: wire.ReasonMFA, Text: `within(responses.mfa, duration("60m"))`, Claim: "responses.mfa", Reported: "2026-11-20T10:00:00Z"},
			{Kind: wire.ReasonTime, Text: `during("Mon-Fri", "08:30", "17:00")`}}},
		{`within(responses.password, duration("60m"))`, "10:00:00", []wire.Term{{Kind: wire.ReasonPassword, Text: `within(responses.password, duration("60m"))`, Claim: "responses.password"}}},
		{`device.firewall && (device.admin || !("finance" in user.groups))`, "10:00:00", []wire.Term{
			{Kind: wire.ReasonDevice, Text: `device.firewall`, Claim: "device.firewall", Reported: "false"},
			{Kind: wire.ReasonMissing, Text: `device.admin`, Claim: "device.admin"},
			{Kind: wire.ReasonGroup, Text: `"finance" in user.groups`, Claim: "user.groups", Reported: "finance"}}},
		{`risk < 20 || risk > now.getHours() + 50`, "10:00:00", []wire.Term{
			{Kind: wire.ReasonRisk, Text: `risk < 20`, Claim: "risk", Reported: "20"},
			{Kind: wire.ReasonTime, Text: `risk > now.getHours() + 50`, Claim: "risk", Reported: "20"}}},
		{`user.groups.exists(g, g.startsWith("hr"))`, "10:00:00", []wire.Term{{Kind: wire.ReasonGroup, Text: `user.groups.exists(g, g.startsWith("hr"))`, Claim: "user.groups", Reported: "finance"}}},
		{`device.hostname == "kiosk"`, "10:00:00", []wire.Term{{Kind: wire.ReasonDevice, Text: `device.hostname == "kiosk"`, Claim: "device.hostname", Reported: strings.Repeat("é", 100) + "…"}}},
		{`inNetwork(system.address, "10.0.0.0/8")`, "10:00:00", []wire.Term{{Kind: wire.ReasonMissing, Text: `inNetwork(system.address, "10.0.0.0/8")`, Claim: "system.address"}}},
		{`risk < 50 ? device.firewall : false`, "10:00:00", []wire.Term{
			{Kind: wire.ReasonRisk, Text: `risk < 50`, Claim: "risk", Reported: "20"},
			{Kind: wire.ReasonDevice, Text: `device.firewall`, Claim: "device.firewall", Reported: "false"}}},
		{`now - responses.mfa < (device.firewall ? duration("8h") : duration("1h"))`, "12:00:00", []wire.Term{
			{Kind: wire.ReasonDevice, Text: `device.firewall`, Claim: "device.firewall", Reported: "false"},
			{Kind: wire.ReasonMFA, Text: `now - responses.mfa < (device.firewall ? duration("8h") : duration("1h"))`}}},
		{`!device.firewall && scripts.stock > 5`, "10:00:00", []wire.Term{{Kind: wire.ReasonMissing, Text: `scripts.stock > 5`, Claim: "scripts.stock"}}},
		{`false`, "10:00:00", []wire.Term{{Kind: wire.ReasonCriteria, Text: "false"}}},
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
	want := []wire.Term{{Condition: "broken", Kind: wire.ReasonCriteria}, {Condition: "c", Kind: wire.ReasonCriteria, Text: "false"}}
	if d := cmp.Diff(want, Explain([]Condition{{ID: "broken"}, {ID: "c", Criteria: compile(t, "false")}}, claims, clock("10:00:00"))); d != "" {
		t.Error(d)
	}
}
