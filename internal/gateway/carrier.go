package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// admitWait is how long a flow waits for its connection's session.
const admitWait = 5 * time.Second

// carrier is one connection of a client's, of whichever lane; it binds the
// session that was admitted on it, or joined, to the flows that come on it. The
// session may have others, and outlive them.
type carrier struct {
	mu      sync.Mutex
	session *session
	refusal *wire.Problem // of the last session request, while there is no session
	changed chan struct{} // closed and replaced when either changes
}

func newCarrier() *carrier { return &carrier{changed: make(chan struct{})} }

type carrierKey struct{}

// WithCarrier hangs a carrier on a connection's context, for ServeHTTP.
func WithCarrier(ctx context.Context) context.Context {
	return context.WithValue(ctx, carrierKey{}, newCarrier())
}

// carrierOf is the request's; nil where the server did not hang one.
func carrierOf(ctx context.Context) *carrier {
	c, _ := ctx.Value(carrierKey{}).(*carrier)
	return c
}

// live is the session, where it has not ended, or else why it did. The lock is held.
func (c *carrier) live() (*session, *wire.Problem) {
	if c.session != nil {
		select {
		case <-c.session.done:
			c.session, c.refusal = nil, c.session.last.problem
		default:
		}
	}
	return c.session, c.refusal
}

// admit gives waiting flows their session, refuse the problem that there is none.
func (c *carrier) admit(s *session)       { c.set(s, nil) }
func (c *carrier) refuse(p *wire.Problem) { c.set(nil, p) }

func (c *carrier) set(s *session, refusal *wire.Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if live, _ := c.live(); s == nil && live != nil {
		return // a refused second session leaves the first alone
	}
	c.session, c.refusal = s, refusal
	close(c.changed)
	c.changed = make(chan struct{})
}

// current is the session; nil: there is none, or none any more.
func (c *carrier) current() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, _ := c.live()
	return s
}

// wait returns the session, or the problem that there is none.
func (c *carrier) wait(ctx context.Context) (*session, *wire.Problem) {
	t := time.NewTimer(admitWait)
	defer t.Stop()
	for {
		c.mu.Lock()
		s, refusal := c.live()
		changed := c.changed
		c.mu.Unlock()
		switch {
		case s != nil:
			return s, nil
		case refusal != nil:
			return nil, refusal
		}
		select {
		case <-changed:
		case <-t.C:
			return nil, noSession()
		case <-ctx.Done():
			return nil, noSession()
		}
	}
}

func noSession() *wire.Problem {
	return &wire.Problem{Code: wire.CodeNoSession, Status: http.StatusForbidden, Title: "This connection has no session",
		Detail: "Send the tokens to " + wire.PathDataSession + " first."}
}
