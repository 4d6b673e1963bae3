package controller

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestRiskAfterTheClockWasSetBack: what is said now counts, although something
// was said at what the clock called later.
func TestRiskAfterTheClockWasSetBack(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		later := time.Now().Add(3 * time.Hour)
		level := func(want int64) {
			t.Helper()
			if r, err := b.riskOf(t.Context(), "alice"); err != nil || r.Level != want {
				t.Errorf("the risk is %d, not %d: %v", r.Level, want, err)
			}
		}
		if err := b.sayRisk(t.Context(), "alice", fromAdministrator, riskSaid{Risk: wire.Risk{Level: 60}, At: later}); err != nil {
			t.Fatal(err)
		}
		if err := b.SetRisk(t.Context(), "alice", 90, time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		level(90)
		if err := b.SetRisk(t.Context(), "alice", wire.RiskLow, time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		level(wire.RiskLow)
		if err := b.sayRisk(t.Context(), "alice", fromAlert, riskSaid{Risk: wire.Risk{Level: 60, Until: later.Add(time.Hour)}, At: later}); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if err := b.sayRisk(t.Context(), "alice", fromAlert, riskSaid{Risk: wire.Risk{Level: 90, Until: now.Add(time.Hour)}, At: now}); err != nil {
			t.Fatal(err)
		}
		level(90)
	})
}

// TestExplainAfterTheLease: a verdict whose lease is over is none.
func TestExplainAfterTheLease(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice, gw := b.device("alice"), b.gatewayPeer()
		alice.signIn()
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayReport, wire.GatewayReport{Gateway: "gw1", Records: []wire.AuditRecord{{At: time.Now(), Kind: "verdict",
			Session: b.mustGet(alice).ID, User: "alice", Entitlement: "ledger", Trigger: wire.TriggerAccess, Allow: true, Lease: time.Now().Add(time.Hour)}}})
		explain := func() Explanation {
			t.Helper()
			all, err := b.Explain(t.Context(), "alice", "ledger")
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0]
		}
		if x := explain(); !x.Allow || x.Offline {
			t.Errorf("within the lease: %+v", x)
		}
		time.Sleep(time.Hour)
		if x := explain(); x.Allow || !x.Offline || len(x.Evaluations) != 1 || !strings.Contains(x.Note, "over") {
			t.Errorf("after the lease: %+v", x)
		}
	})
}

// TestSignalsFromNobody: whoever has no key cannot wash out the audit.
func TestSignalsFromNobody(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	key := trusted(t, conf)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		forger, idp := transmitter{b: b, key: newKey(t)}, transmitter{b: b, key: key}
		refused := func() (n int) {
			for _, r := range b.Audit() {
				if r.Kind == "signal-refused" {
					n++
				}
			}
			return n
		}
		push := func(token string) {
			t.Helper()
			if w := idp.push(token); w.Code != http.StatusBadRequest {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		for range 100 {
			push(forger.set("alice", "session-revoked", map[string]any{}, nil))
			push("nothing")
		}
		if n := refused(); n != 1 {
			t.Errorf("%d records of what nobody signed", n)
		}
		for range 3 {
			push(idp.set("nobody", "session-revoked", map[string]any{}, nil))
		}
		if n := refused(); n != 4 {
			t.Errorf("%d records with a transmitter's", n)
		}
		time.Sleep(time.Hour)
		push("nothing")
		if n := refused(); n != 5 {
			t.Errorf("%d records an hour later", n)
		}
	})
}
