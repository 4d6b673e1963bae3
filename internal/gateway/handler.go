package gateway

import (
	"context"
	"crypto/x509"
	"net/http"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// bodyTimeout bounds how long a client may take to send its tokens, writeTimeout
// how long it may take to read the last event.
const (
	bodyTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
)

// ServeHTTP serves one connection's requests: the session and its flows. It
// knows no lane: the server has to demand client certificates and to hang a
// carrier on each connection's context.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := carrierOf(r.Context())
	device, leaf, err := deviceOf(r.TLS, time.Now())
	if err != nil || c == nil {
		(&wire.Problem{Code: wire.CodeDevice, Status: http.StatusForbidden, Title: "A device certificate is needed", Detail: "Enrol this device."}).Write(w)
		return
	}
	switch {
	case r.Method == http.MethodConnect:
		g.connect(w, r, c)
	case r.URL.Path != wire.PathDataSession:
		(&wire.Problem{Code: wire.CodeNotFound, Status: http.StatusNotFound, Title: "There is nothing here"}).Write(w)
	case r.Method == http.MethodPost:
		g.postSession(w, r, c, device, leaf)
	case r.Method == http.MethodPut:
		g.putSession(w, r, c, device, leaf)
	default:
		w.Header().Set("Allow", "POST, PUT")
		(&wire.Problem{Code: wire.CodeNotAllowed, Status: http.StatusMethodNotAllowed, Title: "The method is not allowed here"}).Write(w)
	}
}

func (g *Gateway) readTokens(w http.ResponseWriter, r *http.Request, device wire.DeviceID, leaf *x509.Certificate) (tokens, *wire.Problem) {
	var req wire.SessionRequest
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // where a lane has none, its own limits hold
	if err := wire.ReadJSON(r.Body, &req); err != nil {
		return tokens{}, &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The request cannot be read"}
	}
	rc.SetReadDeadline(time.Time{})
	return g.registry.verify(&req, device, leaf, time.Now())
}

// refuse writes a problem with its Proxy-Status (RFC 9209).
func (g *Gateway) refuse(w http.ResponseWriter, p *wire.Problem) {
	w.Header().Set("Proxy-Status", strconv.Quote(g.config.Name)+"; error="+proxyError(p))
	if p.Verdict != nil {
		w.Header().Set(wire.HeaderDecision, string(p.Verdict.Decision))
	}
	q := *p // Write fills in the status of one that several requests may share
	q.Write(w)
}

func proxyError(p *wire.Problem) string {
	switch {
	case p.Code == wire.CodeAppRefused:
		return "connection_refused"
	case p.Code == wire.CodeAppUnreachable && p.Status == http.StatusGatewayTimeout:
		return "connection_timeout"
	case p.Code == wire.CodeAppUnreachable:
		return "destination_unavailable"
	case p.Code == wire.CodeBadRequest:
		return "http_request_error"
	case p.Status == http.StatusForbidden:
		return "http_request_denied"
	}
	return "proxy_internal_error"
}

// postSession admits a session and streams its verdicts until it ends.
func (g *Gateway) postSession(w http.ResponseWriter, r *http.Request, c *carrier, device wire.DeviceID, leaf *x509.Certificate) {
	c.refuse(nil) // flows wait for this request's answer, not an older one's
	t, problem := g.readTokens(w, r, device, leaf)
	if problem != nil {
		c.refuse(problem)
		g.refuse(w, problem)
		return
	}
	if old := c.current(); old != nil { // one session a connection
		old.end(ending{trigger: "replaced"})
		<-old.done
	}
	s := newSession(t, g.audit, &g.compiler)
	if problem = g.registry.add(s); problem != nil {
		c.refuse(problem)
		g.refuse(w, problem)
		return
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
				rc.SetWriteDeadline(time.Now().Add(writeTimeout))
				write("", wire.EventEnded, s.last.problem)
			}
			return
		}
	}
}

// putSession takes renewed tokens.
func (g *Gateway) putSession(w http.ResponseWriter, r *http.Request, c *carrier, device wire.DeviceID, leaf *x509.Certificate) {
	t, problem := g.readTokens(w, r, device, leaf)
	if problem == nil {
		problem = noSession()
		if s := c.current(); s != nil {
			s.call(func() { problem = s.accept(t) })
		}
	}
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
