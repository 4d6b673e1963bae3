package gateway

import (
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
)

// A foreign client, which knows nothing but RFC 9110, sends its tokens with each
// CONNECT, joined by a tilde, which is in neither (RFC 6750, section 2.1):
//
//	Proxy-Authorization: Bearer CLAIMS~ENTITLEMENT
//
// (curl: --proxy-header), or as the password of any user (RFC 7617), where it
// knows no other way, as git does (http.proxy=https://any:CLAIMS~ENTITLEMENT@…).
// It has a session of its own, beside those of the same id that our
// own client has: it is judged by the same rules, and ends with the connection.

// guest is the foreign client's session of a connection.
type guest struct {
	mu      sync.Mutex
	bearer  string // what it was admitted with last
	session *session
}

// welcome admits a foreign client where the request brings tokens. What it
// returns is called when the request has been served. Whoever sends none has to
// have a session, or to be about to have one.
func (g *Gateway) welcome(r *http.Request, c *carrier, device wire.DeviceID, leaf *x509.Certificate) (bye func(), problem *wire.Problem) {
	none := func() {}
	bearer := r.Header.Get("Proxy-Authorization")
	switch {
	case bearer == "" && r.ProtoMajor == 1 && c.current() == nil: // there is no other way to send them
		return none, tokensNeeded
	case bearer == "":
		return none, nil
	}
	conn := connectionOf(r)
	if conn.guest == nil {
		return none, noSession()
	}
	v := conn.guest
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := c.current(); s != nil && (s != v.session || v.bearer == bearer) {
		return none, nil // its own, or one that our own client has
	}
	req, ok := readBearer(bearer)
	if !ok {
		return none, &wire.Problem{Code: wire.CodeToken, Status: http.StatusProxyAuthRequired, Title: "The tokens cannot be read"}
	}
	t, problem := g.registry.verify(&req, device, leaf, g.now())
	if problem == nil && g.visits.older(t) {
		problem = olderProblem()
	}
	if problem != nil {
		return none, unauthorized(problem)
	}
	if s := v.session; s != nil && s.id == t.claims.Session {
		known := s.call(func() { problem = s.accept(t, nil, false) })
		if known && problem == nil {
			v.bearer = bearer
		}
		if known {
			return none, unauthorized(problem)
		}
	}
	if v.session != nil {
		v.session.end(ending{trigger: "replaced"})
		<-v.session.done
	}
	s := newSession(g, t, nil)
	if problem := g.registry.host(s, g.config.Limits.whole().Guests); problem != nil {
		return none, problem
	}
	v.session, v.bearer = s, bearer
	g.guests.Go(func() {
		s.begin(nil)
		<-s.done // with the connection, below
		g.registry.dismiss(s)
		conn.silence.retire()
	})
	closed := func() { s.end(ending{trigger: "connection-closed"}) }
	g.guests.Go(func() {
		select {
		case <-conn.gone:
			closed()
		case <-s.done:
		}
	})
	c.admit(s)
	if r.ProtoMajor == 1 { // one CONNECT is all there is of the connection
		return closed, nil
	}
	return none, nil
}

// readBearer reads the tokens of a Proxy-Authorization.
func readBearer(v string) (req wire.SessionRequest, ok bool) {
	scheme, value, _ := strings.Cut(v, " ")
	value = strings.TrimSpace(value)
	if strings.EqualFold(scheme, "Basic") {
		pair, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return req, false
		}
		_, value, _ = strings.Cut(string(pair), ":")
	} else if !strings.EqualFold(scheme, "Bearer") {
		return req, false
	}
	req.ClaimsToken, req.EntitlementToken, ok = strings.Cut(value, "~")
	return req, ok && req.ClaimsToken != "" && req.EntitlementToken != ""
}

// tokensNeeded is what a foreign client is told that sent none.
var tokensNeeded = &wire.Problem{Code: wire.CodeToken, Status: http.StatusProxyAuthRequired, Title: "Tokens are needed",
	Detail: `Send "Proxy-Authorization: Bearer", the claims token, a tilde and the entitlement token.`}

// unauthorized is the status that HTTP has for tokens that are not good.
func unauthorized(p *wire.Problem) *wire.Problem {
	if p == nil || p.Code != wire.CodeToken {
		return p
	}
	q := *p
	q.Status = http.StatusProxyAuthRequired
	return &q
}

// challenge adds how to authenticate (RFC 9110, section 11.7.1).
func challenge(h http.Header, p *wire.Problem) {
	bearer := `Bearer realm="tidegate"`
	if p != tokensNeeded {
		bearer += `, error="invalid_token"`
	}
	h.Add("Proxy-Authenticate", bearer)
	h.Add("Proxy-Authenticate", `Basic realm="tidegate"`)
}
