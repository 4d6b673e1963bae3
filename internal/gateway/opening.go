package gateway

import (
	"context"
	"net/http"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
)

// opening is a flow that the session has admitted, of what does not outlive its
// request: UDP and pings.
type opening struct {
	*flow
	ctx context.Context // ends with the request, and when the flow is cut
}

// openFlow has the request's session judge a flow to t. A flow that is admitted
// is registered until leave is called, however often.
func (g *Gateway) openFlow(r *http.Request, c *carrier, t target) (o *opening, leave func(), problem *wire.Problem) {
	s, problem := c.wait(r.Context())
	if problem != nil {
		return nil, nil, problem
	}
	done, problem := s.quota.enter()
	if problem != nil {
		return nil, nil, problem
	}
	ctx, cancel := context.WithCancel(r.Context())
	f := &flow{session: s, target: t, cancel: cancel, gone: ctx.Done()}
	problem = noSession()
	if !s.settled(r.Context().Done(), func() (wait <-chan struct{}) {
		problem, wait = s.open(t, f)
		return wait
	}) {
		problem = s.over()
	}
	if problem != nil {
		cancel()
		done()
		return nil, nil, problem
	}
	leave = sync.OnceFunc(func() {
		s.close(f, "flow-closed")
		cancel()
		done()
	})
	if holdEarly(ctx, r, f) != nil {
		leave()
		return nil, nil, noSession()
	}
	return &opening{f, ctx}, leave, nil
}
