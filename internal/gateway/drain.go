package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// farewell is how long clients have to close their connections at the end.
const farewell = time.Second

// gate counts the requests that are served. The zero value is open.
//
//	open ──► draining: nothing new begins ──► closed: no request is served
type gate struct {
	mu       sync.Mutex
	draining bool
	closed   bool
	requests int
	flows    int           // the requests that carry one
	changed  chan struct{} // closed and replaced when flows or requests have ended
}

// enter admits a request, and says how to tell its end. begins says that it is
// the beginning of a session, carries that it carries a flow.
func (t *gate) enter(begins, carries bool) (leave func(), problem *wire.Problem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.draining && (begins || carries) {
		return nil, &wire.Problem{Code: wire.CodeOverload, Status: http.StatusServiceUnavailable, Title: "The gateway is going down",
			Detail: "Another one of its site may serve you."}
	}
	t.requests++
	if carries {
		t.flows++
	}
	return func() { t.leave(carries) }, nil
}

func (t *gate) leave(carries bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests--
	if carries {
		t.flows--
	}
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

func (t *gate) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// until waits for a state of the gate, or for ctx.
func (t *gate) until(ctx context.Context, is func() bool) {
	for {
		t.mu.Lock()
		if is() {
			t.mu.Unlock()
			return
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// wait waits for the last request.
func (t *gate) wait() {
	t.until(context.Background(), func() bool { return t.requests == 0 })
}

// drain lets what is open end by itself, for a while: clients are told to open
// nothing more here (GOAWAY), and may move to another gateway meanwhile. What it
// returns is called when the sessions have ended: the last bytes have a moment to
// arrive, for a connection that is closed loses them.
func (g *Gateway) drain(servers []server) (end func()) {
	g.gate.mu.Lock()
	g.gate.draining = true
	g.gate.mu.Unlock()
	if g.config.Drain <= 0 {
		return func() {}
	}
	telling, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() { s.Shutdown(telling) })
	}
	ctx, stop := context.WithTimeout(telling, g.config.Drain.D())
	defer stop()
	g.gate.until(ctx, func() bool { return g.gate.flows == 0 })
	return func() {
		left := time.AfterFunc(farewell, cancel)
		wg.Wait()
		left.Stop()
		cancel()
	}
}
