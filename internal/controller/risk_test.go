package controller

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestRisk raises and lowers a risk; gateways hear at once, and when it lapses.
func TestRisk(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		g := b.gatewayPeer().open(wire.PathGatewayEvents)
		second := b.Controller // another gateway's stream would lapse it as well
		revision := g.policy(b).Revision
		is := func(when string, want map[string]wire.Risk) {
			t.Helper()
			p := g.policy(b)
			if d := cmp.Diff(want, p.Risk); d != "" {
				t.Errorf("%s: %s", when, d)
			}
			if p.Revision <= revision {
				t.Errorf("%s: revision %d after %d", when, p.Revision, revision)
			}
			revision = p.Revision
		}
		until := time.Now().Add(time.Hour).UTC()
		if err := b.SetRisk(t.Context(), "alice", wire.RiskHigh, until, "lost her phone"); err != nil {
			t.Fatal(err)
		}
		is("raised", map[string]wire.Risk{"alice": {Level: wire.RiskHigh, Until: until, Why: "lost her phone"}})
		if err := b.SetRisk(t.Context(), "bob", 5, time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		is("bob's lowered", map[string]wire.Risk{"alice": {Level: wire.RiskHigh, Until: until, Why: "lost her phone"}, "bob": {Level: 5}})
		time.Sleep(time.Until(until) - time.Second)
		if p := g.policy(b); p.Revision != revision {
			t.Error("gateways were told before the time was over")
		}
		time.Sleep(time.Second)
		if err := second.lapse(t.Context()); err != nil { // whoever is second finds nothing to do
			t.Fatal(err)
		}
		is("lapsed", map[string]wire.Risk{"bob": {Level: 5}})
		if err := b.SetRisk(t.Context(), "bob", wire.RiskLow, time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		is("low", nil)
		if n := audited(&rig{Controller: b.Controller}, "risk"); n != 4 {
			t.Errorf("%d changes are in the audit", n)
		}
		for _, r := range b.Audit() {
			if r.Kind == "risk" && r.Trigger != wire.TriggerAlert {
				t.Errorf("the trigger is %q", r.Trigger)
			}
		}
		time.Sleep(time.Hour)
		if left, err := b.risks().list(t.Context(), kindRisk); err != nil || len(left) != 0 {
			t.Errorf("kept for good: %v %v", left, err)
		}
		for name, err := range map[string]error{
			"nobody":   b.SetRisk(t.Context(), "nobody", 50, time.Time{}, ""),
			"too high": b.SetRisk(t.Context(), "bob", 101, time.Time{}, ""),
			"past":     b.SetRisk(t.Context(), "bob", 50, time.Now(), ""),
			"too long": b.SetRisk(t.Context(), "bob", 50, time.Time{}, string(make([]byte, 300))),
		} {
			if err == nil {
				t.Errorf("%s was taken", name)
			}
		}
	})
}

// TestAlert has a gateway report what its user tried.
func TestAlert(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	conf.Risk.Alert, conf.Risk.For = wire.RiskMedium, 2*time.Hour
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice, gw := b.device("alice"), b.gatewayPeer()
		alice.signIn()
		alice.open(wire.PathEvents)
		g := gw.open(wire.PathGatewayEvents)
		session := b.mustGet(alice).ID
		alert := wire.GatewayAlert{Gateway: "gw1", At: time.Now(), Session: session, User: "alice", Entitlement: "wiki", Target: "honey.example.com:22"}
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayAlert, alert)
		until := time.Now().Add(2 * time.Hour).UTC()
		want := map[string]wire.Risk{"alice": {Level: wire.RiskMedium, Until: until, Why: "tried honey.example.com:22, which is watched"}}
		if d := cmp.Diff(want, g.policy(b).Risk); d != "" {
			t.Error(d)
		}
		revision := g.policy(b).Revision
		for range 100 { // one after the other costs no write each
			gw.must(http.StatusNoContent, "POST", wire.PathGatewayAlert, alert)
		}
		if p := g.policy(b); p.Revision != revision || audited(&rig{Controller: b.Controller}, "alert") != 101 {
			t.Errorf("a hundred more raised the revision from %d to %d", revision, p.Revision)
		}
		time.Sleep(time.Hour)
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayAlert, alert)
		if r := g.policy(b).Risk["alice"]; !r.Until.Equal(time.Now().Add(2 * time.Hour)) {
			t.Errorf("a later one keeps it until %v", r.Until)
		}
		time.Sleep(2 * time.Hour)
		if r := g.policy(b).Risk; len(r) != 0 {
			t.Errorf("it stays: %v", r)
		}
		// What is higher already is not lowered.
		if err := b.SetRisk(t.Context(), "alice", wire.RiskHigh, time.Time{}, "known"); err != nil {
			t.Fatal(err)
		}
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayAlert, alert)
		if r := g.policy(b).Risk["alice"]; r.Level != wire.RiskHigh || r.Why != "known" {
			t.Errorf("an alert made of it %v", r)
		}
		for name, a := range map[string]wire.GatewayAlert{
			"of another gateway": {Gateway: "gw2", Session: session, User: "alice"},
			"of another user":    {Gateway: "gw1", Session: session, User: "bob"},
			"of no session":      {Gateway: "gw1", Session: "nothing", User: "alice"},
		} {
			if w := gw.ask("POST", wire.PathGatewayAlert, a); w.Code != http.StatusBadRequest {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		if w := alice.ask("POST", wire.PathGatewayAlert, alert); w.Code != http.StatusForbidden {
			t.Errorf("by a device: %d", w.Code)
		}
	})
}

// TestScripts are sent to a gateway at first and when they have changed.
func TestScripts(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	conf.Scripts = []wire.Script{{Name: "stock", Kind: wire.ScriptCriteria, Source: "def run(): return 1", Type: "int"}}
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		g := b.gatewayPeer().open(wire.PathGatewayEvents)
		scripts := func() []*wire.ScriptsToken {
			t.Helper()
			synctest.Wait()
			var out []*wire.ScriptsToken
			for _, e := range g.events() {
				if e.Name != wire.EventScripts {
					continue
				}
				var token string
				if err := json.Unmarshal(e.Data, &token); err != nil {
					t.Fatal(err)
				}
				s, err := (&rig{Controller: b.Controller}).keys().VerifyScripts(token)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
			return out
		}
		if got := scripts(); len(got) != 1 || len(got[0].Scripts) != 1 || got[0].Scripts[0].Name != "stock" || g.events()[0].Name != wire.EventPolicy {
			t.Fatalf("at first came %v", got)
		}
		same := *conf
		if err := b.Reload(t.Context(), &same); err != nil {
			t.Fatal(err)
		}
		if got := scripts(); len(got) != 1 {
			t.Errorf("the same came again")
		}
		next := *conf
		next.Scripts = nil
		next.Gather = []wire.Gather{{Name: "agent", Kind: wire.GatherProcess, Process: "agent"}}
		if err := b.Reload(t.Context(), &next); err != nil {
			t.Fatal(err)
		}
		if got := scripts(); len(got) != 2 || len(got[1].Scripts) != 0 || got[1].Revision <= got[0].Revision {
			t.Errorf("then came %v", got)
		}
		alice := b.device("alice")
		alice.signIn()
		if s := alice.open(wire.PathEvents).snapshot(); len(s.Gather) != 1 || s.Gather[0].Name != "agent" {
			t.Errorf("the client is to gather %v", s.Gather)
		}
	})
}
