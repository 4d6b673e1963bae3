package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestTokensRefused is the matrix of tokens that must not admit.
func TestTokensRefused(t *testing.T) {
	s := newSite(t, echo, nil)
	other := s.authority.device("laptop-2")
	stranger := newAuthority(t)
	c := s.client(t, s.g.Addr(), s.device)
	for _, row := range []struct {
		name   string
		ticket func() ticket
		code   wire.Code
	}{
		{"another site's", func() ticket { k := s.ticket(); k.site = "south"; return k }, wire.CodeToken},
		{"another device's", func() ticket { k := s.ticket(); k.device = other; return k }, wire.CodeToken},
		{"another name on this certificate", func() ticket { k := s.ticket(); k.device.id = "laptop-9"; return k }, wire.CodeToken},
		{"expired", func() ticket { k := s.ticket(); k.lifetime = -time.Second; return k }, wire.CodeToken},
		{"another controller's", func() ticket { k := s.ticket(); k.authority = stranger; return k }, wire.CodeToken},
		{"no session", func() ticket { k := s.ticket(); k.session = ""; return k }, wire.CodeToken},
	} {
		t.Run(row.name, func(t *testing.T) {
			res := c.post(http.MethodPost, row.ticket())
			defer res.Body.Close()
			p := wire.ReadProblem(res.StatusCode, res.Body)
			if p.Status != http.StatusForbidden || p.Code != row.code {
				t.Errorf("%d %s %v", p.Status, p.Code, p)
			}
			// A flow on that connection is told at once, not after the wait.
			if q, _ := c.refusedFlow(s.app); q.Code != row.code {
				t.Errorf("a flow: %v", q)
			}
		})
	}
	if p := c.renew(s.ticket()); p == nil || p.Code != wire.CodeNoSession {
		t.Errorf("a renewal without a session: %v", p)
	}
	c.admit(s.ticket())
	ping(t, c.flow(s.app), "hello")
}

func TestTokensOfDifferentSessionsRefused(t *testing.T) {
	s := newSite(t, echo, nil)
	s.client(t, s.g.Addr(), s.device) // it serves, so it has read its keys
	a, b := s.ticket(), s.ticket()
	b.session = "s-2"
	mixed := wire.SessionRequest{ClaimsToken: a.request().ClaimsToken, EntitlementToken: b.request().EntitlementToken}
	if _, p := s.g.registry.verify(&mixed, s.device.id, s.device.cert.Leaf, time.Now()); p == nil || p.Code != wire.CodeToken {
		t.Errorf("mixed tokens: %v", p)
	}
	swapped := wire.SessionRequest{ClaimsToken: a.request().EntitlementToken, EntitlementToken: a.request().ClaimsToken}
	if _, p := s.g.registry.verify(&swapped, s.device.id, s.device.cert.Leaf, time.Now()); p == nil || p.Code != wire.CodeToken {
		t.Errorf("swapped tokens: %v", p)
	}
}

// TestDeviceCertificates is the matrix of certificates.
func TestDeviceCertificates(t *testing.T) {
	s := newSite(t, echo, nil)
	key := newKey(t)
	leaf := func(a *authority, uri string, change func(*x509.Certificate)) device {
		return device{id: "laptop-1", cert: tls.Certificate{PrivateKey: key, Certificate: [][]byte{a.leaf(&key.PublicKey, uri, change).Raw}}}
	}
	filler := leaf(s.authority, "tidegate:gateway/gw", nil)
	filler.cert.Certificate = append(filler.cert.Certificate, s.device.cert.Certificate[0])
	for _, row := range []struct {
		name      string
		device    device
		handshake bool // the handshake itself succeeds
	}{
		{"none", device{}, false},
		{"another CA's", leaf(newAuthority(t), "tidegate:device/laptop-1", nil), false},
		{"expired", leaf(s.authority, "tidegate:device/laptop-1", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false},
		{"a server's", leaf(s.authority, "tidegate:device/laptop-1", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), false},
		{"a CA's", leaf(s.authority, "tidegate:device/laptop-1", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), true},
		{"a gateway's", leaf(s.authority, "tidegate:gateway/gw", nil), true},
		{"no name", leaf(s.authority, "", nil), true},
		{"a victim's behind its own", filler, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer pc.Close()
			if !row.handshake {
				q, err := s.dial(pc, s.g.Addr(), row.device)
				if err == nil { // TLS 1.3: the client hears of it after its own last flight
					<-q.Context().Done()
				}
				return
			}
			c := s.clientOn(t, pc, s.g.Addr(), row.device)
			res := c.post(http.MethodPost, s.ticket())
			defer res.Body.Close()
			if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeDevice {
				t.Errorf("%v", p)
			}
			if p := wire.ReadProblem(answered(t, c.open(s.app, "")).StatusCode, http.NoBody); p.Status != http.StatusForbidden {
				t.Errorf("a flow: %v", p)
			}
			c.quic.CloseWithError(0x100, "")
		})
	}
}

func TestRevocation(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	v, _ := c.admit(s.ticket())
	str := c.flow(s.app)
	ping(t, str, "hello")
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 7, Issued: jwt.NewNumericDate(time.Now()),
		Revoked: map[wire.SessionID]time.Time{"s-1": time.Now().Add(time.Hour)}})); err != nil {
		t.Fatal(err)
	}
	expectReset(t, str, codeCut)
	e := v.event()
	var p wire.Problem
	if e.Name != wire.EventEnded || json.Unmarshal(e.Data, &p) != nil || p.Code != wire.CodeRevoked {
		t.Errorf("event %s: %s", e.Name, e.Data)
	}
	if _, err := v.events.Next(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	if p, _ := c.refusedFlow(s.app); p.Code != wire.CodeRevoked {
		t.Errorf("a flow after the end: %v", p)
	}
	// Never again, not even when a later policy has forgotten it, nor after a restart.
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 8})); err != nil {
		t.Fatal(err)
	}
	res := c.post(http.MethodPost, s.ticket())
	if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeRevoked {
		t.Errorf("again: %v", p)
	}
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 6})); err == nil {
		t.Error("an older policy was taken")
	}
	if err := s.g.learn(newAuthority(t).token(wire.TypePolicy, wire.PolicyToken{Revision: 9})); err == nil {
		t.Error("another controller's policy was taken")
	}
}

func TestRenewalTakesAccessAway(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	k := s.authority.ticket(s.device).entitle("app", "app.test", s.port, `"staff" in user.groups`)
	v, _ := c.admit(k)
	str := c.flow(s.app)
	k.groups = nil
	if p := c.renew(k); p != nil {
		t.Fatal(p)
	}
	expectReset(t, str, codeCut)
	if d := v.next().Verdicts[0]; d.Allow || d.Reason.Kind != wire.ReasonGroup {
		t.Errorf("%+v", d)
	}
	// An entitlement that is gone, and one that no longer covers the flow.
	k.groups = []string{"staff"}
	if p := c.renew(k); p != nil {
		t.Fatal(p)
	}
	str = c.flow(s.app)
	moved := s.authority.ticket(s.device).entitle("app", "elsewhere.test", s.port, "")
	if p := c.renew(moved); p != nil {
		t.Fatal(p)
	}
	expectReset(t, str, codeCut)
	if p := c.renew(k); p != nil {
		t.Fatal(p)
	}
	str = c.flow(s.app)
	if p := c.renew(s.authority.ticket(s.device)); p != nil {
		t.Fatal(p)
	}
	expectReset(t, str, codeCut)
}

func TestRenewalRefused(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	k := s.ticket()
	k.session = "s-2"
	if p := c.renew(k); p == nil || p.Code != wire.CodeToken {
		t.Errorf("another session's: %v", p)
	}
	old, p := s.g.registry.verify(ptr(s.ticket().request()), s.device.id, s.device.cert.Leaf, time.Now())
	if p != nil {
		t.Fatal(p)
	}
	old.claims.Serial = 1
	session := s.g.registry.all()[0]
	session.call(func() { p = session.accept(old, nil, false) })
	if p == nil || p.Code != wire.CodeToken {
		t.Errorf("older tokens: %v", p)
	}
	ping(t, c.flow(s.app), "the session goes on")
}

func ptr[T any](v T) *T { return &v }

func TestSecondConnectionReplacesTheFirst(t *testing.T) {
	s := newSite(t, echo, nil)
	first := s.client(t, s.g.Addr(), s.device)
	v, _ := first.admit(s.ticket())
	str := first.flow(s.app)
	ping(t, str, "hello")
	second := s.client(t, s.g.Addr(), s.device)
	second.admit(s.ticket())
	expectReset(t, str, codeCut)
	if _, err := v.events.Next(); err != io.EOF {
		t.Errorf("the first's events: %v", err)
	}
	ping(t, second.flow(s.app), "hello")
	if n := len(s.g.registry.all()); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestConnectionEndRemovesSession(t *testing.T) {
	ended := make(chan struct{})
	s := newSite(t, func(c *net.TCPConn) {
		io.Copy(io.Discard, c)
		close(ended)
	}, nil)
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	c.flow(s.app)
	session := s.g.registry.all()[0]
	c.quic.CloseWithError(0x100, "")
	<-session.done
	<-ended
}

func TestOtherRequests(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	for _, row := range []struct {
		method, path string
		status       int
	}{{"GET", "/", 404}, {"GET", wire.PathDataSession, 405}, {"OPTIONS", wire.PathDataSession, 405}, {"POST", wire.PathDataSession, 400}} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, "https://gateway.test"+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.h3.RoundTrip(r)
		if err != nil || res.StatusCode != row.status {
			t.Errorf("%s %s: %v, %v", row.method, row.path, res, err)
		}
		res.Body.Close()
	}
}
