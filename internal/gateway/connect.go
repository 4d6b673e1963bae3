package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"

	"github.com/tidegate/tidegate/internal/wire"
)

// connect carries a flow (RFC 9114, section 4.4; RFC 9113, section 8.5; RFC 9110,
// section 9.3.6). It returns when the flow has ended.
func (g *Gateway) connect(w http.ResponseWriter, r *http.Request, c *carrier) {
	t, err := parseTarget(r.Host)
	if err != nil {
		g.refuse(w, &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The destination cannot be read", Detail: err.Error()})
		return
	}
	s, problem := c.wait(r.Context())
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	h, problem := headerOf(r)
	switch {
	case problem != nil:
		g.refuse(w, problem)
	case h != nil:
		g.connectLasting(w, r, s, t, *h)
	default:
		g.connectPlain(w, r, s, t)
	}
}

// connectPlain carries a flow that ends with its request.
func (g *Gateway) connectPlain(w http.ResponseWriter, r *http.Request, s *session, t target) {
	done, problem := s.quota.enter()
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	defer done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	f := &flow{session: s, target: t, cancel: cancel, gone: ctx.Done()}
	app, at, problem := g.reach(ctx, r, f, nil)
	if problem == nil && !f.attach(nil, app) {
		s.close(f, "flow-closed")
		problem = g.dialProblem(f, context.Canceled)
	}
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	s.opened(f, at)
	w.Header().Set(wire.HeaderDecision, string(f.decision))
	str, err := take(w, r)
	if err != nil { // the client is gone
		f.reset(codeAborted)
		s.close(f, "flow-closed")
		return
	}
	f.attach(str, nil)
	f.copy()
	s.close(f, "flow-closed")
	str.serve()
}

// reach has the session judge a new flow and dials its application, until ctx is
// over. It registers the flow, and takes it out again where it returns a problem.
// first is asked before, by the session; nil: nobody is.
func (g *Gateway) reach(ctx context.Context, r *http.Request, f *flow, first func() *wire.Problem) (app net.Conn, at netip.Addr, problem *wire.Problem) {
	s := f.session
	problem = noSession()
	if !s.settled(r.Context().Done(), func() (wait <-chan struct{}) {
		if first != nil {
			if problem = first(); problem != nil {
				return nil
			}
		}
		problem, wait = s.open(f.target, f)
		return wait
	}) {
		problem = s.over()
	}
	if problem != nil {
		return nil, at, problem
	}
	err := holdEarly(ctx, r, f)
	if err == nil {
		app, at, err = g.dialer.open(ctx, f.target, f.literal, func(t target) bool { return s.blocks(f, t) })
	}
	if err != nil {
		s.close(f, "flow-closed")
		return nil, at, g.dialProblem(f, err)
	}
	return app, at, nil
}

// dialProblem says why the application was not reached; a flow that was cut
// meanwhile is told the verdict.
func (g *Gateway) dialProblem(f *flow, err error) *wire.Problem {
	f.mu.Lock()
	cut := f.cut
	f.mu.Unlock()
	if cut {
		problem := noSession()
		f.session.call(func() {
			problem = deniedProblem(f.entitlement.verdict)
			if f.entitlement.verdict.Allow { // but it covers the destination no more
				problem = notEntitledProblem(f.target, f.decision)
			}
		})
		return problem
	}
	var timeout net.Error
	switch where := f.target.String(); {
	case errors.Is(err, errProhibited):
		return notEntitledProblem(f.target, f.decision)
	case refused(err):
		return &wire.Problem{Code: wire.CodeAppRefused, Status: http.StatusBadGateway, Title: "The application refused the connection", Detail: where}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &wire.Problem{Code: wire.CodeAppUnreachable, Status: http.StatusGatewayTimeout, Title: "The application does not answer", Detail: where}
	default:
		return &wire.Problem{Code: wire.CodeAppUnreachable, Status: http.StatusBadGateway, Title: "The application cannot be reached", Detail: where}
	}
}
