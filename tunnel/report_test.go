package tunnel

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// A connection whose first answer was lost is told of once it goes on, and keeps its
// age when it goes on again.
func TestConnectionWithoutItsFirstAnswerIsTold(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, _ *sim) {
		p := newPlane(New(Options{}))
		f := &flow{p: p, ch: newChannel(p, session.WantedSite{ID: "site"}), app: &application{p: p}, phase: flowMoving}
		opened := time.Now()
		f.opened(newLink(wire.Gateway{}), "d")
		time.Sleep(time.Hour)
		f.phase = flowMoving
		f.opened(newLink(wire.Gateway{}), "d")
		if cs := connectionsOf(among(nil, f)); len(cs) != 1 || !cs[0].Since.Equal(opened) {
			t.Errorf("%+v is told, want one since %v", cs, opened)
		}
	})
}

// Of many connections the newest are told, that first, in whatever order they come;
// and those that were opened at one instant always in one order.
func TestNewestConnectionsAreTold(t *testing.T) {
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var newest []*flow
	for i := range 100 {
		n := i * 37 % 100
		f := &flow{phase: flowOpen, since: start.Add(time.Duration(n/3) * time.Minute), number: uint64(n)}
		f.up.Add(int64(n))
		newest = among(newest, f)
	}
	newest = among(newest, &flow{phase: flowParked}) // not answered yet
	if len(newest) != session.MostConnections {
		t.Fatalf("%d are told", len(newest))
	}
	for i, c := range connectionsOf(newest) {
		if want := int64(99 - i); c.Up != want || !c.Since.Equal(start.Add(time.Duration(want/3)*time.Minute)) {
			t.Errorf("%d: %+v", i, c)
		}
	}
}
