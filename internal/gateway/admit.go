package gateway

import (
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// readBody reads a request's body, which may not take for ever.
func readBody(w http.ResponseWriter, r *http.Request, v any) *wire.Problem {
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // where a lane has none, its own limits hold
	if err := wire.ReadJSON(r.Body, v); err != nil {
		return &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The request cannot be read"}
	}
	rc.SetReadDeadline(time.Time{})
	return nil
}

// readTokens reads a session request and verifies its tokens.
func (g *Gateway) readTokens(w http.ResponseWriter, r *http.Request, device wire.DeviceID, leaf *x509.Certificate) (req wire.SessionRequest, t tokens, p *wire.Problem) {
	if p = readBody(w, r, &req); p == nil {
		p = checkReport(req.Device)
	}
	if p == nil {
		t, p = g.registry.verify(&req, device, leaf, g.now())
	}
	return req, t, p
}

// postSession admits a session, or goes on with it, and streams its verdicts
// until it ends or another request does so.
func (g *Gateway) postSession(w http.ResponseWriter, r *http.Request, c *carrier, device wire.DeviceID, leaf *x509.Certificate) {
	c.refuse(nil) // flows wait for this request's answer, not an older one's
	f := feedOf(w)
	a, problem := g.arrive(w, r, device, leaf)
	if problem == nil {
		problem = g.holdArrival(r, a)
	}
	var s *session
	if problem == nil {
		s, problem = g.enter(c, a, f)
	}
	if problem != nil {
		c.refuse(problem)
		g.refuse(w, problem)
		return
	}
	defer connectionOf(r).silence.retire()
	defer s.leave(f) // it ends when its flows have been closed
	c.admit(s)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	f.stream(r.Context(), w, s)
}

// putSession takes renewed tokens.
func (g *Gateway) putSession(w http.ResponseWriter, r *http.Request, c *carrier, device wire.DeviceID, leaf *x509.Certificate) {
	req, t, problem := g.readTokens(w, r, device, leaf)
	if problem == nil {
		problem = noSession()
		if s := c.current(); s != nil {
			s.call(func() { problem = s.accept(t, req.Device, req.Resumed) })
		}
	}
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// remoteHost is the address that the request came from.
func remoteHost(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
