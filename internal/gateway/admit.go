package gateway

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"strconv"
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

// postSession admits a session and streams its verdicts until it ends.
func (g *Gateway) postSession(w http.ResponseWriter, r *http.Request, c *carrier, device wire.DeviceID, leaf *x509.Certificate) {
	c.refuse(nil) // flows wait for this request's answer, not an older one's
	req, t, problem := g.readTokens(w, r, device, leaf)
	if problem == nil && g.visits.older(t) {
		problem = olderProblem()
	}
	if problem != nil {
		c.refuse(problem)
		g.refuse(w, problem)
		return
	}
	if old := c.current(); old != nil { // one session a connection
		old.end(ending{trigger: "replaced"})
		<-old.done
	}
	s := newSession(g, t, req.Device)
	if problem = g.registry.add(s); problem != nil {
		c.refuse(problem)
		g.refuse(w, problem)
		return
	}
	s.row = g.visits.row(t, remoteHost(r), req.Resumed)
	s.ended = func() { // an event that the client does not read holds nothing up then
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go s.run(ctx)
	defer func() { // the session leaves when its flows have been closed
		cancel()
		<-s.done
		c.clear(s)
		g.registry.remove(s)
	}()
	c.admit(s)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	streamVerdicts(w, s)
}

// streamVerdicts writes verdicts, and nothing while none changes, until the
// session ends or the client is gone.
func streamVerdicts(w http.ResponseWriter, s *session) {
	rc := http.NewResponseController(w)
	write := func(id, name string, v any) bool {
		e, err := wire.NewEvent(id, name, v)
		if err == nil {
			_, err = e.WriteTo(w)
		}
		return err == nil && rc.Flush() == nil
	}
	for {
		select {
		case v := <-s.feed:
			if !write(strconv.FormatUint(v.Revision, 10), wire.EventVerdicts, v) {
				return
			}
		case <-s.done:
			if s.last.problem != nil {
				write("", wire.EventEnded, s.last.problem)
			}
			return
		}
	}
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
