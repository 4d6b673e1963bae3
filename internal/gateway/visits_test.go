package gateway

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

func visitor(sid wire.SessionID, why wire.Trigger) tokens {
	return tokens{claims: &wire.ClaimsToken{Token: wire.Token{Session: sid, Subject: "alice"}}, entitlement: &wire.EntitlementToken{Token: wire.Token{Trigger: why}}}
}

func TestVisits(t *testing.T) {
	var v visits
	for i, row := range []struct {
		session wire.SessionID
		why     wire.Trigger
		address string
		resumed bool
		want    wire.Trigger
	}{
		{"s-1", wire.TriggerSignIn, "192.0.2.2", false, wire.TriggerConnect},
		{"s-1", wire.TriggerSignIn, "192.0.2.2", true, wire.TriggerReconnect},
		{"s-1", wire.TriggerSignIn, "192.0.2.2", false, wire.TriggerReconnect}, // whatever it says
		{"s-1", wire.TriggerSignIn, "192.0.2.3", true, wire.TriggerReconnect},  // its tokens come later
		{"s-1", wire.TriggerRoaming, "192.0.2.4", true, wire.TriggerRoaming},
		{"s-1", wire.TriggerRoaming, "192.0.2.4", true, wire.TriggerReconnect},
		{"s-2", wire.TriggerRoaming, "192.0.2.4", true, wire.TriggerReconnect}, // from another gateway
		{"s-3", wire.TriggerRoaming, "192.0.2.4", false, wire.TriggerConnect},
	} {
		if got := v.row(visitor(row.session, row.why), row.address, row.resumed); got != row.want {
			t.Errorf("row %d: %s, want %s", i, got, row.want)
		}
	}
	for i := range maxVisits {
		v.row(visitor(wire.SessionID(fmt.Sprint("n-", i)), ""), "192.0.2.9", false)
	}
	if len(v.known) != maxVisits || v.order.Len() != maxVisits {
		t.Errorf("%d sessions are remembered", len(v.known))
	}
	if _, ok := v.user("s-1"); ok {
		t.Error("the longest gone is remembered")
	}
	if user, ok := v.user("n-0"); !ok || user != "alice" {
		t.Errorf("%s, %v", user, ok)
	}
}
