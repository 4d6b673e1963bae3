package main

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestAuditIsInert prints what a user and a gateway could have written to fake a
// line or to reach the terminal.
func TestAuditIsInert(t *testing.T) {
	var out strings.Builder
	err := printAudit(&out, []wire.AuditRecord{{Kind: "answered", User: "maya",
		Reason: wire.Reason{Kind: wire.ReasonUserReason, Detail: "because\n2026-11-21T00:00:00Z sign-in true root\t\x1b[2J\u202e"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 2 || strings.ContainsAny(got, "\x1b\u202e\t") {
		t.Errorf("%q", got)
	}
	out.Reset()
	err = printAudit(&out, []wire.AuditRecord{{Kind: "suspend", Detail: "not connected, and not told"}, {Kind: "verdict", Trigger: wire.TriggerAccess, Reason: wire.Reason{Kind: wire.ReasonMFA}}})
	if got := out.String(); err != nil || !strings.Contains(got, "  not connected, and not told\n") || !strings.HasSuffix(got, "  access mfa\n") {
		t.Errorf("%q, %v", got, err)
	}
}

// TestExplanationLeavesOut has no row for what is not to be said.
func TestExplanationLeavesOut(t *testing.T) {
	for named, want := range map[string]bool{"": false, "*.example.com": true} {
		var out strings.Builder
		if err := printExplanations(&out, []controller.Explanation{{Named: named}}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "named by"); got != want {
			t.Errorf("named by %q: %q", named, &out)
		}
	}
}
