package secevent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

const idp = "https://idp.example.com"

var now = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// sign makes a token of a type.
func sign(tb testing.TB, alg jose.SignatureAlgorithm, key any, kid, typ string, v any) []byte {
	tb.Helper()
	opt := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if kid != "" {
		opt = opt.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opt)
	if err != nil {
		tb.Fatal(err)
	}
	t, err := jwt.Signed(s).Claims(v).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return []byte(t)
}

func claims(kind string, event map[string]any) map[string]any {
	return map[string]any{"iss": idp, "jti": "1", "iat": now.Unix(), "aud": []string{"other", "here"},
		"sub_id": map[string]any{"format": "opaque", "id": "alice"}, "events": map[string]any{caep + kind: event}}
}

func ecKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func receiver(keys ...jose.JSONWebKey) Receiver {
	return Receiver{Audience: "here", Transmitters: []Transmitter{{Issuer: "https://other.example.com"}, {Issuer: idp, Keys: jose.JSONWebKeySet{Keys: keys}}}}
}

func TestRead(t *testing.T) {
	key := ecKey(t)
	r := receiver(jose.JSONWebKey{Key: key.Public()})
	for _, row := range []struct {
		name  string
		kind  string
		event map[string]any
		want  Event
	}{
		{"risk, high", "risk-level-change", map[string]any{"current_level": "HIGH", "risk_reason": "PASSWORD_FOUND_IN_DATA_BREACH"},
			Event{Kind: RiskChanged, Level: wire.RiskHigh, Why: "PASSWORD_FOUND_IN_DATA_BREACH"}},
		{"risk, medium", "risk-level-change", map[string]any{"principal": "USER", "current_level": "MEDIUM", "reason_admin": "x"}, Event{Kind: RiskChanged, Level: wire.RiskMedium, Why: "x"}},
		{"risk, low, before", "risk-level-change", map[string]any{"current_level": "LOW", "event_timestamp": now.Add(-time.Hour).Unix()}, Event{Kind: RiskChanged, Level: wire.RiskLow, At: now.Add(-time.Hour)}},
		{"never later than it was made", "session-revoked", map[string]any{"event_timestamp": now.Add(time.Hour).Unix()}, Event{Kind: SessionRevoked}},
		{"a reason in languages", "session-revoked", map[string]any{"reason_admin": map[string]any{"fr": "oui", "en": "yes"}}, Event{Kind: SessionRevoked, Why: "yes"}},
		{"a password", "credential-change", map[string]any{"credential_type": "password", "change_type": "update"}, Event{Kind: CredentialChanged, Cleared: []wire.InteractionKind{wire.InteractionPassword}}},
		{"an authenticator", "credential-change", map[string]any{"credential_type": "app", "change_type": "delete"}, Event{Kind: CredentialChanged, Cleared: []wire.InteractionKind{wire.InteractionMFA}}},
		{"a further authenticator", "credential-change", map[string]any{"credential_type": "app", "change_type": "create"}, Event{Kind: CredentialChanged}},
	} {
		got, err := r.Read(sign(t, jose.ES256, key, "", "secevent+jwt", claims(row.kind, row.event)), now)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		row.want.ID, row.want.Issuer, row.want.User = "1", idp, "alice"
		if row.want.At.IsZero() {
			row.want.At = now
		}
		if d := cmp.Diff(&row.want, got); d != "" {
			t.Errorf("%s: %s", row.name, d)
		}
	}
}

// TestSubjects reads whom an event is about, also where drafts put it.
func TestSubjects(t *testing.T) {
	key := ecKey(t)
	r := receiver(jose.JSONWebKey{Key: key.Public()})
	issSub := map[string]any{"format": "iss_sub", "iss": idp, "sub": "bob"}
	for _, row := range []struct {
		name     string
		outside  any
		inside   any
		user     string
		accepted bool
	}{
		{"opaque", map[string]any{"format": "opaque", "id": "bob"}, nil, "bob", true},
		{"iss_sub", issSub, nil, "bob", true},
		{"complex", map[string]any{"format": "complex", "user": issSub}, nil, "bob", true},
		{"within the event", nil, issSub, "bob", true},
		{"the outer one counts", issSub, map[string]any{"format": "opaque", "id": "eve"}, "bob", true},
		{"complex in complex", map[string]any{"format": "complex", "user": map[string]any{"format": "complex", "user": issSub}}, nil, "", false},
		{"complex without a user", map[string]any{"format": "complex"}, nil, "", false},
		{"no format", map[string]any{"id": "bob"}, nil, "", false},
		{"no name", map[string]any{"format": "opaque", "id": "Bob Example"}, nil, "", false},
		{"text", "bob", nil, "", false},
		{"null", nil, nil, "", false},
	} {
		event := map[string]any{}
		if row.inside != nil {
			event["subject"] = row.inside
		}
		v := claims("session-revoked", event)
		if delete(v, "sub_id"); row.outside != nil {
			v["sub_id"] = row.outside
		}
		got, err := r.Read(sign(t, jose.ES256, key, "", "secevent+jwt", v), now)
		if accepted := err == nil; accepted != row.accepted || accepted && got.User != row.user {
			t.Errorf("%s: %v %v", row.name, got, err)
		}
	}
}

// TestKeys verifies by the issuer's keys alone, with the algorithm that is theirs.
func TestKeys(t *testing.T) {
	key, second := ecKey(t), ecKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	v := claims("session-revoked", map[string]any{})
	keys := []jose.JSONWebKey{{Key: key.Public(), KeyID: "a", Algorithm: "ES256"}, {Key: rsaKey.Public(), KeyID: "b"}}
	for _, row := range []struct {
		name  string
		token []byte
		keys  []jose.JSONWebKey
		code  string // "": accepted
	}{
		{"its key", sign(t, jose.ES256, key, "a", "secevent+jwt", v), keys, ""},
		{"an RSA key", sign(t, jose.PS256, rsaKey, "b", "secevent+jwt", v), keys, ""},
		{"no key id", sign(t, jose.ES256, key, "", "secevent+jwt", v), keys, ""},
		{"a long type", sign(t, jose.ES256, key, "a", "application/secevent+jwt", v), keys, ""},
		{"another key under its id", sign(t, jose.ES256, second, "a", "secevent+jwt", v), keys, AuthenticationFailed},
		{"another algorithm under its id", sign(t, jose.RS256, rsaKey, "a", "secevent+jwt", v), keys, InvalidKey},
		{"an unknown id", sign(t, jose.ES256, key, "c", "secevent+jwt", v), keys, InvalidKey},
		{"no keys", sign(t, jose.ES256, key, "a", "secevent+jwt", v), nil, InvalidKey},
		{"a private key in the configuration", sign(t, jose.ES256, key, "a", "secevent+jwt", v), []jose.JSONWebKey{{Key: key, KeyID: "a"}}, InvalidKey},
		{"a shared secret", sign(t, jose.HS256, make([]byte, 32), "a", "secevent+jwt", v), keys, InvalidRequest},
		{"another type", sign(t, jose.ES256, key, "a", "JWT", v), keys, InvalidRequest},
	} {
		_, err := receiver(row.keys...).Read(row.token, now)
		var e *Error
		if errors.As(err, &e); (row.code == "") != (err == nil) || e != nil && e.Code != row.code {
			t.Errorf("%s: %v, not %q", row.name, err, row.code)
		}
	}
}

func FuzzRead(f *testing.F) {
	key := ecKey(f)
	r := receiver(jose.JSONWebKey{Key: key.Public()})
	for _, kind := range []string{"session-revoked", "risk-level-change", "assurance-level-change"} {
		f.Add(sign(f, jose.ES256, key, "a", "secevent+jwt", claims(kind, map[string]any{"current_level": "LOW"})))
	}
	f.Add([]byte("a.b.c"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := r.Read(b, now)
		var refusal *Error
		if (e == nil) == (err == nil) || err != nil && !errors.As(err, &refusal) {
			t.Errorf("%v %v", e, err)
		}
		if e != nil && wire.CheckID(e.User) != nil {
			t.Errorf("the user is %q", e.User)
		}
	})
}

// FuzzEvent reads what stands behind a good signature.
func FuzzEvent(f *testing.F) {
	f.Add(`{"format":"opaque","id":"alice"}`, `{"current_level":"LOW"}`, caep+"risk-level-change")
	f.Add(`{"format":"complex","user":{"format":"iss_sub","iss":"`+idp+`","sub":"a"}}`, `{"credential_type":"app","change_type":"revoke","reason_admin":{"en":"x"}}`, caep+"credential-change")
	f.Add(`null`, `{"subject":{}}`, "x")
	f.Fuzz(func(t *testing.T, subject, event, typ string) {
		v := &set{Issuer: idp, ID: "1", Issued: jwt.NewNumericDate(now), Subject: []byte(subject), Events: map[string]json.RawMessage{typ: json.RawMessage(event)}}
		e, refusal := v.event()
		if (e == nil) == (refusal == nil) || e != nil && (wire.CheckID(e.User) != nil || len(e.Why) > 256 || e.At.After(now)) {
			t.Errorf("%v %v", e, refusal)
		}
	})
}
