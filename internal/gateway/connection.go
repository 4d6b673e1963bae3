package gateway

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// connection is what a request may know of the one it came on.
type connection struct {
	secured <-chan struct{} // closed when the handshake is complete; nil: it is
	gone    <-chan struct{} // closed when the connection has ended
	guest   *guest
	silence *silence // nil: it is not watched
}

type connectionKey struct{}

func withConnection(ctx context.Context, c connection) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// connectionOf is the request's; the zero value where the server hung none.
func connectionOf(r *http.Request) connection { return connectionIn(r.Context()) }

func connectionIn(ctx context.Context) connection {
	c, _ := ctx.Value(connectionKey{}).(connection)
	return c
}

// early says whether the handshake of the request's connection is not complete
// yet: it came in 0-RTT, and might have been sent by somebody else before.
func early(r *http.Request) bool {
	c := connectionOf(r)
	if c.secured == nil {
		return false
	}
	select {
	case <-c.secured:
		return false
	default:
		return true
	}
}

// connectionEnds tells when the connections of an http.Server have ended.
type connectionEnds struct {
	mu   sync.Mutex
	open map[net.Conn]context.CancelFunc
}

// begin is for http.Server's ConnContext.
func (e *connectionEnds) begin(ctx context.Context, c net.Conn) <-chan struct{} {
	ctx, cancel := context.WithCancel(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[c] = cancel
	return ctx.Done()
}

// state is http.Server's ConnState. A connection that is taken over is its
// handler's to end.
func (e *connectionEnds) state(c net.Conn, s http.ConnState) {
	if s != http.StateClosed && s != http.StateHijacked {
		return
	}
	e.mu.Lock()
	cancel := e.open[c]
	delete(e.open, c)
	e.mu.Unlock()
	if cancel != nil && s == http.StateClosed {
		cancel()
	}
}
