package classicvpn

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

func TestRoam(t *testing.T) {
	move := func(w *world, way string) {
		w.now()
		w.way = way
		w.networks <- netwatch.Change{Network: true}
	}
	for _, row := range []struct {
		name string
		do   func(w *world)
		want int
	}{
		{"what is not on the way", func(w *world) { move(w, "eth0") }, 0},
		{"another network", func(w *world) { move(w, "wlan0") }, 1},
		{"no network, and another later", func(w *world) {
			move(w, "")
			time.Sleep(time.Minute)
			if n := w.run().told(); n != 0 {
				w.t.Errorf("without a network it is told %d times", n)
			}
			move(w, "wlan0")
		}, 1},
		{"no network, and the same later", func(w *world) {
			move(w, "")
			time.Sleep(time.Minute)
			move(w, "eth0")
		}, 1},
		{"there and back at once", func(w *world) {
			move(w, "wlan0")
			time.Sleep(spread / 2)
			move(w, "lte0")
			move(w, "wlan0")
		}, 1},
		{"a sleep", func(w *world) { w.networks <- netwatch.Change{Slept: time.Hour} }, 1},
		{"a sleep, and another network soon", func(w *world) {
			w.networks <- netwatch.Change{Slept: time.Hour}
			move(w, "")
			time.Sleep(2 * time.Second)
			move(w, "wlan0")
		}, 2},
		{"a storm", func(w *world) {
			for i := range 200 {
				move(w, fmt.Sprint("wlan", i))
				time.Sleep(100 * time.Millisecond)
			}
		}, 5},
		{"while it connects anew", func(w *world) {
			w.must(w.turn(hook.AttemptReconnect))
			move(w, "wlan0")
		}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(w *world) {
				w.connected()
				time.Sleep(time.Minute)
				row.do(w)
				time.Sleep(2 * spread)
				if n := w.run().told(); n != row.want {
					t.Errorf("openconnect is told %d times and not %d", n, row.want)
				}
				w.must(w.turn(hook.Reconnect))
				w.phase(session.VPNConnected)
			})
		})
	}
	t.Run("before the tunnel", func(t *testing.T) {
		in(t, func(w *world) {
			move(w, "wlan0")
			w.must(w.vpn.Connect(w.add("vpn.example.com")))
			w.phase(session.VPNConnecting)
			move(w, "eth0")
			time.Sleep(2 * spread)
			if n := w.run().told(); n != 0 {
				t.Errorf("it is told %d times", n)
			}
		})
	})
}
