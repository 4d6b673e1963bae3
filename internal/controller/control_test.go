package controller

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestControlChannel goes through a session's whole life on both transports.
func TestControlChannel(t *testing.T) {
	transports(t, func(t *testing.T, h3 bool) {
		r := newRig(t)
		alice := enrolled(t, r, "alice", h3)
		var h wire.Hello
		status, _, b := alice.do(t, "GET", wire.PathHello, nil)
		if err := json.Unmarshal(b, &h); err != nil || status != 200 || h.User != "alice" || !h.Code || h.Controller != "Example Ltd" || time.Since(h.At) > time.Minute {
			t.Fatalf("hello: %d %s", status, b)
		}
		code, next := aliceCode(t, 0), aliceCode(t, 1) // both good for a step to come
		reply := alice.signIn(t, wire.SignInRequest{User: "alice", Password: alicePassword, Code: code})
		if until := time.Until(reply.Expires); until > 24*time.Hour || until < 23*time.Hour {
			t.Errorf("the cookie lives for %v", until)
		}
		f := alice.open(t, wire.PathEvents)
		if wantProto := map[bool]string{false: "HTTP/2.0", true: "HTTP/3.0"}[h3]; f.proto != wantProto {
			t.Errorf("the transport is %s, not %s", f.proto, wantProto)
		}
		var s wire.Snapshot
		f.next(wire.EventSnapshot, &s)
		if s.User != "alice" || s.DisplayName != "Alice Example" || s.Session != reply.Session || s.Settings != wire.DefaultSettings() || !s.Expires.Equal(reply.Expires) {
			t.Errorf("the snapshot is %+v", s)
		}
		claims, err := r.keys().VerifyClaims(s.ClaimsToken, alice.cert.Leaf, time.Now())
		if err != nil || claims.User.Name != "alice" || len(claims.User.Groups) != 2 || claims.System.Address != "127.0.0.1" || claims.Session != reply.Session || len(claims.Responses) != 0 {
			t.Errorf("the claims are %+v: %v", claims, err)
		}
		ent, err := r.keys().VerifyEntitlement(s.Tokens["hq"], "hq", alice.cert.Leaf, time.Now())
		if err != nil || len(ent.Entitlements) != 2 || ent.Site.Gateways[0].Name != "gw1" {
			t.Errorf("the entitlements are %+v: %v", ent, err)
		}

		status, _, b = alice.do(t, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: wire.InteractionMFA, Value: code}}})
		want(t, "a code used at the sign-in", status, b, wire.CodeAnswer)
		answered := time.Now()
		status, _, b = alice.do(t, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{
			{Kind: wire.InteractionMFA, Value: next}, {Kind: wire.InteractionReason, Value: "because"},
		}})
		if status != http.StatusNoContent {
			t.Fatalf("answers: %d %s", status, b)
		}
		var s2 wire.Snapshot
		f.next(wire.EventSnapshot, &s2)
		if s2.Revision <= s.Revision || s2.Tokens["hq"] != s.Tokens["hq"] {
			t.Errorf("after an answer: revision %d after %d, another entitlement token %v", s2.Revision, s.Revision, s2.Tokens["hq"] != s.Tokens["hq"])
		}
		claims, err = r.keys().VerifyClaims(s2.ClaimsToken, alice.cert.Leaf, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []wire.InteractionKind{wire.InteractionMFA, wire.InteractionReason} {
			if at := claims.Responses[kind]; !at.Equal(policy.Stamp(answered, 15*time.Minute)) && !at.Equal(policy.Stamp(time.Now(), 15*time.Minute)) {
				t.Errorf("%s is stamped %v", kind, at)
			}
		}

		status, _, _ = alice.do(t, "DELETE", wire.PathSession, nil)
		if status != http.StatusNoContent {
			t.Errorf("sign-out: %d", status)
		}
		var ended wire.Problem
		f.next(wire.EventEnded, &ended)
		if ended.Code != wire.CodeSignedOut {
			t.Errorf("the stream ended with %s", ended.Code)
		}
		f.ends()
		status, _, b = alice.do(t, "GET", wire.PathEvents, nil)
		want(t, "the cookie after the sign-out", status, b, wire.CodeNoSession)
	})
}

func TestNewerStreamReplacesOlder(t *testing.T) {
	transports(t, func(t *testing.T, h3 bool) {
		r := newRig(t)
		bob := enrolled(t, r, "bob", h3)
		bob.signInBob(t)
		var s1, s2 wire.Snapshot
		older := bob.open(t, wire.PathEvents)
		older.next(wire.EventSnapshot, &s1)
		newer := bob.open(t, wire.PathEvents)
		newer.next(wire.EventSnapshot, &s2)
		older.ends()
		if s2.Revision <= s1.Revision {
			t.Errorf("revision %d after %d", s2.Revision, s1.Revision)
		}
	})
}

func TestSignInAgainEndsTheFirst(t *testing.T) {
	r := newRig(t)
	bob := enrolled(t, r, "bob", false)
	bob.signInBob(t)
	var s wire.Snapshot
	f := bob.open(t, wire.PathEvents)
	f.next(wire.EventSnapshot, &s)
	bob.signInBob(t)
	var ended wire.Problem
	f.next(wire.EventEnded, &ended)
	if ended.Code != wire.CodeSignedOut {
		t.Errorf("ended with %s", ended.Code)
	}
	if all, err := r.Sessions(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("sessions: %v %v", all, err)
	}
}

func TestRenewal(t *testing.T) {
	conf := exampleConfig(t)
	conf.ClaimsLifetime, conf.EntitlementLifetime = 2*time.Second, time.Hour
	r := start(t, conf, &store.Memory{}, t.TempDir())
	bob := enrolled(t, r, "bob", false)
	bob.signInBob(t)
	f := bob.open(t, wire.PathEvents)
	var s1, s2 wire.Snapshot
	f.next(wire.EventSnapshot, &s1)
	f.next(wire.EventSnapshot, &s2)
	if s1.ClaimsToken == s2.ClaimsToken || s1.Tokens["hq"] != s2.Tokens["hq"] {
		t.Error("the wrong token was renewed")
	}
	if _, err := r.keys().VerifyClaims(s2.ClaimsToken, bob.cert.Leaf, time.Now()); err != nil {
		t.Errorf("the renewed token came too late: %v", err)
	}
}

func TestReload(t *testing.T) {
	r := newRig(t)
	alice, bob := enrolled(t, r, "alice", false), enrolled(t, r, "bob", false)
	alice.signInAlice(t)
	bob.signInBob(t)
	fa, fb := alice.open(t, wire.PathEvents), bob.open(t, wire.PathEvents)
	var s wire.Snapshot
	fa.next(wire.EventSnapshot, &s)
	fb.next(wire.EventSnapshot, &s)
	conf := exampleConfig(t)
	delete(conf.Users, "alice")
	conf.Title = "Renamed"
	if err := r.Reload(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	var ended wire.Problem
	fa.next(wire.EventEnded, &ended)
	if ended.Code != wire.CodeRevoked {
		t.Errorf("ended with %s", ended.Code)
	}
	fb.next(wire.EventSnapshot, &s)
	if s.Controller != "Renamed" {
		t.Errorf("the snapshot is of %s", s.Controller)
	}
}

// TestWithoutUDP serves HTTP/2 alone, and no TLS older than 1.3.
func TestWithoutUDP(t *testing.T) {
	conf := exampleConfig(t)
	c, err := New(Options{Config: conf, Store: &store.Memory{}, StateDir: t.TempDir(), DisableUDP: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	udp, err := net.ListenPacket("udp", c.Addr())
	if err != nil {
		t.Errorf("the UDP port is taken: %v", err)
	} else {
		udp.Close()
	}
	r := &rig{Controller: c}
	bob := enrolled(t, r, "bob", false)
	bob.signInBob(t)
	f := bob.open(t, wire.PathEvents)
	var s wire.Snapshot
	f.next(wire.EventSnapshot, &s)
	if conn, err := tls.Dial("tcp", c.Addr(), &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true}); err == nil {
		conn.Close()
		t.Error("TLS 1.2 is served")
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	f.ends()
}
