package controller

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// longConfig has sessions that outlive their tokens.
func longConfig(t *testing.T, more string) *config.Config {
	conf := configWith(t, more)
	conf.CookieLifetime, conf.ClaimsLifetime, conf.EntitlementLifetime = 100*time.Hour, 10*time.Hour, 20*time.Hour
	return conf
}

// TestRows has every row of the table of triggers that concerns the controller
// happen to a connected session: which of policies, claims token and entitlement
// token are made anew, why, and what the client is sent.
func TestRows(t *testing.T) {
	const p, c, e = "policies-assigned ", "claims-token ", "entitlement-token "
	for _, row := range []struct {
		name string
		do   func(t *testing.T, b *bubble, alice, gw *caller)
		want []string
		sent bool // a snapshot came
	}{
		{"access: a code is answered", func(t *testing.T, b *bubble, alice, _ *caller) {
			time.Sleep(time.Minute)
			alice.must(http.StatusNoContent, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: wire.InteractionMFA, Value: aliceCode(t, 0)}}})
		}, []string{c + "access"}, true},
		{"access: a wrong code", func(t *testing.T, b *bubble, alice, _ *caller) {
			alice.must(http.StatusForbidden, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: wire.InteractionMFA, Value: "000000"}}})
		}, nil, false},
		{"device claims", func(t *testing.T, b *bubble, alice, _ *caller) {
			alice.must(http.StatusNoContent, "PUT", wire.PathDevice, wire.DeviceReport{Claims: wire.DeviceClaims{"firewall": false}})
		}, nil, false},
		{"periodic: an hour passes", func(t *testing.T, b *bubble, alice, _ *caller) { time.Sleep(time.Hour) }, nil, false},
		{"claims token", func(t *testing.T, b *bubble, alice, _ *caller) { time.Sleep(10*time.Hour - 5*time.Minute) }, []string{p + "claims-token", c + "claims-token"}, true},
		{"entitlement token", func(t *testing.T, b *bubble, alice, _ *caller) { time.Sleep(20*time.Hour - 5*time.Minute) },
			[]string{p + "claims-token", c + "claims-token", p + "claims-token", c + "claims-token", p + "entitlement-token", e + "entitlement-token"}, true},
		{"alert", func(t *testing.T, b *bubble, alice, gw *caller) {
			all, err := b.Sessions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			gw.must(http.StatusNoContent, "POST", wire.PathGatewayAlert, wire.GatewayAlert{Gateway: "gw1", At: time.Now(), Session: all[0].ID, User: "alice", Target: "honey.example.com:22"})
		}, nil, false},
		{"renewal of both", func(t *testing.T, b *bubble, alice, _ *caller) {
			if n, err := b.RenewTokens(t.Context(), Renewal{}, Match{}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}, []string{p + "renewal", c + "renewal", e + "renewal"}, true},
		{"renewal of claims", func(t *testing.T, b *bubble, alice, _ *caller) {
			if n, err := b.RenewTokens(t.Context(), Renewal{Claims: true}, Match{User: "alice", Policy: "finance"}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}, []string{p + "renewal", c + "renewal"}, true},
		{"renewal of entitlements", func(t *testing.T, b *bubble, alice, _ *caller) {
			if n, err := b.RenewTokens(t.Context(), Renewal{Entitlements: true}, Match{Device: wire.DeviceID(alice.id)}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}, []string{p + "renewal", e + "renewal"}, true},
		{"renewal of others", func(t *testing.T, b *bubble, alice, _ *caller) {
			if n, err := b.RenewTokens(t.Context(), Renewal{}, Match{User: "bob"}); n != 0 || err != nil {
				t.Fatal(n, err)
			}
		}, nil, false},
		{"renewal by new policies", func(t *testing.T, b *bubble, alice, _ *caller) {
			next := *b.config()
			if err := b.Reload(t.Context(), &next); err != nil {
				t.Fatal(err)
			}
		}, []string{p + "renewal", c + "renewal", e + "renewal"}, true},
		{"reconnect", func(t *testing.T, b *bubble, alice, _ *caller) { alice.open(wire.PathEvents) }, nil, false},
		{"roaming", func(t *testing.T, b *bubble, alice, _ *caller) {
			alice.from = "198.51.100.7"
			alice.open(wire.PathEvents)
		}, []string{p + "roaming", e + "roaming"}, false},
		{"sign-out", func(t *testing.T, b *bubble, alice, _ *caller) {
			alice.must(http.StatusNoContent, "DELETE", wire.PathSession, nil)
		}, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			conf, dir := longConfig(t, ""), t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, conf, dir, &store.Memory{})
				alice, gw := b.device("alice"), b.gatewayPeer()
				alice.signIn()
				if d := cmp.Diff([]string{p + "sign-in", c + "sign-in", e + "sign-in"}, b.effects(0)); d != "" {
					t.Fatalf("at the sign-in: %s", d)
				}
				l := alice.open(wire.PathEvents)
				before := alice.held(l.snapshot())
				if before.claims.Trigger != wire.TriggerSignIn || before.hq.Trigger != wire.TriggerSignIn {
					t.Errorf("the first tokens are of %s and %s", before.claims.Trigger, before.hq.Trigger)
				}
				n, events := len(b.Audit()), len(l.events())
				row.do(t, b, alice, gw)
				got := b.effects(n)
				if d := cmp.Diff(row.want, got, cmp.Transformer("none", func(s []string) []string { return append([]string{}, s...) })); d != "" {
					t.Error(d)
				}
				came := l.events()
				if sent := len(came) > events && came[len(came)-1].Name == wire.EventSnapshot; sent != row.sent {
					t.Errorf("a snapshot was sent: %v", sent)
				}
				if row.name == "sign-out" {
					if last := came[len(came)-1]; last.Name != wire.EventEnded || !l.ended() {
						t.Errorf("the stream goes on with %s", last.Name)
					}
					return
				}
				// What a new stream is sent has another id where the row says so.
				after := alice.held(alice.open(wire.PathEvents).snapshot())
				if made := after.claims.ID != before.claims.ID; made != slices.ContainsFunc(got, func(s string) bool { return s[0] == 'c' }) {
					t.Errorf("another claims token: %v, the audit tells of %v", made, got)
				}
				if made := after.hq.ID != before.hq.ID; made != slices.ContainsFunc(got, func(s string) bool { return s[0] == 'e' }) {
					t.Errorf("another entitlement token: %v, the audit tells of %v", made, got)
				}
				if made := after.ids() != before.ids(); made {
					why := after.claims.Trigger
					if after.claims.ID == before.claims.ID {
						why = after.hq.Trigger
					}
					if last := b.Audit()[len(b.Audit())-1]; last.Trigger != why && row.name != "entitlement token" {
						t.Errorf("the token is of %q, the audit of %q", why, last.Trigger)
					}
				}
			})
		})
	}
}

// TestDeviceClaimsInTheNextToken has a report change no token, and stand in the
// next one.
func TestDeviceClaimsInTheNextToken(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		l := alice.open(wire.PathEvents)
		alice.must(http.StatusNoContent, "PUT", wire.PathDevice, wire.DeviceReport{Claims: wire.DeviceClaims{"addresses": []string{"10.0.0.7"}, "firewall": true}})
		if h := alice.held(l.snapshot()); len(h.claims.Claims) != 0 {
			t.Errorf("the claims are %v at once", h.claims.Claims)
		}
		revision := b.mustGet(alice).revision
		alice.must(http.StatusNoContent, "PUT", wire.PathDevice, wire.DeviceReport{Claims: wire.DeviceClaims{"addresses": []string{"10.0.0.7"}, "firewall": true}})
		if again := b.mustGet(alice).revision; again != revision {
			t.Error("the same report again was written")
		}
		if _, err := b.RenewTokens(t.Context(), Renewal{Claims: true}, Match{}); err != nil {
			t.Fatal(err)
		}
		h := alice.held(l.snapshot())
		if d := cmp.Diff(wire.DeviceClaims{"addresses": []any{"10.0.0.7"}, "firewall": true}, h.claims.Claims); d != "" {
			t.Error(d)
		}
		for name, claims := range map[string]string{
			"too many":        `{"claims":{` + repeat(65, func(i int) string { return `"c` + string(rune('0'+i/10)) + string(rune('0'+i%10)) + `":true` }) + `}}`,
			"too many texts":  `{"claims":{"l":[` + repeat(65, func(int) string { return `"x"` }) + `]}}`,
			"a number listed": `{"claims":{"l":[1]}}`,
			"an object":       `{"claims":{"l":{}}}`,
		} {
			if w := alice.ask("PUT", wire.PathDevice, claims); w.Code != http.StatusBadRequest {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		alice.cookie = nil
		alice.must(http.StatusUnauthorized, "PUT", wire.PathDevice, wire.DeviceReport{})
	})
}

func repeat(n int, f func(int) string) string {
	s := f(0)
	for i := 1; i < n; i++ {
		s += "," + f(i)
	}
	return s
}

// kept is a session's record and its revision in the store.
type kept struct {
	sessionRecord
	revision uint64
}

func (b *bubble) mustGet(p *caller) kept {
	b.t.Helper()
	v, revision, err := b.sessions().read(b.t.Context(), sessionKey(p.cookie.Value))
	if err != nil {
		b.t.Fatal(err)
	}
	return kept{v, revision}
}

// TestTokensOutliveARestart starts a controller again, with the same
// configuration and then with another.
func TestTokensOutliveARestart(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	other := longConfig(t, "")
	other.Settings.WarningLead++
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		l := alice.open(wire.PathEvents)
		first := alice.held(l.snapshot())
		time.Sleep(11 * time.Hour)
		renewed := alice.held(l.snapshot())
		if renewed.claims.ID == first.claims.ID || renewed.hq.ID != first.hq.ID {
			t.Fatal("the wrong token was renewed")
		}
		revision := l.snapshot().Revision
		for range 2 {
			b.stop()
			b = newBubble(t, conf, dir, b.mem)
			alice.b = b
			s := alice.open(wire.PathEvents).snapshot()
			if got := alice.held(s); got.ids() != renewed.ids() || s.Revision <= revision {
				t.Errorf("after a restart the tokens are %s at %d, were %s at %d", got.ids(), s.Revision, renewed.ids(), revision)
			}
			if got := b.effects(0); len(got) > 0 {
				t.Errorf("after a restart: %v", got)
			}
			revision = s.Revision
		}
		b.stop()
		b = newBubble(t, other, dir, b.mem)
		alice.b = b
		got := alice.held(alice.open(wire.PathEvents).snapshot())
		if got.claims.ID == renewed.claims.ID || got.hq.ID == renewed.hq.ID || got.claims.Trigger != wire.TriggerRenewal || got.hq.Trigger != wire.TriggerRenewal {
			t.Errorf("after another configuration the tokens are %s of %s and %s", got.ids(), got.claims.Trigger, got.hq.Trigger)
		}
		if got.claims.Revision <= renewed.claims.Revision || got.hq.Revision|moves != got.claims.Revision {
			t.Errorf("they are of %d and %d", got.claims.Revision, got.hq.Revision)
		}
	})
}

// TestReloadWhileAway has new policies come while the client is not connected.
func TestReloadWhileAway(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		l := alice.open(wire.PathEvents)
		before := alice.held(l.snapshot())
		l.close()
		next := *conf
		if err := b.Reload(t.Context(), &next); err != nil {
			t.Fatal(err)
		}
		n := len(b.Audit())
		time.Sleep(time.Hour)
		if got := b.effects(n); len(got) > 0 {
			t.Errorf("while nobody is there: %v", got)
		}
		if v := b.mustGet(alice); v.Renew != 0 {
			t.Error("what took nothing away has voided tokens")
		}
		after := alice.held(alice.open(wire.PathEvents).snapshot())
		if d := cmp.Diff([]string{"policies-assigned renewal", "claims-token renewal", "entitlement-token renewal"}, b.effects(n)); d != "" || after.ids() == before.ids() {
			t.Error(d)
		}
		if tokens, err := b.tokens().list(t.Context(), kindToken); err != nil || len(tokens) != 2 {
			t.Errorf("%d tokens are kept: %v", len(tokens), err)
		}
		if n, err := b.RevokePolicy(t.Context(), "finance"); n != 1 || err != nil {
			t.Error(n, err)
		}
		if tokens, err := b.tokens().list(t.Context(), kindToken); err != nil || len(tokens) != 0 {
			t.Errorf("%d tokens are kept of ended sessions: %v", len(tokens), err)
		}
	})
}

const atHome = `
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: home}
spec:
  assign: {users: [alice], criteria: 'inNetwork(system.address, "198.51.100.0/24")'}
  entitlements: [wiki]
  tokens: {claims: 1h, entitlement: 2h}
`

// TestRoaming goes to an address where other policies are assigned, whose tokens
// live for less, and back.
func TestRoaming(t *testing.T) {
	conf, dir := longConfig(t, atHome), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		first := alice.held(alice.open(wire.PathEvents).snapshot())
		alice.from = "198.51.100.7"
		l := alice.open(wire.PathEvents)
		away := alice.held(l.snapshot())
		if away.hq.Address != "198.51.100.7" || away.claims.System.Address != "192.0.2.1" || away.claims.ID != first.claims.ID || away.hq.Trigger != wire.TriggerRoaming {
			t.Errorf("the tokens are of %s and %s", away.claims.System.Address, away.hq.Address)
		}
		if life := away.hq.Expires.Time().Sub(away.hq.Issued.Time()); life != 2*time.Hour {
			t.Errorf("the entitlement token lives for %v", life)
		}
		if v := b.mustGet(alice); !slices.Equal(v.Policies, []string{"everyone", "finance", "home"}) || v.Address != "198.51.100.7" {
			t.Errorf("assigned are %v at %s", v.Policies, v.Address)
		}
		time.Sleep(2*time.Hour - 5*time.Minute)
		again := alice.held(l.snapshot())
		if again.hq.ID == away.hq.ID || again.claims.ID != away.claims.ID {
			t.Error("the wrong token was renewed")
		}
		if n, err := b.RenewTokens(t.Context(), Renewal{Claims: true}, Match{Policy: "home"}); n != 1 || err != nil {
			t.Error(n, err)
		}
		h := alice.held(l.snapshot())
		if life := h.claims.Expires.Time().Sub(h.claims.Issued.Time()); life != time.Hour || h.claims.System.Address != "198.51.100.7" {
			t.Errorf("the claims token lives for %v, at %s", life, h.claims.System.Address)
		}
		alice.from = "192.0.2.1"
		home := alice.held(alice.open(wire.PathEvents).snapshot())
		if v := b.mustGet(alice); !slices.Equal(v.Policies, []string{"everyone", "finance"}) || home.hq.Address != alice.from {
			t.Errorf("assigned are %v at %s", v.Policies, home.hq.Address)
		}
	})
}

// TestTwoControllers share a store: whatever is due is made once, and the
// streams of both bring the same.
func TestTwoControllers(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		mem := &store.Memory{}
		a := newBubble(t, conf, dir, mem)
		b := newBubble(t, conf, dir, mem)
		if a.conf.Load().revision != b.conf.Load().revision {
			t.Fatal("one configuration has two revisions")
		}
		alice := a.device("alice")
		alice.signIn()
		other := *alice
		other.b = b
		la, lb := alice.open(wire.PathEvents), other.open(wire.PathEvents)
		for range 4 {
			time.Sleep(10 * time.Hour)
			if x, y := alice.held(la.snapshot()), other.held(lb.snapshot()); x.ids() != y.ids() {
				t.Fatalf("the streams differ: %s and %s", x.ids(), y.ids())
			}
		}
		made := map[string]int{}
		for _, r := range append(a.Audit(), b.Audit()...) {
			made[r.Kind]++
		}
		if made["claims-token"] != 5 || made["entitlement-token"] != 3 { // with the sign-in's
			t.Errorf("made were %v", made)
		}
		if tokens, err := a.tokens().list(t.Context(), kindToken); err != nil || len(tokens) != 2 {
			t.Errorf("%d tokens are kept: %v", len(tokens), err)
		}
	})
}

// TestStreamsRace opens streams from two addresses at once, again and again: the
// newest one's address counts, and the tokens are the newest's.
func TestStreamsRace(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		key := sessionKey(alice.cookie.Value)
		for range 20 {
			var streams []*live
			for i := range 4 {
				p := *alice
				p.from = []string{"192.0.2.1", "198.51.100.7"}[i%2]
				streams = append(streams, p.start(wire.PathEvents))
			}
			synctest.Wait()
			alive := slices.DeleteFunc(streams, func(l *live) bool { return l.ended() })
			if len(alive) != 1 {
				t.Fatalf("%d streams are left", len(alive))
			}
			h := alice.held(alive[0].snapshot())
			s, err := b.sessions().get(context.Background(), key)
			if err != nil {
				t.Fatal(err)
			}
			if h.hq.Address != s.Address || s.Tokens.Entitlements["hq"] != h.hq.ID {
				t.Fatalf("the stream's token is of %s, the record's address is %s", h.hq.Address, s.Address)
			}
		}
		if tokens, err := b.tokens().list(t.Context(), kindToken); err != nil || len(tokens) != 2 {
			t.Errorf("%d tokens are kept: %v", len(tokens), slices.Collect(maps.Keys(tokens)))
		}
	})
}

// TestAnotherCertificate has a device come with a new certificate over its key.
func TestAnotherCertificate(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		first := alice.held(alice.open(wire.PathEvents).snapshot())
		again := b.caller(b.again(alice))
		again.cookie = alice.cookie
		got := again.held(again.open(wire.PathEvents).snapshot())
		if got.claims.ID == first.claims.ID || got.hq.ID == first.hq.ID || got.claims.Trigger != wire.TriggerReconnect {
			t.Errorf("bound to another certificate are %s of %s", got.ids(), got.claims.Trigger)
		}
	})
}

// again certifies a device's key anew.
func (b *bubble) again(p *caller) (wire.EnrolReply, error) {
	reply, _, err := b.certify(p.leaf.PublicKey.(*ecdsa.PublicKey), identityURI(identityDevice, p.id), nil, x509.ExtKeyUsageClientAuth)
	reply.Device = wire.DeviceID(p.id)
	return reply, err
}
