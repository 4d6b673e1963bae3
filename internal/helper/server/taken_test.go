//go:build linux

package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// What is taken away again and again is put back at once, after a second, after five,
// and no more.
func TestTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v taken
		start := time.Now()
		route, rule := piece{net: prefixes("10.61.0.0/16")[0]}, piece{net: prefixes("198.51.100.9/32")[0], rule: 5205}
		look := func(lacking ...piece) []piece {
			for {
				back, again := v.miss(time.Now(), lacking)
				if again.IsZero() || len(back) > 0 {
					return back
				}
				time.Sleep(time.Until(again))
			}
		}
		for n, want := range []time.Duration{0, time.Second, 6 * time.Second} {
			back := look(route)
			if len(back) != 1 || back[0] != route || time.Since(start) != want {
				t.Errorf("%d: %v is put back after %v", n, back, time.Since(start))
			}
			if got := v.tell(); got[0].Times != n+1 || got[0].Gone {
				t.Errorf("%d: told %+v", n, got)
			}
			v.done(back)
			if back := look(); back != nil {
				t.Errorf("%d: %v when nothing lacks", n, back)
			}
		}
		for range 3 {
			if back := look(route); back != nil {
				t.Errorf("%v is put back for ever", back)
			}
		}
		if got := v.tell(); len(got) != 1 || got[0] != (protocol.Taken{Route: route.net, Times: 4, Gone: true}) {
			t.Errorf("told %+v", got)
		}
		// Another has its own count; and who took the first away has put it back.
		if back := look(rule); len(back) != 1 || back[0] != rule {
			t.Errorf("%v is put back", back)
		}
		v.done([]piece{rule})
		if got := v.tell(); len(got) != 2 || got[0].Gone || !got[1].Rule || got[1].Times != 1 {
			t.Errorf("told %+v", got)
		}
		// As many as there may be fit into a message.
		for n := range 2000 {
			look(piece{net: prefixes(fmt.Sprintf("fd00:%x::/32", n))[0]})
		}
		if _, err := protocol.Encode(protocol.Reply{VPN: &protocol.VPNTold{Taken: v.tell()}}); err != nil {
			t.Error(err)
		}
	})
}
