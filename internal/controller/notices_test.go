package controller

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// annex is a second site with a gateway, and with nothing for alice.
const annex = `---
apiVersion: tidegate.org/v1
kind: Site
metadata: {name: annex}
---
apiVersion: tidegate.org/v1
kind: Gateway
metadata: {name: gw2}
spec: {site: annex, address: 127.0.0.1:8445}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: archive}
spec:
  site: annex
  actions: [{hosts: [archive.example.com], ports: [443]}]
`

// told are the events beside snapshots, as "name site".
func (l *live) told() []string {
	l.t.Helper()
	synctest.Wait()
	var all []string
	for _, e := range l.events() {
		if e.Name == wire.EventSnapshot {
			continue
		}
		var n wire.ChannelNotice
		if err := json.Unmarshal(e.Data, &n); err != nil {
			l.t.Fatal(err)
		}
		all = append(all, e.Name+" "+string(n.Site))
	}
	return all
}

func (l *live) wantTold(what string, want ...string) {
	l.t.Helper()
	if d := cmp.Diff(want, l.told()); d != "" {
		l.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// waking is alice with a stream, in a bubble with a gateway of her site.
func waking(t *testing.T, f func(t *testing.T, b *bubble, alice, gw *caller, session wire.SessionID)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, configWith(t, annex), t.TempDir(), &store.Memory{})
		defer b.stop()
		alice, gw := b.device("alice"), b.gatewayPeer()
		alice.signIn()
		synctest.Wait()
		all, err := b.Sessions(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		f(t, b, alice, gw, all[0].ID)
	})
}

// TestWhoMayWake: gateways of the session's sites, and nobody else.
func TestWhoMayWake(t *testing.T) {
	waking(t, func(t *testing.T, b *bubble, alice, _ *caller, session wire.SessionID) {
		l := alice.open(wire.PathEvents)
		q := wire.GatewayWake{Sessions: []wire.SessionID{session}}
		other := b.caller(b.enrolGateway(t.Context(), "gw2", &newKey(t).PublicKey))
		replaced := b.gatewayPeer()
		gw := b.gatewayPeer() // enrolled anew, which voids the key before
		for _, row := range []struct {
			name   string
			p      *caller
			body   any
			status int
		}{
			{"a device", alice, q, http.StatusForbidden},
			{"nobody", &caller{b: b, from: "203.0.113.5"}, q, http.StatusForbidden},
			{"a gateway that was replaced", replaced, q, http.StatusForbidden},
			{"a gateway of another site", other, q, http.StatusNoContent},
			{"an unknown session", gw, wire.GatewayWake{Sessions: []wire.SessionID{"unknown", ""}}, http.StatusNoContent},
			{"no session", gw, wire.GatewayWake{}, http.StatusNoContent},
			{"too many sessions", gw, wire.GatewayWake{Sessions: make([]wire.SessionID, maxWake+1)}, http.StatusBadRequest},
			{"too large a body", gw, fmt.Sprintf(`{"sessions":[%*s]}`, maxWakeBody, ""), http.StatusRequestEntityTooLarge},
			{"no JSON", gw, "{", http.StatusBadRequest},
		} {
			if w := row.p.ask("POST", wire.PathGatewayWake, row.body); w.Code != row.status {
				t.Errorf("%s: %d %s", row.name, w.Code, w.Body)
			}
			l.wantTold(row.name)
		}
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayWake, q)
		l.wantTold("a gateway of her site", "wake hq")
		if err := b.RevokeSession(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayWake, q)
		if len(b.hub.sessions) != 0 || len(b.hub.keys) != 0 {
			t.Errorf("of the session that has ended there are %v, %v", b.hub.sessions, b.hub.keys)
		}
	})
}

// TestWakesAreFew: a gateway may ask as often as it likes.
func TestWakesAreFew(t *testing.T) {
	waking(t, func(t *testing.T, b *bubble, alice, gw *caller, session wire.SessionID) {
		l := alice.open(wire.PathEvents)
		q := wire.GatewayWake{Sessions: []wire.SessionID{session, session}}
		for range 50 {
			gw.must(http.StatusNoContent, "POST", wire.PathGatewayWake, q)
		}
		l.wantTold("fifty at once", "wake hq")
		time.Sleep(wakeEvery)
		l.wantTold("those after the first are one, later", "wake hq", "wake hq")
		time.Sleep(time.Minute)
		l.wantTold("and then none", "wake hq", "wake hq")
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayWake, q)
		l.wantTold("a minute later", "wake hq", "wake hq", "wake hq")
	})
}

// TestWakeFindsTheClient that is away, or comes anew because its stream was dead.
func TestWakeFindsTheClient(t *testing.T) {
	waking(t, func(t *testing.T, b *bubble, alice, gw *caller, session wire.SessionID) {
		q := wire.GatewayWake{Sessions: []wire.SessionID{session}}
		gw.must(http.StatusNoContent, "POST", wire.PathGatewayWake, q)
		time.Sleep(time.Hour)
		first := alice.open(wire.PathEvents)
		first.wantTold("who was away", "wake hq")
		if e := first.events(); e[0].Name != wire.EventSnapshot {
			t.Errorf("the wake-up came before the snapshot: %v", e)
		}
		time.Sleep(wakeAgain / 2)
		second := alice.open(wire.PathEvents)
		second.wantTold("whose first stream may have been dead", "wake hq")
		first.wantTold("on the stream that was replaced", "wake hq")
		time.Sleep(wakeAgain)
		alice.open(wire.PathEvents).wantTold("who comes anew later")

		// A stream that is replaced before it has sent an order leaves it to the next.
		l := b.hub.join(b.hub.key(session))
		if !b.hub.order(l.key) {
			t.Error("a session with a stream is taken for away")
		}
		alice.open(wire.PathEvents).wantTold("the order", "suspend ")
	})
}
