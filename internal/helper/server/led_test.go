//go:build linux

package server

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// What was taken away is forgotten when it was there for a while; what is gone is not.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := piece{net: netip.MustParsePrefix("100.96.0.0/16")}, piece{netip.MustParsePrefix("10.20.0.0/16"), 5200}
		l := &led{at: map[piece]time.Time{}}
		lacks := func(all ...piece) []piece {
			back, _, _ := l.miss(time.Now(), all)
			for _, p := range all {
				l.at[p] = time.Now()
			}
			return back
		}
		r := record{Routes: []netip.Prefix{a.net}, Networks: []netip.Prefix{b.net}}
		for n := range protocol.MaxPutBack + 1 {
			lacks(b)
			time.Sleep(6 * time.Second)
			back := lacks(b)
			if want := n < protocol.MaxPutBack; slices.Contains(back, b) != want {
				t.Fatalf("the %dth time: %v", n+1, back)
			}
			l.done(back)
		}
		l.done(lacks(a, b)[:1])
		want := []protocol.Taken{{Route: b.net, Rule: true, Times: 4, Gone: true}, {Route: a.net, Times: 1}}
		if got := l.tell(); !slices.Equal(got, want) {
			t.Errorf("%+v", got)
		}
		if got := l.less(r); !slices.Equal(got.Routes, r.Routes) || len(got.Networks) != 0 {
			t.Errorf("put back with %+v", got)
		}
		if next := l.forget(time.Now()); time.Until(next) != quiet {
			t.Errorf("to look again in %v", time.Until(next))
		}
		time.Sleep(quiet)
		if next := l.forget(time.Now()); !next.IsZero() || !slices.Equal(l.tell(), want[:1]) {
			t.Errorf("%v, %+v", next, l.tell())
		}
		lacks() // somebody else has put it back
		time.Sleep(quiet)
		l.forget(time.Now())
		if got := l.tell(); got != nil {
			t.Errorf("%+v", got)
		}
	})
}
