package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// closings counts the connections that a gateway says it closes.
type closings struct {
	slog.Handler
	n *atomic.Int64
}

func (c closings) Enabled(context.Context, slog.Level) bool { return true }

func (c closings) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "a connection is closed") {
		c.n.Add(1)
	}
	return nil
}

// TestLeftConnections: connections whose client has gone without a word are closed
// once their session goes on elsewhere, or has ended, and where they never had one:
// nobody says goodbye on them.
func TestLeftConnections(t *testing.T) {
	for _, c := range []struct {
		name     string
		instance string // of the client that comes
		joined   bool   // there was a further connection
		idle     bool   // there was one that had no session
		want     int64
	}{
		{"the session has moved", "client-1", false, false, 1},
		{"another process has come", "client-2", false, false, 1},
		{"there was another one", "client-2", true, false, 2},
		{"there was one for nothing", "client-1", false, true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var closed atomic.Int64
				s := newSim(t, recorded, halves, func(_ *sim, o *Options) { o.Log = slog.New(closings{slog.DiscardHandler, &closed}) })
				k := s.lastingTicket()
				k.instance = "client-1"
				ends := s.ends
				s.client(t, s.device).admit(k)
				if c.joined || c.idle {
					second := s.client(t, s.device)
					if c.joined {
						if res := second.postTo(http.MethodPost, wire.PathDataCarrier, k); res.StatusCode != http.StatusNoContent {
							t.Fatal(wire.ReadProblem(res.StatusCode, res.Body))
						}
					}
				}
				time.Sleep(10 * time.Minute)
				for _, end := range ends[:c.want] { // one for each
					end.Close()
				}
				k.instance = c.instance
				s.client(t, s.device).admit(k)
				time.Sleep(2 * time.Minute)
				if n := closed.Load(); n != c.want {
					t.Errorf("%d connections were closed, not %d", n, c.want)
				}
			})
		})
	}
}
