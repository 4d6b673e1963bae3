package controller

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store/natskv"
	"github.com/tidegate/tidegate/internal/wire"
)

func openNATS(t *testing.T, dir string) *natskv.Store {
	t.Helper()
	s, err := natskv.Open(t.Context(), natskv.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestRestart reopens the same state directory and finds everything there.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := openNATS(t, dir+"/store")
	r := start(t, exampleConfig(t), s, dir)
	alice, bob, gone := enrolled(t, r, "alice", false), enrolled(t, r, "bob", true), enrolled(t, r, "bob", false)
	gw := enrolledGateway(t, r)
	used := aliceCode(t, 0)
	alice.signIn(t, wire.SignInRequest{User: "alice", Password: alicePassword, Code: used})
	bob.signInBob(t)
	first := gone.signInBob(t)
	if err := r.RevokeDevice(t.Context(), wire.DeviceID(gone.id)); err != nil {
		t.Fatal(err)
	}
	link, err := r.NewEnrolment(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	f := alice.open(t, wire.PathEvents)
	var before, after wire.Snapshot
	f.next(wire.EventSnapshot, &before)
	g := gw.open(t, wire.PathGatewayEvents)
	revision := policyOf(t, r, g).Revision
	ca, addr := string(r.CA()), r.Addr()
	r.stop()
	f.ends()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	conf := exampleConfig(t)
	conf.Listen = addr
	s = openNATS(t, dir+"/store")
	r = start(t, conf, s, dir)
	defer r.stop()
	if string(r.CA()) != ca {
		t.Fatal("the CA is another")
	}
	for _, p := range []*peer{alice, bob, gone, gw} {
		p.r = r
		p.client.CloseIdleConnections()
		p.client = newClient(t, r.authority.fingerprint(), &p.cert, false)
	}
	alice.open(t, wire.PathEvents).next(wire.EventSnapshot, &after)
	if after.Session != before.Session || after.Revision <= before.Revision {
		t.Errorf("the session is %s at %d, was %s at %d", after.Session, after.Revision, before.Session, before.Revision)
	}
	bob.open(t, wire.PathEvents).next(wire.EventSnapshot, &after)
	status, _, b := gone.do(t, "GET", wire.PathHello, nil)
	want(t, "a revoked device", status, b, wire.CodeDevice)
	p := policyOf(t, r, gw.open(t, wire.PathGatewayEvents))
	if p.Revision <= revision || p.Revoked[first.Session].IsZero() {
		t.Errorf("the policy is at %d after %d and revokes %v", p.Revision, revision, p.Revoked)
	}
	status, _, b = alice.do(t, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: "mfa", Value: used}}})
	want(t, "a code used before the restart", status, b, wire.CodeAnswer)
	link.Controller = r.Addr()
	enrolWith(t, r, link, false)
	configured := wire.EnrolmentLink{Controller: r.Addr(), CA: r.authority.fingerprint(), Code: "a-code-for-tests-alone-0001"}
	if got := enrolWith(t, r, configured, false); got.id != "gw1" {
		t.Errorf("the configured code enrols %s", got.id)
	}
	if err := r.configuredCodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, _, b = call(t, newClient(t, configured.CA, nil, false), r.Addr(), "POST", wire.PathEnrol, nil, wire.EnrolRequest{Code: configured.Code, CSR: csr(t, newKey(t))})
	want(t, "a configured code, again", status, b, wire.CodeEnrolCode)
	status, _, b = gw.do(t, "GET", wire.PathGatewayKeys, nil)
	want(t, "the gateway's old certificate", status, b, wire.CodeDevice)
}

// policyOf reads the next policy token of a gateway's stream.
func policyOf(t *testing.T, r *rig, f *feedReader) *wire.PolicyToken {
	t.Helper()
	var token string
	f.next(wire.EventPolicy, &token)
	p, err := r.keys().VerifyPolicy(token)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRevocation ends sessions by session, user and device.
func TestRevocation(t *testing.T) {
	for _, row := range []struct {
		name   string
		revoke func(t *testing.T, socket string, s wire.SessionID, p *peer) error
		ended  wire.Code
		again  wire.Code // of the next sign-in; "" succeeds
	}{
		{"session", func(t *testing.T, socket string, s wire.SessionID, _ *peer) error {
			return AdminRevokeSession(t.Context(), socket, s)
		}, wire.CodeRevoked, ""},
		{"user", func(t *testing.T, socket string, _ wire.SessionID, _ *peer) error {
			return AdminRevokeUser(t.Context(), socket, "bob")
		}, wire.CodeRevoked, wire.CodeSignIn},
		{"device", func(t *testing.T, socket string, _ wire.SessionID, p *peer) error {
			return AdminRevokeDevice(t.Context(), socket, wire.DeviceID(p.id))
		}, wire.CodeDevice, wire.CodeDevice},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			bob, gw := enrolled(t, r, "bob", true), enrolledGateway(t, r)
			reply := bob.signInBob(t)
			f, g := bob.open(t, wire.PathEvents), gw.open(t, wire.PathGatewayEvents)
			var s wire.Snapshot
			f.next(wire.EventSnapshot, &s)
			before := policyOf(t, r, g)
			if len(before.Revoked) != 0 {
				t.Fatalf("revoked at first: %v", before.Revoked)
			}
			if err := row.revoke(t, r.AdminSocket(), reply.Session, bob); err != nil {
				t.Fatal(err)
			}
			var ended wire.Problem
			f.next(wire.EventEnded, &ended)
			if ended.Code != row.ended {
				t.Errorf("the stream ended with %s", ended.Code)
			}
			f.ends()
			after := policyOf(t, r, g)
			if after.Revision <= before.Revision || after.Revoked[reply.Session].Before(reply.Expires) {
				t.Errorf("the gateway heard of revision %d after %d: %v", after.Revision, before.Revision, after.Revoked)
			}
			status, _, b := bob.do(t, "GET", wire.PathEvents, nil)
			if status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("the cookie still works: %d %s", status, b)
			}
			q := wire.SignInRequest{User: "bob", Password: bobPassword}
			status, _, b = bob.do(t, "POST", wire.PathSession, q)
			if row.again == "" && status != http.StatusOK {
				t.Errorf("the next sign-in: %d %s", status, b)
			} else if row.again != "" {
				want(t, "the next sign-in", status, b, row.again)
			}
			if row.name == "user" {
				if err := AdminRestoreUser(t.Context(), r.AdminSocket(), "bob"); err != nil {
					t.Fatal(err)
				}
				status, _, b = bob.do(t, "GET", wire.PathEvents, nil)
				want(t, "the old cookie after the user was restored", status, b, wire.CodeNoSession)
				bob.signInBob(t)
			}
		})
	}
}

// TestEndsBeforeItBegins asks a controller to end as soon as it runs: cleanly.
func TestEndsBeforeItBegins(t *testing.T) {
	dir := t.TempDir()
	s := openNATS(t, dir+"/store")
	c, err := New(Options{Config: exampleConfig(t), Store: s, StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestAdmin(t *testing.T) {
	r := newRig(t)
	socket := r.AdminSocket()
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v: %v", info.Mode(), err)
	}
	link, err := AdminEnrol(t.Context(), socket, "bob")
	if err != nil || link.Controller != r.Addr() || link.CA != r.authority.fingerprint() {
		t.Fatalf("%v %v", link, err)
	}
	bob := enrolWith(t, r, link, true)
	reply := bob.signInBob(t)
	all, err := AdminSessions(t.Context(), socket)
	if err != nil || len(all) != 1 || all[0].ID != reply.Session || all[0].User != "bob" || string(all[0].Device) != bob.id {
		t.Errorf("sessions: %+v %v", all, err)
	}
	if link, err = AdminEnrolGateway(t.Context(), socket, "gw1"); err != nil {
		t.Fatal(err)
	}
	gw := enrolWith(t, r, link, false)
	at := time.Now().UTC().Round(0)
	status, _, b := gw.do(t, "POST", wire.PathGatewayReport, wire.GatewayReport{Gateway: "gw1", Records: []wire.AuditRecord{{At: at, Kind: "flow-opened", User: "bob", Target: "x:1", Up: 3}}})
	if status != http.StatusNoContent {
		t.Errorf("report: %d %s", status, b)
	}
	status, _, b = gw.do(t, "POST", wire.PathGatewayReport, wire.GatewayReport{Gateway: "gw2"})
	want(t, "another gateway's report", status, b, wire.CodeBadRequest)
	records, err := AdminAudit(t.Context(), socket)
	if err != nil || records[len(records)-1].Kind != "flow-opened" || !strings.Contains(r.log.String(), "source=gw1 kind=flow-opened") {
		t.Errorf("the audit is %+v: %v", records, err)
	}
	status, _, b = gw.do(t, "GET", wire.PathGatewayKeys, nil)
	var set struct {
		Keys []struct{ Kid, Kty, Crv, D string }
	}
	if err := json.Unmarshal(b, &set); err != nil || status != 200 || len(set.Keys) != 1 || set.Keys[0].Kid != r.authority.tokenID || set.Keys[0].Crv != "P-256" || set.Keys[0].D != "" {
		t.Errorf("the keys are %s", b)
	}
	if err := AdminSetRisk(t.Context(), socket, "bob", wire.RiskHigh, time.Now().Add(time.Hour), "by hand"); err != nil {
		t.Error(err)
	}
	if x, err := AdminExplain(t.Context(), socket, "bob", "wiki"); err != nil || len(x) != 1 || x[0].Session != reply.Session || !x[0].Allow || !x[0].Offline || x[0].Risk.Level != wire.RiskHigh {
		t.Errorf("explained: %+v %v", x, err)
	}
	if n, err := AdminRenewTokens(t.Context(), socket, Renewal{Claims: true}, Match{User: "bob"}); err != nil || n != 1 || audited(r, "claims-token") != 2 || audited(r, "entitlement-token") != 1 {
		t.Errorf("renewed for %d: %v", n, err)
	}
	var p *wire.Problem
	_, renewErr := AdminRenewTokens(t.Context(), socket, Renewal{}, Match{Policy: "nothing"})
	_, policyErr := AdminRevokePolicy(t.Context(), socket, "nothing")
	_, explainErr := AdminExplain(t.Context(), socket, "nobody", "")
	for name, err := range map[string]error{
		"policy to renew":  renewErr,
		"policy to revoke": policyErr,
		"user to explain":  explainErr,
		"user at risk":     AdminSetRisk(t.Context(), socket, "nobody", 50, time.Time{}, ""),
		"user":             AdminRevokeUser(t.Context(), socket, "nobody"),
		"session":          AdminRevokeSession(t.Context(), socket, "nothing"),
		"device":           AdminRevokeDevice(t.Context(), socket, "nothing"),
	} {
		if !errors.As(err, &p) || p.Status != http.StatusNotFound || !strings.Contains(p.Detail, "does not exist") {
			t.Errorf("an unknown %s: %v", name, err)
		}
	}
	if n, err := AdminRevokePolicy(t.Context(), socket, "everyone"); err != nil || n != 1 {
		t.Errorf("revoked %d: %v", n, err)
	}
	if _, err := AdminEnrol(t.Context(), socket+".none", "bob"); err == nil || !strings.Contains(err.Error(), "is it running") {
		t.Errorf("no controller: %v", err)
	}
}

func TestStateDir(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"ca.key", "token.key", "reset.key", "ca.crt"} {
		info, err := os.Stat(r.dir + "/" + name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	c, err := New(Options{Config: r.conf, Store: r.store, StateDir: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err == nil || !strings.Contains(err.Error(), "another controller answers") {
		t.Errorf("a second controller: %v", err)
	}
	for _, name := range []string{"ca.key", "ca.crt", "token.key", "reset.key"} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/"+name, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{Config: r.conf, Store: r.store, StateDir: dir}); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("a damaged %s: %v", name, err)
		}
	}
}
