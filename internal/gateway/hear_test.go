package gateway

import (
	"net/http"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestComesBackInformed: tokens that were voided while a gateway was away let
// nobody in, though it remembers a policy by which they held.
func TestComesBackInformed(t *testing.T) {
	ctl := newController(t)
	laptop := ctl.device("laptop-1")
	g := startWith(t, Options{Config: Config{State: ctl.enrolledState(ctl.address)}}, func(g *Gateway) { g.hearWithin = time.Hour })
	answer := make(chan *wire.Problem, 1)
	go func() {
		res := ctl.client(t, g.Addr(), laptop).post(http.MethodPost, ctl.ticket(laptop))
		defer res.Body.Close()
		if res.StatusCode == http.StatusOK {
			answer <- nil
			return
		}
		answer <- wire.ReadProblem(res.StatusCode, res.Body)
	}()
	select {
	case p := <-answer:
		t.Fatalf("answered before the policy came: %v", p)
	case <-time.After(200 * time.Millisecond): // longer only shows more
	}
	ctl.policies <- ctl.token(wire.TypePolicy, wire.PolicyToken{Revision: 9, Renew: map[wire.SessionID]wire.Renewal{"s-1": {Revision: 9, Until: time.Now().Add(time.Hour)}}})
	if p := <-answer; p == nil || p.Code != wire.CodeToken {
		t.Errorf("by tokens of old: %v", p)
	}
}

// TestSilentController: a controller that says nothing keeps no gateway from what
// it remembers.
func TestSilentController(t *testing.T) {
	ctl := newController(t)
	laptop := ctl.device("laptop-1")
	g := startWith(t, Options{Config: Config{State: ctl.enrolledState(ctl.address)}}, func(g *Gateway) { g.hearWithin = 50 * time.Millisecond })
	ctl.client(t, g.Addr(), laptop).admit(ctl.ticket(laptop))
}
