package controller

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestEnrolmentOnce redeems one code 200 times at once.
func TestEnrolmentOnce(t *testing.T) {
	r := newRig(t)
	link, err := r.NewEnrolment(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	request := csr(t, key)
	clients := []*http.Client{newClient(t, link.CA, nil, false), newClient(t, link.CA, nil, true)}
	var won, void, busy atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			for {
				status, _, b := call(t, clients[i%2], link.Controller, "POST", wire.PathEnrol, nil, wire.EnrolRequest{Code: link.Code, CSR: request})
				switch p := wire.ReadProblem(status, bytes.NewReader(b)); {
				case status == http.StatusOK:
					won.Add(1)
				case p.Code == wire.CodeEnrolCode:
					void.Add(1)
				case p.Code == wire.CodeOverload:
					busy.Add(1)
					continue // as it asks to
				default:
					t.Errorf("%d %s", status, b)
				}
				return
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || void.Load() != 199 {
		t.Errorf("%d redeemed, %d refused, %d times busy", won.Load(), void.Load(), busy.Load())
	}
}

func TestEnrolmentRefused(t *testing.T) {
	r := newRig(t)
	link, err := r.NewEnrolment(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, link.CA, nil, false)
	good := csr(t, newKey(t))
	tampered := []byte(good)
	block, _ := pem.Decode(tampered)
	block.Bytes[len(block.Bytes)-3] ^= 1
	for _, row := range []struct {
		name string
		body any
		code wire.Code
	}{
		{"wrong code", wire.EnrolRequest{Code: "wrong", CSR: good}, wire.CodeEnrolCode},
		{"no code", wire.EnrolRequest{CSR: good}, wire.CodeEnrolCode},
		{"no csr", wire.EnrolRequest{Code: link.Code}, wire.CodeBadRequest},
		{"forged csr", wire.EnrolRequest{Code: link.Code, CSR: string(pem.EncodeToMemory(block))}, wire.CodeBadRequest},
		{"unknown member", `{"code":"x","csr":"y","admin":true}`, wire.CodeBadRequest},
		{"not json", `<xml/>`, wire.CodeBadRequest},
		{"too large", strings.Repeat(" ", wire.MaxBody+1), wire.CodeBadRequest},
		{"long hostname", wire.EnrolRequest{Code: link.Code, CSR: good, Hostname: strings.Repeat("x", 300)}, wire.CodeBadRequest},
	} {
		status, _, b := call(t, c, link.Controller, "POST", wire.PathEnrol, nil, row.body)
		want(t, row.name, status, b, row.code)
	}
	if status, _, b := call(t, c, link.Controller, "POST", wire.PathEnrol, nil, wire.EnrolRequest{Code: link.Code, CSR: good}); status != http.StatusOK {
		t.Errorf("a malformed request used the code up: %d %s", status, b)
	}
	status, _, b := call(t, c, link.Controller, "POST", wire.PathEnrol, nil, wire.EnrolRequest{Code: link.Code, CSR: good})
	want(t, "a used code", status, b, wire.CodeEnrolCode)
	if _, err := r.NewEnrolment(t.Context(), "mallory"); err == nil {
		t.Error("a link for an unknown user")
	}
}

// TestIdentities asks for every path with every kind of certificate.
func TestIdentities(t *testing.T) {
	r := newRig(t)
	bob := enrolled(t, r, "bob", false)
	bob.signInBob(t)
	gw := enrolledGateway(t, r)
	other := newKey(t)
	foreign := &authority{key: other}
	ca, err := foreign.selfSign("mallory")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(ca)
	if foreign.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	leaf := func(a *authority, kind, id string, usage x509.ExtKeyUsage) *tls.Certificate {
		key := newKey(t)
		der, err := a.issue(key.Public(), identityURI(kind, id), nil, usage)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	unknown := leaf(r.authority, identityDevice, "unknown", x509.ExtKeyUsageClientAuth)
	sameID := leaf(r.authority, identityDevice, bob.id, x509.ExtKeyUsageClientAuth)
	filler := leaf(r.authority, identityDevice, "unknown", x509.ExtKeyUsageClientAuth)
	filler.Certificate = append(filler.Certificate, bob.cert.Certificate[0]) // the victim's behind the attacker's
	device := []string{wire.PathHello, wire.PathSession, wire.PathEvents, wire.PathAnswers, wire.PathDevice}
	gateway := []string{wire.PathGatewayKeys, wire.PathGatewayEvents, wire.PathGatewayReport, wire.PathGatewayAlert, wire.PathGatewayWake}
	methods := map[string]string{wire.PathSession: "POST", wire.PathAnswers: "POST", wire.PathDevice: "PUT", wire.PathGatewayReport: "POST", wire.PathGatewayAlert: "POST", wire.PathGatewayWake: "POST"}
	for _, row := range []struct {
		name  string
		cert  *tls.Certificate
		paths []string
	}{
		{"none", nil, append(device, gateway...)},
		{"unknown device", unknown, append(device, gateway...)},
		{"another key with a device's id", sameID, append(device, gateway...)},
		{"a victim's certificate behind the leaf", filler, append(device, gateway...)},
		{"a device at the gateways' paths", &bob.cert, gateway},
		{"a gateway at the devices' paths", &gw.cert, device},
	} {
		c := newClient(t, r.authority.fingerprint(), row.cert, false)
		for _, path := range row.paths {
			method := methods[path]
			if method == "" {
				method = "GET"
			}
			status, _, b := call(t, c, r.Addr(), method, path, bob.cookie, "{}")
			want(t, row.name+" "+path, status, b, wire.CodeDevice)
		}
	}
	for name, cert := range map[string]*tls.Certificate{
		"of a foreign CA": leaf(foreign, identityDevice, bob.id, x509.ExtKeyUsageClientAuth),
		"for servers":     leaf(r.authority, identityDevice, bob.id, x509.ExtKeyUsageServerAuth),
	} {
		c := newClient(t, r.authority.fingerprint(), cert, false)
		if w, err := c.Get("https://" + r.Addr() + wire.PathHello); err == nil {
			w.Body.Close()
			t.Errorf("a certificate %s was let in: %d", name, w.StatusCode)
		}
	}
	status, _, b := bob.do(t, "GET", "/v1/nothing", nil)
	want(t, "an unknown path", status, b, wire.CodeNotFound)
	status, h, b := bob.do(t, "PUT", wire.PathSession, nil)
	want(t, "an unknown method", status, b, wire.CodeNotAllowed)
	if h.Get("Allow") != "DELETE, POST" {
		t.Errorf("Allow: %s", h.Get("Allow"))
	}
}

// TestSignInTellsNothing compares the answers to all that can be wrong.
func TestSignInTellsNothing(t *testing.T) {
	conf := exampleConfig(t)
	conf.Lockout.After = 100
	r := start(t, conf, &store.Memory{}, t.TempDir())
	alice := enrolled(t, r, "alice", false)
	answers, n := map[string]string{}, 0
	for name, q := range map[string]wire.SignInRequest{
		"password":      {User: "alice", Password: "wrong", Code: aliceCode(t, 0)},
		"code":          {User: "alice", Password: alicePassword, Code: "000000"},
		"no code":       {User: "alice", Password: alicePassword},
		"both":          {User: "alice", Password: "wrong", Code: "000000"},
		"empty":         {User: "alice"},
		"an older code": {User: "alice", Password: alicePassword, Code: aliceCode(t, -3)},
	} {
		status, h, b := alice.do(t, "POST", wire.PathSession, q)
		want(t, name, status, b, wire.CodeSignIn)
		h.Del("Date")
		n++ // each counts the same
		b = bytes.Replace(b, fmt.Appendf(nil, `"left":%d`, conf.Lockout.After-n), []byte(`"left":…`), 1)
		answers[fmt.Sprintf("%d %v %s", status, h, b)] += name + " "
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
	for name, q := range map[string]wire.SignInRequest{
		"right": {User: "bob", Password: bobPassword}, "wrong": {User: "bob", Password: "x"}, "nobody": {User: "nobody"},
	} {
		status, _, b := alice.do(t, "POST", wire.PathSession, q)
		want(t, "another user, "+name, status, b, wire.CodeOtherUser)
	}
	code := aliceCode(t, 0)
	alice.signIn(t, wire.SignInRequest{User: "alice", Password: alicePassword, Code: code})
	status, _, b := alice.do(t, "POST", wire.PathSession, wire.SignInRequest{User: "alice", Password: alicePassword, Code: code})
	want(t, "a replayed code", status, b, wire.CodeSignIn)
	status, _, b = alice.do(t, "POST", wire.PathSession, wire.SignInRequest{User: "alice", Device: wire.DeviceClaims{"x": map[string]any{}}})
	want(t, "a claim that is none", status, b, wire.CodeBadRequest)
}

// TestCodeOnce signs in with one code many times at once.
func TestCodeOnce(t *testing.T) {
	conf := exampleConfig(t)
	conf.Lockout.After = 100
	r := start(t, conf, &store.Memory{}, t.TempDir())
	alice := enrolled(t, r, "alice", false)
	q := wire.SignInRequest{User: "alice", Password: alicePassword, Code: aliceCode(t, 0)}
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			status, _, b := call(t, alice.client, r.Addr(), "POST", wire.PathSession, nil, q)
			if status == http.StatusOK {
				won.Add(1)
			} else {
				want(t, "the same code", status, b, wire.CodeSignIn)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("one code signed in %d times", won.Load())
	}
}

func TestAnswersAllOrNothing(t *testing.T) {
	r := newRig(t)
	alice := enrolled(t, r, "alice", false)
	alice.signInAlice(t)
	for _, row := range []struct {
		name    string
		answers []wire.Answer
		code    wire.Code
	}{
		{"none", nil, wire.CodeBadRequest},
		{"unknown", []wire.Answer{{Kind: "sms", Value: "1"}}, wire.CodeBadRequest},
		{"twice", []wire.Answer{{Kind: "message"}, {Kind: "message"}}, wire.CodeBadRequest},
		{"empty reason", []wire.Answer{{Kind: "message"}, {Kind: "reason", Value: " "}}, wire.CodeAnswer},
		{"wrong password, right code", []wire.Answer{{Kind: "password", Value: "x"}, {Kind: "mfa", Value: aliceCode(t, 1)}}, wire.CodeAnswer},
		{"right password, wrong code", []wire.Answer{{Kind: "password", Value: alicePassword}, {Kind: "mfa", Value: "000000"}}, wire.CodeAnswer},
	} {
		status, _, b := alice.do(t, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: row.answers})
		want(t, row.name, status, b, row.code)
	}
	s, err := r.sessions().get(t.Context(), sessionKey(alice.cookie.Value))
	if err != nil || len(s.Responses) != 0 {
		t.Errorf("a refused answer left %v: %v", s.Responses, err)
	}
	status, _, b := alice.do(t, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{
		{Kind: "password", Value: alicePassword}, {Kind: "mfa", Value: aliceCode(t, 1)}, {Kind: "reason", Value: "audit"}, {Kind: "message"},
	}})
	if status != http.StatusNoContent {
		t.Fatalf("a code refused for the password's sake was used up: %d %s", status, b)
	}
	if s, err = r.sessions().get(t.Context(), sessionKey(alice.cookie.Value)); err != nil || len(s.Responses) != 4 {
		t.Errorf("the answers left %v: %v", s.Responses, err)
	}
}

// TestCookieOnAnotherDevice presents a cookie with another device's key.
func TestCookieOnAnotherDevice(t *testing.T) {
	r := newRig(t)
	bob, thief := enrolled(t, r, "bob", false), enrolled(t, r, "bob", true)
	bob.signInBob(t)
	f := bob.open(t, wire.PathEvents)
	var s wire.Snapshot
	f.next(wire.EventSnapshot, &s)
	thief.cookie = bob.cookie
	for _, q := range [][2]string{{"GET", wire.PathEvents}, {"POST", wire.PathAnswers}, {"DELETE", wire.PathSession}} {
		status, _, b := thief.do(t, q[0], q[1], "{}")
		want(t, q[1]+" with a stolen cookie", status, b, wire.CodeNoSession)
	}
	if audited(r, "cookie-other-device") != 3 || !strings.Contains(r.log.String(), "cookie-other-device") {
		t.Error("the theft is not in the audit")
	}
	if strings.Contains(r.log.String(), bob.cookie.Value) {
		t.Error("the cookie is in the log")
	}
	status, _, b := bob.do(t, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: "message"}}})
	if status != http.StatusNoContent {
		t.Errorf("the original session: %d %s", status, b)
	}
	f.next(wire.EventSnapshot, &s)
	bob.cookie = &http.Cookie{Name: wire.CookieName, Value: "forged"}
	status, _, b = bob.do(t, "GET", wire.PathEvents, nil)
	want(t, "a forged cookie", status, b, wire.CodeNoSession)
	bob.cookie = nil
	status, _, b = bob.do(t, "GET", wire.PathEvents, nil)
	want(t, "no cookie", status, b, wire.CodeNoSession)
}

// TestRenewAt has tokens renewed 5 minutes before their end, or half-way.
func TestRenewAt(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name          string
		life, session time.Duration
		want          time.Time
	}{
		{"a day", 24 * time.Hour, 48 * time.Hour, now.Add(24*time.Hour - 5*time.Minute)},
		{"six minutes", 6 * time.Minute, time.Hour, now.Add(3 * time.Minute)},
		{"as long as the session", time.Hour, time.Hour, time.Time{}},
	} {
		s := sessionRecord{Expires: now.Add(row.session)}
		if got := renewAt(now, end(now, row.life, s), s.Expires); !got.Equal(row.want) {
			t.Errorf("%s: renewed at %v, not %v", row.name, got, row.want)
		}
	}
}
