package controller

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// demote takes alice out of the group finance.
func demote(conf *config.Config) *config.Config {
	u := *conf.Users["alice"]
	u.Groups = []string{"staff"}
	conf.Users["alice"] = &u
	return conf
}

// latest reads a gateway's stream until a policy that ok accepts.
func latest(t *testing.T, r *rig, f *feedReader, ok func(*wire.PolicyToken) bool) *wire.PolicyToken {
	t.Helper()
	for {
		if p := policyOf(t, r, f); ok(p) {
			return p
		}
	}
}

func claimsOf(t *testing.T, r *rig, p *peer, s wire.Snapshot) *wire.ClaimsToken {
	t.Helper()
	c, err := r.keys().VerifyClaims(s.ClaimsToken, p.cert.Leaf, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReloadVoidsTokens: whoever lost something by a reload, and nobody else,
// has tokens that gateways take no longer, and new ones that they do.
func TestReloadVoidsTokens(t *testing.T) {
	r := newRig(t)
	alice, bob, gw := enrolled(t, r, "alice", false), enrolled(t, r, "bob", false), enrolledGateway(t, r)
	sa, sb := alice.signInAlice(t).Session, bob.signInBob(t).Session
	fa, g := alice.open(t, wire.PathEvents), gw.open(t, wire.PathGatewayEvents)
	var first, second wire.Snapshot
	fa.next(wire.EventSnapshot, &first)
	before := claimsOf(t, r, alice, first).Revision
	if err := r.Reload(t.Context(), demote(exampleConfig(t))); err != nil {
		t.Fatal(err)
	}
	p := latest(t, r, g, func(p *wire.PolicyToken) bool { return len(p.Renew) > 0 })
	least := p.Renew[sa]
	if len(p.Renew) != 1 || least.Revision <= before || time.Until(least.Until) < 23*time.Hour {
		t.Fatalf("void are tokens before %v, alice's were of %d", p.Renew, before)
	}
	fa.next(wire.EventSnapshot, &second)
	c := claimsOf(t, r, alice, second)
	e, err := r.keys().VerifyEntitlement(second.Tokens["hq"], "hq", alice.cert.Leaf, time.Now())
	if err != nil || c.Revision < least.Revision || e.Revision < least.Revision || slices.Contains(c.User.Groups, "finance") || len(e.Entitlements) != 1 {
		t.Errorf("alice's new tokens are %+v and %+v: %v", c, e, err)
	}

	// More for bob, and another name for the wiki, take nothing from anyone.
	conf := demote(exampleConfig(t))
	conf.Policies = append(conf.Policies, &config.Policy{Name: "bob", Users: []string{"bob"}, Entitlements: []wire.EntitlementID{"ledger"}})
	wiki := *conf.Entitlements["wiki"]
	wiki.Name = "The wiki"
	conf.Entitlements["wiki"] = &wiki
	if err := r.Reload(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	p = latest(t, r, g, func(q *wire.PolicyToken) bool { return q.Revision > p.Revision+1 })
	if p.Renew[sa] != least || p.Renew[sb].Revision != 0 {
		t.Errorf("after a reload that takes nothing away, void are %v", p.Renew)
	}

	// The wiki's ports are fewer: both lose.
	narrow := wiki
	narrow.Actions = []wire.Action{wiki.Actions[0]}
	narrow.Actions[0].Ports = []uint16{443}
	less := *conf
	less.Entitlements = map[wire.EntitlementID]*config.Entitlement{"wiki": &narrow, "ledger": conf.Entitlements["ledger"]}
	if err := r.Reload(t.Context(), &less); err != nil {
		t.Fatal(err)
	}
	latest(t, r, g, func(p *wire.PolicyToken) bool {
		return p.Renew[sa].Revision > least.Revision && p.Renew[sb].Revision > least.Revision
	})
}

// TestRestartVoidsTokens edits the file while the controller is down.
func TestRestartVoidsTokens(t *testing.T) {
	dir, s := t.TempDir(), &store.Memory{}
	r := start(t, exampleConfig(t), s, dir)
	alice, bob := enrolled(t, r, "alice", false), enrolled(t, r, "bob", false)
	sa := alice.signInAlice(t).Session
	bob.signInBob(t)
	void := func(conf *config.Config) map[wire.SessionID]wire.Renewal {
		t.Helper()
		c, err := New(Options{Config: conf, Store: s, StateDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		now, err := c.policyToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p, err := (&rig{Controller: c}).keys().VerifyPolicy(now.token)
		if err != nil || p.Revision != now.revision {
			t.Fatal(p, err)
		}
		return p.Renew
	}
	r.stop()
	if v := void(exampleConfig(t)); len(v) != 0 {
		t.Errorf("nothing has changed, and void are %v", v)
	}
	if v := void(demote(exampleConfig(t))); len(v) != 1 || v[sa].Revision == 0 {
		t.Errorf("alice has lost a group, and void are %v", v)
	}
}

// TestKilledAmidRevocation starts a controller on what one left behind that was
// killed after the first of a revocation's two writes.
func TestKilledAmidRevocation(t *testing.T) {
	for _, row := range []struct {
		name  string
		first func(t *testing.T, r *rig, p *peer) error
	}{
		{"user", func(t *testing.T, r *rig, _ *peer) error { return r.setUser(t.Context(), "bob", true) }},
		{"device", func(t *testing.T, r *rig, p *peer) error {
			_, err := r.devices().change(t.Context(), recordKey(kindDevice, p.id), nil, func(v *deviceRecord) error { v.Revoked = true; return nil })
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir, s := t.TempDir(), &store.Memory{}
			r := start(t, exampleConfig(t), s, dir)
			bob := enrolled(t, r, "bob", false)
			session := bob.signInBob(t).Session
			if err := row.first(t, r, bob); err != nil {
				t.Fatal(err)
			}
			r.stop()
			c, err := New(Options{Config: exampleConfig(t), Store: s, StateDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			now, err := c.policyToken(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if p, err := r.keys().VerifyPolicy(now.token); err != nil || p.Revoked[session].IsZero() {
				t.Errorf("the policy revokes %v: %v", p.Revoked, err)
			}
		})
	}
}

// TestHungUpAmidRevocation revokes for somebody who does not wait for the answer.
func TestHungUpAmidRevocation(t *testing.T) {
	r := newRig(t)
	bob, gw := enrolled(t, r, "bob", false), enrolledGateway(t, r)
	g := gw.open(t, wire.PathGatewayEvents)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	session := bob.signInBob(t).Session
	if err := r.endSession(gone, sessionKey(bob.cookie.Value), wire.CodeSignedOut); err != nil {
		t.Fatal(err)
	}
	p := latest(t, r, g, func(p *wire.PolicyToken) bool { return len(p.Revoked) > 0 })
	if p.Ended[session] != wire.CodeSignedOut {
		t.Errorf("the gateway hears of a sign-out as %q", p.Ended[session])
	}
	session = bob.signInBob(t).Session
	if err := r.RevokeUser(gone, "bob"); err != nil {
		t.Fatal(err)
	}
	p = latest(t, r, g, func(p *wire.PolicyToken) bool { return len(p.Revoked) > 1 })
	if why, said := p.Ended[session]; said {
		t.Errorf("the gateway hears of a revocation as %q", why)
	}
	status, _, b := bob.do(t, http.MethodPost, wire.PathSession, wire.SignInRequest{User: "bob", Password: bobPassword})
	want(t, "a revoked user", status, b, wire.CodeSignIn)
}

// TestReloadKeepsAddresses: where it listens and keeps its state is not changed
// under a running controller.
func TestReloadKeepsAddresses(t *testing.T) {
	r := newRig(t)
	at := r.PublicAddr()
	conf := exampleConfig(t)
	conf.Listen, conf.PublicAddress, conf.StateDir = "127.0.0.1:1", "elsewhere.example:1", "/nonexistent"
	if err := r.Reload(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	if r.PublicAddr() != at {
		t.Errorf("links name %s, not %s", r.PublicAddr(), at)
	}
}

// TestRenewedBeforeCompared has a session's tokens renewed under a configuration
// that takes something away, before the old ones are found to be void: they are
// still. What roaming gives and takes is no loss by a restart.
func TestRenewedBeforeCompared(t *testing.T) {
	conf, less, dir := longConfig(t, atHome), longConfig(t, atHome), t.TempDir()
	for _, p := range less.Policies {
		if p.Name == "finance" {
			p.Groups = []string{"auditors"}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		for _, address := range []string{"198.51.100.7", "192.0.2.1"} {
			alice.from = address
			alice.open(wire.PathEvents)
			b.stop()
			b = newBubble(t, conf, dir, b.mem)
			alice.b = b
			if v := b.mustGet(alice); v.Renew != 0 {
				t.Errorf("a restart after roaming to %s voided tokens", address)
			}
		}
		l := alice.open(wire.PathEvents)
		b.conf.Store(&configured{less, b.conf.Load().revision + 1000}) // as amid a reload
		b.hub.wakeAll()
		if got := alice.held(l.snapshot()); got.hq.Trigger != wire.TriggerRenewal || len(got.hq.Entitlements) != 1 {
			t.Fatalf("renewed are %v of %s", got.hq.Entitlements, got.hq.Trigger)
		}
		if err := b.voidTokens(t.Context(), conf); err != nil {
			t.Fatal(err)
		}
		if v := b.mustGet(alice); v.Renew != b.conf.Load().revision {
			t.Error("the old tokens are not void")
		}
	})
}
