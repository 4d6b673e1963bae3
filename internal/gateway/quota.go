package gateway

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tidegate/tidegate/internal/wire"
)

// quota bounds what one session's flows cost the gateway and the other sessions:
// how many there are, how often new ones come, how fast they move.
type quota struct {
	flows *rate.Limiter // new ones
	bytes *rate.Limiter // nil: as many as there are

	mu   sync.Mutex
	open int
	most int
}

// newQuota makes one of whole limits.
func newQuota(l Limits) *quota {
	q := &quota{flows: rate.NewLimiter(rate.Limit(l.FlowRate), 2*l.FlowRate), most: l.Flows}
	if l.ByteRate > 0 {
		q.bytes = rate.NewLimiter(rate.Limit(l.ByteRate), max(l.ByteRate, largeBuffer))
	}
	return q
}

// enter counts a new flow in; done counts it out, however often it is called.
func (q *quota) enter() (done func(), problem *wire.Problem) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.open >= q.most:
		return nil, tooManyFlows("It has as many open as it may.")
	case !q.flows.Allow():
		return nil, tooManyFlows("It opens them too fast.")
	}
	q.open++
	return sync.OnceFunc(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.open--
	}), nil
}

func tooManyFlows(detail string) *wire.Problem {
	return &wire.Problem{Code: wire.CodeOverload, Status: http.StatusTooManyRequests, Title: "The session has too many flows", Detail: detail}
}

// pace waits until n bytes may pass; false: stop came first.
func (q *quota) pace(stop <-chan struct{}, n int) bool {
	if q.bytes == nil {
		return true
	}
	for n > 0 {
		part := min(n, q.bytes.Burst())
		n -= part
		if d := q.bytes.ReserveN(time.Now(), part).Delay(); d > 0 {
			t := time.NewTimer(d)
			select {
			case <-t.C:
			case <-stop:
				t.Stop()
				return false
			}
		}
	}
	return true
}
