package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
)

// controller is a fake one, over real TLS.
type controller struct {
	*authority
	srv      *httptest.Server
	address  string
	policies chan string // sent down each event stream
	reports  chan wire.AuditRecord
	enrolled atomic.Int32
}

func newController(t *testing.T) *controller {
	c := &controller{authority: newAuthority(t), policies: make(chan string, 4), reports: make(chan wire.AuditRecord, 1000)}
	key := newKey(t)
	cert := c.leaf(&key.PublicKey, "", nil)
	pool := x509.NewCertPool()
	pool.AddCert(c.ca)
	c.srv = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	c.srv.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw, c.ca.Raw}, PrivateKey: key}}}
	c.srv.EnableHTTP2 = true
	c.srv.StartTLS()
	c.address = c.srv.Listener.Addr().String()
	t.Cleanup(c.srv.Close)
	return c
}

func (c *controller) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == wire.PathEnrol {
		c.enrol(w, r)
		return
	}
	if len(r.TLS.VerifiedChains) == 0 || r.TLS.PeerCertificates[0].URIs[0].String() != "tidegate:gateway/gw" {
		(&wire.Problem{Code: wire.CodeDevice, Status: http.StatusForbidden, Title: "no certificate"}).Write(w)
		return
	}
	switch r.URL.Path {
	case wire.PathGatewayKeys:
		w.Write(c.jwks())
	case wire.PathGatewayReport:
		var rep wire.GatewayReport
		if err := wire.ReadJSON(r.Body, &rep); err != nil || rep.Gateway != "gw" {
			c.t.Errorf("report %+v: %v", rep, err)
		}
		for _, rec := range rep.Records {
			c.reports <- rec
		}
		w.WriteHeader(http.StatusNoContent)
	case wire.PathGatewayEvents:
		if err := wire.CheckID(r.URL.Query().Get(wire.ParamRun)); err != nil {
			c.t.Errorf("the gateway's run: %v", err)
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		for {
			select {
			case p := <-c.policies:
				if p == "" {
					return // the stream breaks off
				}
				e, _ := wire.NewEvent("", wire.EventPolicy, p)
				e.WriteTo(w)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
}

func (c *controller) enrol(w http.ResponseWriter, r *http.Request) {
	var req wire.EnrolRequest
	if err := wire.ReadJSON(r.Body, &req); err != nil {
		c.t.Error(err)
	}
	if req.Code != "code-1" || c.enrolled.Add(1) > 1 {
		(&wire.Problem{Code: wire.CodeEnrolCode, Status: http.StatusForbidden, Title: "The code was used"}).Write(w)
		return
	}
	block, _ := pem.Decode([]byte(req.CSR))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		c.t.Errorf("certificate request: %v", err)
	}
	wire.WriteJSON(w, http.StatusOK, wire.EnrolReply{Device: "gw", Certificate: certPEM(c.leaf(csr.PublicKey, "tidegate:gateway/gw", nil)) + certPEM(c.ca)})
}

// record waits for an audit record of that kind.
func (c *controller) record(kind string) wire.AuditRecord {
	c.t.Helper()
	for {
		select {
		case r := <-c.reports:
			if r.Kind == kind {
				return r
			}
		case <-time.After(10 * time.Second):
			c.t.Fatalf("no record %s", kind)
		}
	}
}

func (c *controller) policy(rev uint64, revoked ...wire.SessionID) string {
	p := wire.PolicyToken{Revision: rev, Issued: jwt.NewNumericDate(time.Now()), Revoked: map[wire.SessionID]time.Time{}}
	for _, s := range revoked {
		p.Revoked[s] = time.Now().Add(time.Hour)
	}
	return c.token(wire.TypePolicy, p)
}

// TestWithController enrols, serves, reports, hears of a revocation, and after a
// restart without its controller still remembers all of it.
func TestWithController(t *testing.T) {
	ctl := newController(t)
	port := application(t, echo)
	conf := Config{Name: "gw", Site: "north", Listen: "127.0.0.1:0", State: filepath.Join(t.TempDir(), "state"), Enrolment: ctl.link(ctl.address),
		Hosts: map[string]string{"app.test": "127.0.0.1"}}
	run := func() (*Gateway, func()) {
		g, err := New(Options{Config: conf})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Listen(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		return g, func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
	g, stop := run()
	ctl.policies <- ctl.policy(1)
	laptop := ctl.device("laptop-1")
	c := ctl.client(t, g.Addr(), laptop)
	k := ctl.ticket(laptop).entitle("app", "app.test", port, "")
	for { // the keys come over the uplink
		res := c.post(http.MethodPost, k)
		if res.StatusCode == http.StatusOK {
			break
		}
		if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeOverload {
			t.Fatal(p)
		}
	}
	str := c.flow(fmt.Sprintf("app.test:%d", port))
	ping(t, str, "hello")
	if r := ctl.record("flow-opened"); r.Session != "s-1" || r.User != "alice" || r.Entitlement != "app" || !r.Allow || r.Decision == "" {
		t.Errorf("%+v", r)
	}
	ctl.policies <- "" // the stream breaks; the gateway comes back
	ctl.policies <- ctl.policy(2, "s-1")
	expectReset(t, str, codeCut)
	if r := ctl.record("flow-cut"); r.Trigger != "revoked" || r.Up != 5 || r.Down != 5 {
		t.Errorf("%+v", r)
	}
	if r := ctl.record("session-removed"); r.Trigger != "revoked" || r.Allow {
		t.Errorf("%+v", r)
	}
	saved := filepath.Join(conf.State, filePolicy)
	for until := time.Now().Add(10 * time.Second); ; {
		if b, _ := os.ReadFile(saved); strings.Contains(string(b), ".") && revokedAt(g, "s-1") {
			if p, err := (wire.Keys{ctl.kid: &ctl.signKey.PublicKey}).VerifyPolicy(string(b)); err == nil && p.Revision == 2 {
				break
			}
		}
		if time.Now().After(until) {
			t.Fatal("the policy was not kept")
		}
		<-time.After(5 * time.Millisecond)
	}
	stop()

	ctl.srv.CloseClientConnections()
	ctl.srv.Close()
	for _, name := range []string{fileKey, fileIdentity, fileKeys, filePolicy, fileReset} {
		if fi, err := os.Stat(filepath.Join(conf.State, name)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
	g, stop = run()
	defer stop()
	c = ctl.client(t, g.Addr(), laptop)
	res := c.post(http.MethodPost, k)
	if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeRevoked {
		t.Errorf("after a restart: %v", p)
	}
	k.session = "s-2"
	c.admit(k)
	ping(t, c.flow(fmt.Sprintf("app.test:%d", port)), "without the controller")
}

func TestEnrolmentRefused(t *testing.T) {
	ctl := newController(t)
	wrong := wire.EnrolmentLink{Controller: ctl.address, CA: sha256.Sum256([]byte("another")), Code: "code-1"}.String()
	for _, row := range []struct {
		name, link string
		want       func(error) bool
	}{
		{"another fingerprint", wrong, func(err error) bool { return errors.Is(err, errFingerprint) }},
		{"a used code", strings.Replace(ctl.link(ctl.address), "code-1", "code-2", 1), func(err error) bool { return errors.Is(err, &wire.Problem{Code: wire.CodeEnrolCode}) }},
		{"no link", "", func(err error) bool { return err != nil }},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := New(Options{Config: Config{Name: "gw", Site: "north", Listen: "127.0.0.1:0", State: t.TempDir(), Enrolment: row.link}})
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Listen(); err != nil {
				t.Fatal(err)
			}
			if err := g.Run(t.Context()); !row.want(err) {
				t.Errorf("Run: %v", err)
			}
		})
	}
	if n := ctl.enrolled.Load(); n != 0 {
		t.Errorf("%d codes were redeemed", n)
	}
	state := ctl.enrolledState(ctl.address)
	if _, err := folder(state).loadIdentity(newAuthority(t).link(ctl.address)); err == nil {
		t.Error("a link of another controller was taken over an enrolment")
	}
	if id, err := folder(state).loadIdentity(ctl.link("moved.test:8443")); err != nil || id.controller != "moved.test:8443" {
		t.Errorf("the controller has moved: %v, %v", id, err)
	}
}

func TestAuditQueueIsBounded(t *testing.T) {
	a := newAuditor()
	for range auditQueue + 7 {
		a.record(wire.AuditRecord{Kind: "verdict"})
	}
	if n := a.dropped.Load(); n != 7 || len(a.queue) != auditQueue {
		t.Errorf("%d dropped, %d wait", n, len(a.queue))
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[]}`))
	b, _ := json.Marshal(map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "AAAA", "kid": "x"}}})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeys(b)
		for id, k := range keys {
			if _, symmetric := k.([]byte); symmetric || id == "" || err != nil {
				t.Fatalf("%s: %T, %v", id, k, err)
			}
		}
	})
}

func revokedAt(g *Gateway, sid wire.SessionID) bool {
	g.registry.mu.Lock()
	defer g.registry.mu.Unlock()
	_, ok := g.registry.revoked[sid]
	return ok
}

// A gateway that is told to end while it still tries to enrol ends well.
func TestEndedWhileEnrolling(t *testing.T) {
	l := wire.EnrolmentLink{Controller: "127.0.0.1:1", Code: "code"} // nobody is there
	g, err := New(Options{Config: Config{Name: "gw", Site: "north", Listen: "127.0.0.1:0", State: t.TempDir(), Enrolment: l.String()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := g.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestPauseIsShort bounds how long a revocation waits for a gateway that was cut
// off from its controller.
func TestPauseIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := range 40 {
			began := time.Now()
			if err := pause(t.Context(), n); err != nil || time.Since(began) > time.Second {
				t.Errorf("try %d waits %s: %v", n, time.Since(began), err)
			}
		}
	})
}
