package gateway

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestMemoryOfOld: each way in which tokens are no longer, or never were, good
// here is refused, and told by its reason.
func TestMemoryOfOld(t *testing.T) {
	s := newSite(t, echo, nil)
	s.client(t, s.g.Addr(), s.device) // it serves, so it has read its keys
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 5,
		Revoked: map[wire.SessionID]time.Time{"gone": time.Now().Add(time.Hour), "out": time.Now().Add(time.Hour)},
		Ended:   map[wire.SessionID]wire.Code{"out": wire.CodeSignedOut},
		Renew:   map[wire.SessionID]wire.Renewal{"s-1": {Revision: 5, Until: time.Now().Add(time.Hour)}}})); err != nil {
		t.Fatal(err)
	}
	other := s.authority.device("laptop-2")
	good := func() ticket { k := s.ticket(); k.revision = 5; return k }
	with := func(change func(*ticket)) wire.SessionRequest { k := good(); change(&k); return k.request() }
	ask := func(change func(r *wire.SessionRequest)) wire.SessionRequest {
		r := good().request()
		change(&r)
		return r
	}
	for _, row := range []struct {
		name   string
		tokens wire.SessionRequest
		code   wire.Code
		reason string
	}{
		{"good", good().request(), "", ""},
		{"claims token of the other kind", ask(func(r *wire.SessionRequest) { r.ClaimsToken = r.EntitlementToken }), wire.CodeToken, "claims+jwt: is a token of another type"},
		{"entitlement token of the other kind", ask(func(r *wire.SessionRequest) { r.EntitlementToken = r.ClaimsToken }), wire.CodeToken, "ent+jwt: is a token of another type"},
		{"a policy for a claims token", ask(func(r *wire.SessionRequest) { r.ClaimsToken = s.token(wire.TypePolicy, wire.PolicyToken{Revision: 9}) }), wire.CodeToken, "another type"},
		{"scripts for a claims token", ask(func(r *wire.SessionRequest) {
			r.ClaimsToken = s.token(wire.TypeScripts, wire.ScriptsToken{Revision: 9})
		}), wire.CodeToken, "another type"},
		{"another device's", with(func(k *ticket) { k.device = other }), wire.CodeToken, "bound to another device"},
		{"another device's name", with(func(k *ticket) { k.device.id = other.id }), wire.CodeToken, "another device's"},
		{"expired", with(func(k *ticket) { k.lifetime = -time.Second }), wire.CodeToken, "expired"},
		{"another site's", with(func(k *ticket) { k.site = "south" }), wire.CodeToken, "another site"},
		{"another controller's", with(func(k *ticket) { k.authority = newAuthority(t) }), wire.CodeToken, "not the controller's"},
		{"an old policy's", with(func(k *ticket) { k.revision = 4 }), wire.CodeToken, "The policies have changed"},
		{"one of an old policy's", ask(func(r *wire.SessionRequest) {
			r.ClaimsToken = with(func(k *ticket) { k.revision = 4 }).ClaimsToken
		}), wire.CodeToken, "The policies have changed"},
		{"of two sessions", ask(func(r *wire.SessionRequest) {
			r.ClaimsToken = with(func(k *ticket) { k.session = "s-2" }).ClaimsToken
		}), wire.CodeToken, "different sessions"},
		{"revoked", with(func(k *ticket) { k.session = "gone" }), wire.CodeRevoked, "ended"},
		{"signed out", with(func(k *ticket) { k.session = "out" }), wire.CodeSignedOut, "signed out"},
		{"garbage", wire.SessionRequest{ClaimsToken: "a.b.c", EntitlementToken: "x"}, wire.CodeToken, "claims+jwt"},
		{"nothing", wire.SessionRequest{}, wire.CodeToken, "claims+jwt"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, p := s.g.registry.verify(&row.tokens, s.device.id, s.device.cert.Leaf, time.Now())
			switch {
			case row.code == "" && p != nil:
				t.Errorf("refused: %v", p)
			case row.code != "" && (p == nil || p.Code != row.code || p.Status != http.StatusForbidden || !strings.Contains(p.Error(), row.reason)):
				t.Errorf("%v, want %s: %s", p, row.code, row.reason)
			}
		})
	}
}

// TestOlderTokensComeNoMore: tokens that have been renewed open no session
// either, though they are genuine and have not expired.
func TestOlderTokensComeNoMore(t *testing.T) {
	s := newSite(t, echo, nil)
	older := s.ticket().answered(wire.InteractionMFA, time.Now())
	older.issued = time.Now().Add(-time.Minute)
	newer := s.ticket()
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(older)
	if p := c.renew(newer); p != nil {
		t.Fatal(p)
	}
	if p := c.renew(older); p == nil || p.Code != wire.CodeToken || p.Status != http.StatusConflict {
		t.Errorf("older tokens on the same channel: %v", p)
	}
	c.quic.CloseWithError(0x100, "")
	again := s.client(t, s.g.Addr(), s.device)
	res := again.post(http.MethodPost, older)
	defer res.Body.Close()
	if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeToken || p.Status != http.StatusConflict {
		t.Errorf("older tokens on a new channel: %v", p)
	}
	again.admit(newer)
}

// TestNobodyBeforeThePolicy: a gateway that knows the keys and has never heard a
// policy does not know who has been revoked.
func TestNobodyBeforeThePolicy(t *testing.T) {
	s := newSite(t, echo, func(o *Options) {
		if err := os.Remove(filepath.Join(o.Config.State, filePolicy)); err != nil {
			t.Fatal(err)
		}
	})
	res := s.client(t, s.g.Addr(), s.device).post(http.MethodPost, s.ticket())
	defer res.Body.Close()
	if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeOverload {
		t.Errorf("before the first policy: %v", p)
	}
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 1})); err != nil {
		t.Fatal(err)
	}
	s.client(t, s.g.Addr(), s.device).admit(s.ticket())
}
