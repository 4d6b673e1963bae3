package controller

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestRuns: a session is told of each new run of its sites' gateways, whenever it
// comes, and of no other's.
func TestRuns(t *testing.T) {
	waking(t, func(t *testing.T, b *bubble, alice, gw *caller, _ wire.SessionID) {
		other := b.caller(b.enrolGateway(t.Context(), "gw2", &newKey(t).PublicKey))
		l := alice.open(wire.PathEvents)
		snapshots := 0
		want := func(what string, more int, runs map[string]string) {
			t.Helper()
			s := l.snapshot()
			if n := len(l.events()); n != snapshots+more || !maps.Equal(s.Runs, runs) {
				t.Errorf("%s: %d snapshots more, want %d; of runs %v, want %v", what, n-snapshots, more, s.Runs, runs)
			}
			snapshots = len(l.events())
		}
		want("nobody has come", 1, nil)
		path := wire.PathGatewayEvents + "?" + wire.ParamRun + "="
		gw.open(path + "first")
		want("its gateway", 1, map[string]string{"gw1": "first"})
		gw.open(path + "first")
		want("the same again", 0, map[string]string{"gw1": "first"})
		gw.open(wire.PathGatewayEvents)
		want("one that does not say", 0, map[string]string{"gw1": "first"})
		other.open(path + "other")
		want("another site's", 0, map[string]string{"gw1": "first"})
		gw.open(path + "second")
		want("begun anew", 1, map[string]string{"gw1": "second"})
		if w := gw.ask("GET", path+"no/run", nil); w.Code != http.StatusBadRequest {
			t.Errorf("what is no run: %d %s", w.Code, w.Body)
		}
		time.Sleep(time.Hour)
		gw.open(path + "third")
		l = alice.open(wire.PathEvents)
		snapshots = 0
		want("who was away meanwhile", 1, map[string]string{"gw1": "third"})
	})
}
