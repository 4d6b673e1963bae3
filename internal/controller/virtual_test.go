package controller

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// inBubble makes a controller and a device of alice's in virtual time; ask
// calls a handler with the device's certificate.
func inBubble(t *testing.T, conf *config.Config, dir string) (c *Controller, ask func(method, path, body string, cookie *http.Cookie) *httptest.ResponseRecorder) {
	t.Helper()
	c, err := New(Options{Config: conf, Store: &store.Memory{}, StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	h := c.handler()
	key := newKey(t)
	reply, err := c.enrolDevice(t.Context(), "alice", &key.PublicKey, wire.EnrolRequest{})
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(reply.Certificate))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c, func(method, path, body string, cookie *http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
}

func aliceSignIn(t *testing.T) string {
	return fmt.Sprintf(`{"user":"alice","password":%q,"code":%q,"device":{}}`, alicePassword, aliceCode(t, 0))
}

func TestLockout(t *testing.T) {
	conf, dir := exampleConfig(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c, ask := inBubble(t, conf, dir)
		try := func(q string) (int, *wire.Problem) {
			w := ask("POST", wire.PathSession, q, nil)
			return w.Code, wire.ReadProblem(w.Code, w.Body)
		}
		const bad = `{"user":"alice","password":"wrong","device":{}}`
		fail := func(when string) {
			t.Helper()
			for i := range 4 {
				if _, p := try(bad); p.Code != wire.CodeSignIn || p.Left != 4-i {
					t.Fatalf("failure %d %s: %v, %d left", i+1, when, p, p.Left)
				}
			}
		}
		fail("at first")
		until := time.Now().Add(time.Minute)
		if _, p := try(bad); p.Code != wire.CodeLockedOut || !p.Until.Equal(until) {
			t.Fatalf("the fifth failure: %v until %v", p, p.Until)
		}
		time.Sleep(59 * time.Second)
		if _, p := try(aliceSignIn(t)); p.Code != wire.CodeLockedOut || !p.Until.Equal(until) {
			t.Errorf("the right password within the lock-out: %v", p)
		}
		time.Sleep(time.Second)
		fail("after the lock-out")
		if status, p := try(aliceSignIn(t)); status != http.StatusOK {
			t.Fatalf("the right password at the fifth try: %v", p)
		}
		fail("after a success")
		if n := audited(&rig{Controller: c}, "locked-out"); n != 1 {
			t.Errorf("%d refusals of the locked-out are in the audit", n)
		}
	})
}

// TestAnswersShareTheLockout fails at answers and at the sign-in in turn.
func TestAnswersShareTheLockout(t *testing.T) {
	conf, dir := exampleConfig(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		_, ask := inBubble(t, conf, dir)
		cookie := ask("POST", wire.PathSession, aliceSignIn(t), nil).Result().Cookies()[0]
		const wrongCode, wrongPassword = `{"answers":[{"kind":"mfa","value":"000000"}]}`, `{"user":"alice","password":"x","device":{}}`
		codes := []wire.Code{}
		for range 3 {
			w := ask("POST", wire.PathAnswers, wrongCode, cookie)
			codes = append(codes, wire.ReadProblem(w.Code, w.Body).Code)
			w = ask("POST", wire.PathSession, wrongPassword, nil)
			codes = append(codes, wire.ReadProblem(w.Code, w.Body).Code)
		}
		want := []wire.Code{wire.CodeAnswer, wire.CodeSignIn, wire.CodeAnswer, wire.CodeSignIn, wire.CodeLockedOut, wire.CodeLockedOut}
		if d := cmp.Diff(want, codes); d != "" {
			t.Error(d)
		}
	})
}

// TestPasswordDoesNotBuyCodes guesses one-time codes with the right password in
// between, as whoever stole it would: that clears no wrong code from the count.
func TestPasswordDoesNotBuyCodes(t *testing.T) {
	conf, dir := exampleConfig(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		_, ask := inBubble(t, conf, dir)
		cookie := ask("POST", wire.PathSession, aliceSignIn(t), nil).Result().Cookies()[0]
		answer := func(kind wire.InteractionKind, value string) (int, wire.Code) {
			w := ask("POST", wire.PathAnswers, fmt.Sprintf(`{"answers":[{"kind":%q,"value":%q}]}`, kind, value), cookie)
			return w.Code, wire.ReadProblem(w.Code, w.Body).Code
		}
		for i := range 4 {
			if _, code := answer(wire.InteractionMFA, "000000"); code != wire.CodeAnswer {
				t.Fatalf("guess %d: %s", i+1, code)
			}
			if status, code := answer(wire.InteractionPassword, alicePassword); status != http.StatusNoContent {
				t.Fatalf("the password after guess %d: %s", i+1, code)
			}
		}
		if _, code := answer(wire.InteractionMFA, "000000"); code != wire.CodeLockedOut {
			t.Errorf("the fifth guess: %s", code)
		}
		time.Sleep(time.Minute)
		for range 4 {
			answer(wire.InteractionMFA, "000000")
		}
		if status, code := answer(wire.InteractionMFA, aliceCode(t, 0)); status != http.StatusNoContent {
			t.Fatalf("the right code: %s", code)
		}
		for range 4 { // the right code has cleared the count
			if _, code := answer(wire.InteractionMFA, "000000"); code != wire.CodeAnswer {
				t.Errorf("a guess after the right code: %s", code)
			}
		}
	})
}

// TestParallelGuesses sends a hundred at once: no more are judged than one after
// the other would be.
func TestParallelGuesses(t *testing.T) {
	conf, dir := exampleConfig(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c, ask := inBubble(t, conf, dir)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { ask("POST", wire.PathSession, `{"user":"alice","password":"wrong","device":{}}`, nil) })
		}
		wg.Wait()
		r := &rig{Controller: c}
		if judged := audited(r, "sign-in-failed"); judged != conf.Lockout.After || audited(r, "locked-out") != 100-judged {
			t.Errorf("%d of 100 guesses were judged, %d refused", judged, audited(r, "locked-out"))
		}
		w := ask("POST", wire.PathSession, aliceSignIn(t), nil)
		if p := wire.ReadProblem(w.Code, w.Body); p.Code != wire.CodeLockedOut {
			t.Errorf("the right password behind them: %v", p)
		}
	})
}

// TestSessionLife holds an event stream from the sign-in to the cookie's end.
func TestSessionLife(t *testing.T) {
	conf, dir := exampleConfig(t), t.TempDir()
	conf.CookieLifetime, conf.EntitlementLifetime = 50*time.Hour, 48*time.Hour
	synctest.Test(t, func(t *testing.T) {
		_, ask := inBubble(t, conf, dir)
		cookie := ask("POST", wire.PathSession, aliceSignIn(t), nil).Result().Cookies()[0]
		start := time.Now()
		body := ask("GET", wire.PathEvents, "", cookie).Body
		if lasted := time.Since(start); lasted != 50*time.Hour {
			t.Errorf("the stream lasted %v", lasted)
		}
		beats := strings.Count(body.String(), ":\n\n")
		if most := int(50 * time.Hour / wire.Heartbeat); beats < most-1 || beats > most {
			t.Errorf("%d heartbeats", beats)
		}
		r := wire.NewEventReader(body)
		var got []string
		var last wire.Snapshot
		for {
			e, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == wire.EventEnded {
				p := wire.Problem{}
				if err := json.Unmarshal(e.Data, &p); err != nil {
					t.Fatal(err)
				}
				got = append(got, "ended "+string(p.Code))
				continue
			}
			var s wire.Snapshot
			if err := json.Unmarshal(e.Data, &s); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%v claims=%v entitlements=%v", s.At.Sub(start), s.ClaimsToken != last.ClaimsToken, s.Tokens["hq"] != last.Tokens["hq"]))
			last = s
		}
		want := []string{
			"0s claims=true entitlements=true",
			"23h55m0s claims=true entitlements=false",
			"47h50m0s claims=true entitlements=false",
			"47h55m0s claims=false entitlements=true",
			"ended no-session",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		w := ask("GET", wire.PathEvents, "", cookie)
		if p := wire.ReadProblem(w.Code, w.Body); p.Code != wire.CodeNoSession {
			t.Errorf("after the cookie's end: %v", p)
		}
	})
}
