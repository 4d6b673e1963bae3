package controller

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

const atOffice = `
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: press}
spec: {site: hq, actions: [{hosts: [press.example.com], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: office}
spec:
  assign: {users: [alice], criteria: 'inNetwork(system.address, "192.0.2.0/24")'}
  entitlements: [press]
`

const insideOnly = `
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: inside}
spec: {criteria: 'inNetwork(system.address, "192.0.2.0/24")'}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: press}
spec: {site: hq, conditions: [inside], actions: [{hosts: [press.example.com], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: office}
spec: {assign: {users: [alice]}, entitlements: [press]}
`

// good says whether a gateway that has heard a policy takes tokens: it goes by
// the older of their revisions.
func (h held) good(p *wire.PolicyToken) bool {
	return min(h.claims.Revision, h.hq.Revision) >= p.Renew[h.claims.Session].Revision
}

// TestMovedAway: tokens from where more was allowed are void as soon as the
// client is elsewhere, and its claims token stays what it was. What takes nothing
// away voids nothing.
func TestMovedAway(t *testing.T) {
	for _, row := range []struct {
		name, more string
		void       bool
	}{
		{"a policy is assigned no more", atOffice, true},
		{"a condition reads the address", insideOnly, true},
		{"nothing is lost", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			conf, dir := longConfig(t, row.more), t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, conf, dir, &store.Memory{})
				alice, gw := b.device("alice"), b.gatewayPeer()
				g := gw.open(wire.PathGatewayEvents)
				alice.signIn()
				old := alice.held(alice.open(wire.PathEvents).snapshot())
				for range 3 {
					before := g.policy(b).Revision
					alice.from = "198.51.100.7"
					away := alice.held(alice.open(wire.PathEvents).snapshot())
					p := g.policy(b)
					if old.good(p) == row.void || !away.good(p) {
						t.Fatalf("the old tokens are good: %v, the new ones: %v", old.good(p), away.good(p))
					}
					if (p.Revision > before) != row.void {
						t.Errorf("gateways hear of it: %v", p.Revision > before)
					}
					if away.claims.ID != old.claims.ID || away.hq.ID == old.hq.ID {
						t.Error("the wrong token was renewed")
					}
					if mixed := (held{old.claims, away.hq}); !mixed.good(p) {
						t.Error("the claims token is void")
					}
					alice.from = "192.0.2.1"
					old = alice.held(alice.open(wire.PathEvents).snapshot())
					if !old.good(g.policy(b)) {
						t.Fatal("back again, the tokens are void")
					}
				}
				// Answers and renewals go on from there.
				alice.from = "198.51.100.7"
				l := alice.open(wire.PathEvents)
				time.Sleep(time.Minute)
				alice.must(http.StatusNoContent, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: wire.InteractionMFA, Value: aliceCode(t, 0)}}})
				if h := alice.held(l.snapshot()); !h.good(g.policy(b)) {
					t.Error("after an answer the tokens are void")
				}
				next := *b.config()
				if err := b.Reload(t.Context(), &next); err != nil {
					t.Fatal(err)
				}
				if h := alice.held(l.snapshot()); !h.good(g.policy(b)) || h.hq.Revision <= old.claims.Revision {
					t.Error("after a reload the tokens are void, or not newer")
				}
			})
		})
	}
}

// TestMovedWhileAway moves and has new policies, or another certificate, at once.
func TestMovedWhileAway(t *testing.T) {
	conf, dir := longConfig(t, atOffice), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice, gw := b.device("alice"), b.gatewayPeer()
		g := gw.open(wire.PathGatewayEvents)
		alice.signIn()
		l := alice.open(wire.PathEvents)
		old := alice.held(l.snapshot())
		l.close()
		next := *conf
		if err := b.Reload(t.Context(), &next); err != nil {
			t.Fatal(err)
		}
		alice.from = "198.51.100.7"
		away := alice.held(alice.open(wire.PathEvents).snapshot())
		if p := g.policy(b); old.good(p) || !away.good(p) {
			t.Errorf("after a reload the old tokens are good: %v, the new ones: %v", old.good(p), away.good(p))
		}
		alice.from = "192.0.2.1"
		old = alice.held(alice.open(wire.PathEvents).snapshot())
		again := b.caller(b.again(alice))
		again.cookie, again.from = alice.cookie, "198.51.100.7"
		away = again.held(again.open(wire.PathEvents).snapshot())
		if p := g.policy(b); old.good(p) || !away.good(p) {
			t.Errorf("with another certificate the old tokens are good: %v, the new ones: %v", old.good(p), away.good(p))
		}
	})
}
