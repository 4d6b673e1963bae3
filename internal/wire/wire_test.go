package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
)

func TestEnrolmentLink(t *testing.T) {
	want := EnrolmentLink{Controller: "[::1]:8443", CA: [32]byte{1, 2, 3}, Code: "a b&c"}
	for _, s := range []string{want.String(), "  " + want.String() + "\n", strings.Replace(want.String(), "tidegate:", "tidegate://", 1)} {
		got, err := ParseEnrolmentLink(s)
		if err != nil || got != want {
			t.Errorf("ParseEnrolmentLink(%q) = %+v, %v", s, got, err)
		}
	}
	good := want.String()
	for name, s := range map[string]string{
		"empty":                  "",
		"web address":            "https://example.com",
		"other tidegate":         "tidegate:open?app=x",
		"no code":                strings.Split(good, "&code=")[0],
		"two codes":              good + "&code=x",
		"cut fingerprint":        strings.Replace(good, "&code", "A&code", 1),
		"no port":                strings.Replace(good, "%3A8443", "", 1),
		"port 0":                 strings.Replace(good, "8443", "0", 1),
		"a host turned round":    strings.Replace(good, "%5B%3A%3A1%5D", "zta.evil.example"+url.QueryEscape("\u202e"), 1),
		"a host of likenesses":   strings.Replace(good, "%5B%3A%3A1%5D", url.QueryEscape("zta.b\u0430nk.example"), 1),
		"a host in a sentence":   strings.Replace(good, "%5B%3A%3A1%5D", url.QueryEscape("bank.example\u00a0(checked)"), 1),
		"path in the host":       strings.Replace(good, "%5B%3A%3A1%5D", "a%2Fb", 1),
		"a name too long":        good + "&name=" + strings.Repeat("a", MaxName+1),
		"a name that is no text": good + "&name=%ff",
		"too long":               good + "&x=" + strings.Repeat("a", MaxLink),
	} {
		if l, err := ParseEnrolmentLink(s); err == nil {
			t.Errorf("%s: accepted as %+v", name, l)
		}
	}
}

func FuzzEnrolmentLink(f *testing.F) {
	f.Add(EnrolmentLink{Controller: "zta.example.com:8443", Code: "abc"}.String())
	f.Add(EnrolmentLink{Controller: "zta.example.com:8443", Code: "abc", Name: "Über & Söhne"}.String())
	f.Add("tidegate://enrol?controller=a:1&ca=&code=x")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseEnrolmentLink(s)
		if err != nil {
			return
		}
		again, err := ParseEnrolmentLink(l.String())
		if err != nil || again != l {
			t.Errorf("%q parses as %+v, which does not survive: %+v, %v", s, l, again, err)
		}
	})
}

func TestEvents(t *testing.T) {
	var b bytes.Buffer
	e, err := NewEvent("7\nid: 8", "snapshot", map[string]string{"a": "b\nc"})
	if err != nil {
		t.Fatal(err)
	}
	e.WriteTo(&b)
	WriteHeartbeat(&b)
	Event{Name: "ended", Data: []byte("1\n2")}.WriteTo(&b)
	b.WriteString("data: half an event")
	alive := 0
	r := NewEventReader(&b)
	r.Alive = func() { alive++ }
	first, err := r.Next()
	if err != nil || first.Name != "snapshot" || first.ID != "7 id: 8" || string(first.Data) != `{"a":"b\nc"}` {
		t.Errorf("first event %+v, %v", first, err)
	}
	second, err := r.Next()
	if err != nil || second.Name != "ended" || second.ID != "" || string(second.Data) != "1 2" {
		t.Errorf("second event %+v, %v", second, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after the last event: %v", err)
	}
	if alive == 0 {
		t.Error("nobody was told that the stream is alive")
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

func TestEventReaderIsBounded(t *testing.T) {
	if _, err := NewEventReader(endless{}).Next(); err == nil || err == io.EOF {
		t.Errorf("an endless line ended with %v", err)
	}
	lines := strings.NewReader(strings.Repeat("data: "+strings.Repeat("x", 1<<20)+"\n", MaxEvent>>20+1))
	if _, err := NewEventReader(lines).Next(); err == nil || err == io.EOF {
		t.Errorf("an endless event ended with %v", err)
	}
}

func FuzzEventReader(f *testing.F) {
	f.Add([]byte("id: 1\nevent: a\ndata: {}\n\n:\n\ndata: x\ndata: y\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewEventReader(bytes.NewReader(b))
		for {
			e, err := r.Next()
			if err != nil {
				return
			}
			if len(e.Data) > len(b) {
				t.Fatalf("%d bytes out of %d", len(e.Data), len(b))
			}
		}
	})
}

func TestProblem(t *testing.T) {
	until := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	want := &Problem{Code: CodeLockedOut, Title: "Locked", Status: 429, Detail: "d", Until: until,
		Verdict: &Verdict{Entitlement: "e", NotAfter: until, Reason: Reason{Kind: ReasonMFA}, Interactions: []Interaction{{Kind: InteractionMFA}}}}
	w := httptest.NewRecorder()
	want.Write(w)
	got := ReadProblem(w.Code, w.Body)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("problem (-want +got):\n%s", d)
	}
	if !errors.Is(got, &Problem{Code: CodeLockedOut}) || errors.Is(got, &Problem{Code: CodeSignIn}) {
		t.Error("problems are not told apart by their code")
	}
	if p := ReadProblem(502, strings.NewReader("<html>")); p.Code != CodeInternal || p.Status != 502 {
		t.Errorf("a foreign answer reads as %+v", p)
	}
}

func FuzzProblem(f *testing.F) {
	f.Add([]byte(`{"type":"tag:tidegate.org,2026:denied","title":"x","verdict":{"allow":true}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p := ReadProblem(403, bytes.NewReader(b)); p.Title == "" || p.Status != 403 {
			t.Errorf("%q reads as %+v", b, p)
		}
	})
}

// FuzzMessages decodes every message that a peer may send.
func FuzzMessages(f *testing.F) {
	for _, v := range []any{EnrolRequest{Code: "c"}, SignInRequest{Device: DeviceClaims{"a": 1}}, AnswerRequest{Answers: []Answer{{Kind: InteractionMFA}}},
		Snapshot{Tokens: map[SiteID]string{"a": "b"}, Settings: DefaultSettings()}, SessionRequest{}, Verdicts{Verdicts: []Verdict{{}}}, GatewayReport{Records: []AuditRecord{{}}}} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{&EnrolRequest{}, &EnrolReply{}, &Hello{}, &SignInRequest{}, &SignInReply{}, &AnswerRequest{},
			&Snapshot{}, &SessionRequest{}, &Verdicts{}, &GatewayReport{}} {
			if ReadJSON(bytes.NewReader(b), v) != nil {
				continue
			}
			if _, err := json.Marshal(v); err != nil {
				t.Errorf("%T was decoded and cannot be encoded: %v", v, err)
			}
		}
	})
}

func TestReadJSONIsStrict(t *testing.T) {
	for _, s := range []string{`{"code":"x","other":1}`, `{"code":"x"} {}`, `{"code":`, `[]`, ""} {
		if err := ReadJSON(strings.NewReader(s), &EnrolRequest{}); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func TestDuration(t *testing.T) {
	var s Settings
	if err := json.Unmarshal([]byte(`{"idle":"90s"}`), &s); err != nil || s.Idle.D() != 90*time.Second {
		t.Errorf("90s reads as %v, %v", s.Idle, err)
	}
	for _, bad := range []string{`{"idle":"-1s"}`, `{"idle":"soon"}`, `{"idle":5}`} {
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestID(t *testing.T) {
	for _, good := range []string{"a", "wiki", "10-net.x_y", NewID(), strings.Repeat("a", MaxID)} {
		if err := CheckID(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-a", "A", "a b", "a/b", "é", strings.Repeat("a", MaxID+1)} {
		if CheckID(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// tokens is a signer with a device's certificate.
type tokens struct {
	key  *ecdsa.PrivateKey
	kid  string
	cert *x509.Certificate
	now  time.Time
}

func newTokens(t testing.TB) tokens {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kid, err := KeyID(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return tokens{key: key, kid: kid, cert: &x509.Certificate{Raw: []byte("device")}, now: time.Now().Truncate(time.Second)}
}

func (k tokens) base() Token {
	t := Token{ID: "j", Issuer: "i", Subject: "maya", Session: "s", Device: "d", Audience: jwt.Audience{"lab"},
		Issued: jwt.NewNumericDate(k.now), Expires: jwt.NewNumericDate(k.now.Add(time.Hour))}
	t.Confirm.Thumbprint = Thumbprint(k.cert.Raw)
	return t
}

func (k tokens) sign(t testing.TB, typ string, v any) string {
	s, err := Sign(k.key, k.kid, typ, v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokens(t *testing.T) {
	k := newTokens(t)
	keys := Keys{k.kid: k.key.Public()}
	claims := ClaimsToken{Token: k.base(), User: UserClaims{Name: "maya", Groups: []string{"staff"}}, Responses: map[InteractionKind]time.Time{InteractionMFA: k.now.UTC()}}
	ent := EntitlementToken{Token: k.base(), Site: Site{ID: "lab"}, Entitlements: []Entitlement{{ID: "e"}}}
	good := k.sign(t, TypeClaims, claims)
	got, err := keys.VerifyClaims(good, k.cert, k.now)
	if err != nil || cmp.Diff(claims.Responses, got.Responses) != "" || got.User.Groups[0] != "staff" {
		t.Fatalf("a good token reads as %+v, %v", got, err)
	}
	goodEnt := k.sign(t, TypeEntitlement, ent)
	if _, err := keys.VerifyEntitlement(goodEnt, "lab", k.cert, k.now); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadEntitlements(goodEnt); err != nil || r.Entitlements[0].ID != "e" {
		t.Fatalf("ReadEntitlements: %v", err)
	}
	without := func(change func(*ClaimsToken)) string {
		c := claims
		change(&c)
		return k.sign(t, TypeClaims, c)
	}
	other := newTokens(t)
	for name, token := range map[string]string{
		"expired":            without(func(c *ClaimsToken) { c.Expires = jwt.NewNumericDate(k.now) }),
		"not yet valid":      without(func(c *ClaimsToken) { c.Issued = jwt.NewNumericDate(k.now.Add(Leeway + time.Second)) }),
		"no expiry":          without(func(c *ClaimsToken) { c.Expires = nil }),
		"no issue":           without(func(c *ClaimsToken) { c.Issued = nil }),
		"no session":         without(func(c *ClaimsToken) { c.Session = "" }),
		"no subject":         without(func(c *ClaimsToken) { c.Subject = "" }),
		"not bound":          without(func(c *ClaimsToken) { c.Confirm.Thumbprint = "" }),
		"another device's":   without(func(c *ClaimsToken) { c.Confirm.Thumbprint = Thumbprint([]byte("x")) }),
		"another type":       goodEnt,
		"another signer":     other.sign(t, TypeClaims, claims),
		"a stolen key id":    func() string { s, _ := Sign(other.key, k.kid, TypeClaims, claims); return s }(),
		"unsigned":           "eyJhbGciOiJub25lIiwidHlwIjoiY2xhaW1zK2p3dCJ9.e30.",
		"HS256 over the key": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImNsYWltcytqd3QifQ.e30.AAAA",
		"nothing":            "",
		"cut off":            good[:len(good)-3],
	} {
		if _, err := keys.VerifyClaims(token, k.cert, k.now); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := keys.VerifyEntitlement(goodEnt, "elsewhere", k.cert, k.now); err == nil {
		t.Error("a token of another site was accepted")
	}
	if _, err := keys.VerifyClaims(good, nil, k.now); err == nil {
		t.Error("a token without a certificate was accepted")
	}
	// Every byte of a good token counts.
	for i := range good {
		b := []byte(good)
		b[i] ^= 1
		if v, err := keys.VerifyClaims(string(b), k.cert, k.now); err == nil && cmp.Diff(got, v) != "" {
			t.Errorf("byte %d flipped: accepted as something else", i)
		}
	}
}

func TestPolicyToken(t *testing.T) {
	k := newTokens(t)
	keys := Keys{k.kid: k.key.Public()}
	s := k.sign(t, TypePolicy, PolicyToken{Revision: 7, Revoked: map[SessionID]time.Time{"s": k.now.UTC()}})
	p, err := keys.VerifyPolicy(s)
	if err != nil || p.Revision != 7 || len(p.Revoked) != 1 {
		t.Fatalf("policy %+v, %v", p, err)
	}
	if _, err := keys.VerifyPolicy(k.sign(t, TypeClaims, PolicyToken{Revision: 7})); err == nil {
		t.Error("a token of another type was accepted")
	}
}

func FuzzTokens(f *testing.F) {
	k := newTokens(f)
	keys := Keys{k.kid: k.key.Public()}
	f.Add(k.sign(f, TypeClaims, ClaimsToken{Token: k.base()}))
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := keys.VerifyClaims(s, &x509.Certificate{Raw: []byte("another")}, k.now); err == nil {
			t.Errorf("%q was accepted for another device", s)
		}
		ReadEntitlements(s)
		keys.VerifyPolicy(s)
	})
}
