package controller

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/secevent"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

const issuer = "https://idp.example.com"

// transmitter sends signals into a bubble.
type transmitter struct {
	b   *bubble
	key *ecdsa.PrivateKey
	n   int
}

// trusted makes a transmitter of a configuration's.
func trusted(t *testing.T, conf *config.Config) *ecdsa.PrivateKey {
	key := newKey(t)
	conf.Transmitters = []*config.Transmitter{{Name: "idp", Issuer: issuer, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}}}}
	return key
}

// set signs an event about a user; change alters the claims before.
func (x *transmitter) set(user, kind string, event map[string]any, change func(map[string]any)) string {
	x.n++
	v := map[string]any{
		"iss": issuer, "jti": fmt.Sprint("id-", x.n), "iat": time.Now().Unix(), "aud": "example",
		"sub_id": map[string]any{"format": "opaque", "id": user},
		"events": map[string]any{"https://schemas.openid.net/secevent/caep/event-type/" + kind: event},
	}
	if change != nil {
		change(v)
	}
	b, err := wire.Sign(x.key, "k1", "secevent+jwt", v)
	if err != nil {
		x.b.t.Fatal(err)
	}
	return b
}

func (x *transmitter) push(token string) *httptest.ResponseRecorder {
	x.b.t.Helper()
	p := &caller{b: x.b, from: "203.0.113.5"} // without a certificate
	r := p.request(x.b.t.Context(), "POST", wire.PathSignals, token)
	r.Header.Set("Content-Type", secevent.MediaType)
	w := httptest.NewRecorder()
	x.b.h.ServeHTTP(w, r)
	synctest.Wait()
	return w
}

func (x *transmitter) takes(token string) {
	x.b.t.Helper()
	if w := x.push(token); w.Code != http.StatusAccepted || w.Body.Len() != 0 {
		x.b.t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func (x *transmitter) refuses(what, token, code string) {
	x.b.t.Helper()
	w := x.push(token)
	var e secevent.Error
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != http.StatusBadRequest || e.Code != code || e.Description == "" {
		x.b.t.Errorf("%s: %d %s, not %s", what, w.Code, w.Body, code)
	}
}

// TestSignals has each event come that is carried.
func TestSignals(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	key := trusted(t, conf)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		x := &transmitter{b: b, key: key}
		alice, gw := b.device("alice"), b.gatewayPeer()
		alice.signIn()
		l, g := alice.open(wire.PathEvents), gw.open(wire.PathGatewayEvents)

		high := x.set("alice", "risk-level-change", map[string]any{"principal": "USER", "current_level": "HIGH", "reason_admin": map[string]any{"en": "impossible travel"}, "event_timestamp": time.Now().Unix()}, nil)
		x.takes(high)
		if d := cmp.Diff(map[string]wire.Risk{"alice": {Level: wire.RiskHigh, Why: "impossible travel"}}, g.policy(b).Risk); d != "" {
			t.Error(d)
		}
		x.refuses("the same again", high, secevent.InvalidRequest)
		late := x.set("alice", "risk-level-change", map[string]any{"current_level": "HIGH", "event_timestamp": time.Now().Unix()}, nil)
		time.Sleep(time.Second)
		x.takes(x.set("alice", "risk-level-change", map[string]any{"current_level": "LOW"}, func(v map[string]any) {
			v["sub_id"] = map[string]any{"format": "complex", "user": map[string]any{"format": "iss_sub", "iss": issuer, "sub": "alice"}}
		}))
		if r := g.policy(b).Risk; len(r) != 0 {
			t.Errorf("after LOW: %v", r)
		}
		x.takes(late) // it happened before
		if r := g.policy(b).Risk; len(r) != 0 {
			t.Errorf("an older signal made of it %v", r)
		}
		// What the transmitter lowers is its own alone.
		if err := b.SetRisk(t.Context(), "alice", wire.RiskMedium, time.Time{}, "by hand"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		x.takes(x.set("alice", "risk-level-change", map[string]any{"current_level": "LOW"}, nil))
		if r := g.policy(b).Risk["alice"]; r.Level != wire.RiskMedium {
			t.Errorf("a signal lowered what an administrator said: %v", r)
		}

		// A new password: what was answered with the old one is worth nothing.
		alice.must(http.StatusNoContent, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{
			{Kind: wire.InteractionPassword, Value: alicePassword}, {Kind: wire.InteractionReason, Value: "because"}}})
		before := alice.held(l.snapshot())
		n := len(b.Audit())
		x.takes(x.set("alice", "credential-change", map[string]any{"credential_type": "password", "change_type": "update"}, nil))
		after := alice.held(l.snapshot())
		if _, still := after.claims.Responses[wire.InteractionPassword]; still || len(after.claims.Responses) != 1 || after.claims.ID == before.claims.ID || after.claims.Trigger != wire.TriggerRenewal {
			t.Errorf("the answers are %v in a token of %s", after.claims.Responses, after.claims.Trigger)
		}
		if v := g.policy(b).Renew[after.claims.Session].Revision; v <= before.claims.Revision || v > after.claims.Revision || v > after.hq.Revision {
			t.Errorf("void are tokens before %d; they were of %d and are of %d and %d", v, before.claims.Revision, after.claims.Revision, after.hq.Revision)
		}
		if d := cmp.Diff([]string{"policies-assigned renewal", "claims-token renewal", "entitlement-token renewal"}, b.effects(n)); d != "" {
			t.Error(d)
		}
		n = len(b.Audit())
		x.takes(x.set("alice", "credential-change", map[string]any{"credential_type": "app", "change_type": "create"}, nil))
		x.takes(x.set("alice", "credential-change", map[string]any{"credential_type": "fido2-roaming", "change_type": "revoke"}, nil))
		if got := b.effects(n); len(got) != 0 {
			t.Errorf("what was never answered: %v", got)
		}

		session := b.mustGet(alice).ID
		x.takes(x.set("bob", "session-revoked", map[string]any{}, nil))
		if b.mustGet(alice).Ended != "" {
			t.Error("another user's event ended a session")
		}
		x.takes(x.set("alice", "session-revoked", map[string]any{"initiating_entity": "policy"}, nil))
		var p wire.Problem
		if l.last(wire.EventEnded, &p); p.Code != wire.CodeRevoked || g.policy(b).Revoked[session].IsZero() {
			t.Errorf("ended with %s, revoked are %v", p.Code, g.policy(b).Revoked)
		}
		alice.from = "192.0.2.9"
		time.Sleep(time.Minute)
		alice.signIn() // which is allowed
	})
}

// TestBadSignals come with all that can be wrong, and change nothing.
func TestBadSignals(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	key := trusted(t, conf)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		x, mallory := &transmitter{b: b, key: key}, &transmitter{b: b, key: newKey(t), n: 1000}
		g := b.gatewayPeer().open(wire.PathGatewayEvents)
		revision := g.policy(b).Revision
		high := map[string]any{"current_level": "HIGH"}
		change := func(key string, value any) func(map[string]any) {
			return func(v map[string]any) {
				if value == nil {
					delete(v, key)
				} else {
					v[key] = value
				}
			}
		}
		good := x.set("alice", "risk-level-change", high, nil)
		for _, row := range []struct{ name, token, code string }{
			{"another key", mallory.set("alice", "risk-level-change", high, nil), secevent.AuthenticationFailed},
			{"another issuer", x.set("alice", "risk-level-change", high, change("iss", "https://evil.example.com")), secevent.InvalidIssuer},
			{"no issuer", x.set("alice", "risk-level-change", high, change("iss", nil)), secevent.InvalidIssuer},
			{"another audience", x.set("alice", "risk-level-change", high, change("aud", []string{"other"})), secevent.InvalidAudience},
			{"no audience", x.set("alice", "risk-level-change", high, change("aud", nil)), secevent.InvalidAudience},
			{"old", x.set("alice", "risk-level-change", high, change("iat", time.Now().Add(-5*time.Minute-time.Second).Unix())), secevent.InvalidRequest},
			{"of the future", x.set("alice", "risk-level-change", high, change("iat", time.Now().Add(5*time.Minute+time.Second).Unix())), secevent.InvalidRequest},
			{"no iat", x.set("alice", "risk-level-change", high, change("iat", nil)), secevent.InvalidRequest},
			{"no jti", x.set("alice", "risk-level-change", high, change("jti", nil)), secevent.InvalidRequest},
			{"expired", x.set("alice", "risk-level-change", high, change("exp", time.Now().Unix())), secevent.InvalidRequest},
			{"no events", x.set("alice", "risk-level-change", high, change("events", map[string]any{})), secevent.InvalidRequest},
			{"two events", x.set("alice", "risk-level-change", high, func(v map[string]any) {
				maps.Copy(v["events"].(map[string]any), map[string]any{"https://schemas.openid.net/secevent/caep/event-type/session-revoked": map[string]any{}})
			}), secevent.InvalidRequest},
			{"nobody", x.set("nobody", "risk-level-change", high, nil), secevent.InvalidRequest},
			{"no subject", x.set("alice", "risk-level-change", high, change("sub_id", nil)), secevent.InvalidRequest},
			{"an email", x.set("alice", "risk-level-change", high, change("sub_id", map[string]any{"format": "email", "email": "alice@example.com"})), secevent.InvalidRequest},
			{"a subject of another issuer", x.set("alice", "risk-level-change", high, change("sub_id", map[string]any{"format": "iss_sub", "iss": "https://x.example", "sub": "alice"})), secevent.InvalidRequest},
			{"a narrowed subject", x.set("alice", "risk-level-change", high, change("sub_id", map[string]any{"format": "complex", "user": map[string]any{"format": "opaque", "id": "alice"}, "device": map[string]any{}})), secevent.InvalidRequest},
			{"a device's risk", x.set("alice", "risk-level-change", map[string]any{"principal": "DEVICE", "current_level": "LOW"}, nil), secevent.InvalidRequest},
			{"no level", x.set("alice", "risk-level-change", map[string]any{}, nil), secevent.InvalidRequest},
			{"assurance-level-change", x.set("alice", "assurance-level-change", map[string]any{"current_level": "nist-aal2"}, nil), secevent.InvalidRequest},
			{"token-claims-change", x.set("alice", "token-claims-change", map[string]any{"claims": map[string]any{}}, nil), secevent.InvalidRequest},
			{"an unknown credential", x.set("alice", "credential-change", map[string]any{"credential_type": "x509", "change_type": "update"}, nil), secevent.InvalidRequest},
			{"an unknown change", x.set("alice", "credential-change", map[string]any{"credential_type": "password", "change_type": "eat"}, nil), secevent.InvalidRequest},
			{"garbage", "garbage", secevent.InvalidRequest},
			{"nothing", "", secevent.InvalidRequest},
			{"cut short", good[:len(good)-9], secevent.InvalidRequest},
			{"too large", strings.Repeat("x", secevent.MaxToken+1), secevent.InvalidRequest},
		} {
			x.refuses(row.name, row.token, row.code)
		}
		claims, err := wire.Sign(key, "k1", wire.TypeClaims, map[string]any{"iss": issuer})
		if err != nil {
			t.Fatal(err)
		}
		x.refuses("a token of another type", claims, secevent.InvalidRequest)
		other, err := wire.Sign(key, "k2", "secevent+jwt", map[string]any{"iss": issuer})
		if err != nil {
			t.Fatal(err)
		}
		x.refuses("an unknown key", other, secevent.InvalidKey)
		p := &caller{b: b, from: "203.0.113.5"}
		if w := p.ask("POST", wire.PathSignals, good); w.Code != http.StatusBadRequest {
			t.Errorf("without a content type: %d", w.Code)
		}
		if got := g.policy(b); got.Revision != revision || len(got.Risk) != 0 {
			t.Errorf("what was refused made of the risks %v", got.Risk)
		}
		x.takes(good)
		// Its id is remembered by the store for as long as its time is good, over a restart too.
		b.stop()
		b = newBubble(t, conf, dir, b.mem)
		x.b = b
		time.Sleep(4 * time.Minute)
		x.refuses("after a restart", good, secevent.InvalidRequest)
		time.Sleep(20 * time.Minute)
		if left, err := (records[signalRecord]{b.store}).list(t.Context(), kindSignal); err != nil || len(left) != 0 {
			t.Errorf("remembered for good: %v %v", left, err)
		}
	})
}
