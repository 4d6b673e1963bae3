//go:build linux

package server

import (
	"context"
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

// News without end put nothing off, and it is looked no more often than is right; when
// it is to be looked again counts beside them.
func TestUphold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		news := make(chan struct{}, 1)
		start := time.Now()
		var looks []time.Duration
		ended := make(chan error, 1)
		go func() {
			ended <- uphold(ctx, news, func() time.Time {
				looks = append(looks, time.Since(start))
				if len(looks) > 1 {
					time.Sleep(20 * time.Millisecond) // it takes its time
				}
				if again := start.Add(10 * time.Second); time.Now().Before(again) {
					return again
				}
				return time.Time{}
			})
		}()
		news <- struct{}{}
		time.Sleep(time.Second)
		for range 500 { // ten milliseconds apart, from 1 s to 6 s
			select {
			case news <- struct{}{}:
			default:
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		cancel()
		<-ended
		if len(looks) < 2 || looks[0] != gatherLed || looks[1] != time.Second+gatherLed {
			t.Fatalf("it is looked at %v", looks)
		}
		if n := len(looks); n < 10 || n > 60 || looks[n-1] != 10*time.Second {
			t.Errorf("%d looks, the last at %v", n, looks[n-1])
		}
		for i, at := range looks[1:] {
			if last := looks[i]; i > 0 && at-last < 100*time.Millisecond {
				t.Errorf("looked at %v, and again at %v", last, at)
			}
		}
	})
}
