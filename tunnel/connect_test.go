package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// connect judges by the first verdict, after the session.
func (g *gateway) connect(w http.ResponseWriter, r *http.Request) {
	for {
		g.mu.Lock()
		changed, posts, verdicts, slow, refuse := g.changed, len(g.posts), g.verdicts, g.slow, g.refuse
		g.mu.Unlock()
		if posts == 0 {
			<-changed
			continue
		}
		time.Sleep(slow)
		if refuse != nil {
			p := *refuse
			p.Write(w)
			return
		}
		h, err := flows.ParseHeader(r.Header.Get(wire.HeaderFlow))
		if err != nil {
			(&wire.Problem{Code: wire.CodeBadRequest, Status: 400, Title: "no flow"}).Write(w)
			return
		}
		var refusal *wire.Problem
		if len(verdicts) > 0 && !verdicts[0].Allow {
			refusal = &wire.Problem{Code: wire.CodeDenied, Status: 403, Title: "denied", Verdict: &verdicts[0]}
		}
		if h.Epoch == 1 {
			g.first(w, r, h, refusal)
		} else {
			g.again(w, r, h, refusal)
		}
		return
	}
}

// first opens a flow.
func (g *gateway) first(w http.ResponseWriter, r *http.Request, h flows.Header, refusal *wire.Problem) {
	if refusal != nil {
		refusal.Write(w)
		return
	}
	g.mu.Lock()
	dial, past := g.dial, g.past[h.ID]
	g.mu.Unlock()
	if past {
		(&wire.Problem{Code: wire.CodeFlowGone, Status: 410, Title: "the flow was said to be gone"}).Write(w)
		return
	}
	app, err := dial(r.Host)
	if err != nil {
		(&wire.Problem{Code: wire.CodeAppRefused, Status: 502, Title: "the application refused", Detail: err.Error()}).Write(w)
		return
	}
	e := flows.New(flows.Options{App: app, Pending: func() { g.update(func() { g.woken++ }) }})
	ctx, stop := context.WithCancel(g.ctx)
	g.update(func() { g.opened++; g.known[h.ID] = e; g.stops[h.ID] = stop })
	g.wg.Go(func() {
		e.Run(ctx)
		stop()
		g.update(func() { delete(g.known, h.ID); delete(g.stops, h.ID); g.past[h.ID] = true })
	})
	g.attach(w, r, e, h)
}

// again goes on with one.
func (g *gateway) again(w http.ResponseWriter, r *http.Request, h flows.Header, refusal *wire.Problem) {
	g.mu.Lock()
	e, since := g.known[h.ID], g.since
	if g.past[h.ID] {
		since = time.Time{}
	}
	g.mu.Unlock()
	switch {
	case e == nil:
		g.update(func() { g.gone++; g.past[h.ID] = true })
		(&wire.Problem{Code: wire.CodeFlowGone, Status: 410, Title: "the flow is not known", Since: since}).Write(w)
	case refusal != nil:
		e.Reset(errors.New("denied"))
		refusal.Write(w)
	default:
		g.update(func() { g.resumed++ })
		g.attach(w, r, e, h)
	}
}

func (g *gateway) attach(w http.ResponseWriter, r *http.Request, e *flows.End, h flows.Header) {
	received, err := e.Prepare(h.Epoch)
	if err == nil {
		err = e.Check(h.Epoch, h.Received)
	}
	if err != nil {
		status, code := 400, wire.CodeBadRequest
		if errors.Is(err, flows.ErrEnded) {
			status, code = 410, wire.CodeFlowGone
		}
		if status == 400 {
			g.t.Errorf("epoch %d, received %d: %v", h.Epoch, h.Received, err)
		}
		(&wire.Problem{Code: code, Status: status, Title: err.Error()}).Write(w)
		return
	}
	w.Header().Set(wire.HeaderFlow, flows.Header{ID: h.ID, Epoch: h.Epoch, Received: received}.String())
	w.WriteHeader(http.StatusOK)
	s := &body{w: w, r: r, rc: http.NewResponseController(w), over: make(chan struct{})}
	if taker, ok := w.(http3.HTTPStreamer); ok {
		if s.h3, err = taker.HTTPStream(); err != nil {
			e.Detach(h.Epoch)
			return
		}
	} else {
		s.rc.Flush()
	}
	stop := context.AfterFunc(r.Context(), func() {
		s.mu.Lock()
		ended := s.ended // which ends the request's context too
		s.mu.Unlock()
		if !ended {
			s.Abort()
		}
	})
	defer stop()
	e.Attach(s, h.Epoch, h.Received)
	<-s.over
	s.using.Wait()
	s.mu.Lock()
	lost := s.lost && s.h3 == nil
	s.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
}

type writerOnly struct{ io.Writer }

// dialTCP reaches an application on a real socket.
func dialTCP(authority string) (appConn, error) {
	c, err := net.Dial("tcp4", authority)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// echo answers each byte with itself and each end with an end.
func echo(c appConn) {
	io.Copy(writerOnly{c}, c)
	c.CloseWrite()
	c.Close()
}
