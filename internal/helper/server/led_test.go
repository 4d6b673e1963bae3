//go:build linux

package server

import (
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// What was taken away is forgotten when it was there for a while; what is gone is not.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := piece{net: netip.MustParsePrefix("100.96.0.0/16")}, piece{net: netip.MustParsePrefix("10.20.0.0/16"), rule: 5200}
		behind := piece{net: a.net, guard: true}
		l := &taken{}
		lacks := func(all ...piece) []piece {
			back, _ := l.miss(time.Now(), all)
			return back
		}
		r := record{Routes: []netip.Prefix{a.net}, Networks: []netip.Prefix{b.net}}
		for n := range protocol.MaxPutBack + 1 {
			lacks(b, behind)
			time.Sleep(6 * time.Second)
			back := lacks(b, behind)
			if want := n < protocol.MaxPutBack; slices.Contains(back, b) != want || slices.Contains(back, behind) != want {
				t.Fatalf("the %dth time: %v", n+1, back)
			}
			l.done(back)
		}
		l.done(lacks(a, b, behind)[:1])
		want := []protocol.Taken{{Route: b.net, Rule: true, Times: 4, Gone: true}, {Route: a.net, Guard: true, Times: 4, Gone: true}, {Route: a.net, Times: 1}}
		if got := l.tell(); !slices.Equal(got, want) {
			t.Errorf("%+v", got)
		}
		if got := l.less(r, false, time.Now()); !slices.Equal(got.Routes, r.Routes) || len(got.Networks) != 0 {
			t.Errorf("what leads to the device is put back with %+v", got)
		}
		if got := l.less(r, true, time.Now()); len(got.Routes) != 0 || !slices.Equal(got.Networks, r.Networks) {
			t.Errorf("what is behind it is put back with %+v", got)
		}
		if next := l.forget(time.Now()); time.Until(next) != quiet {
			t.Errorf("to look again in %v", time.Until(next))
		}
		time.Sleep(quiet)
		if next := l.forget(time.Now()); !next.IsZero() || !slices.Equal(l.tell(), want[:2]) {
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

// leading is a server with a user's device, to which these lead, in a network for this
// thread, which ends with it.
func leading(t *testing.T, routes, networks string) (*Server, record) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Config: c, Journal: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r := record{UID: 7, Slot: 1, Routes: prefixes(routes), Networks: prefixes(networks)}
	fd, err := openTUN(r.name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if r.Index, _, err = configure(r.name(), c.address(0, 1), c.address(1, 1)); err != nil {
		t.Fatal(err)
	}
	s.records[r.UID] = r
	s.senses.known = &protocol.Sensed{}
	if err := c.block(r, r); err != nil {
		t.Fatal(err)
	}
	if err := c.lead(r); err != nil {
		t.Fatal(err)
	}
	return s, r
}

// A desktop lists the device among its connections, and disconnects it at a click: it is
// up again at once, with its addresses, and routes lead there.
func TestDisconnected(t *testing.T) {
	addresses := func(families ...int) func(*testing.T, netlink.Link) {
		return func(t *testing.T, l netlink.Link) {
			for _, family := range families {
				all, err := netlink.AddrList(l, family)
				if err != nil || len(all) == 0 {
					t.Fatalf("%v, %v", all, err)
				}
				for _, a := range all {
					if err := netlink.AddrDel(l, &a); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	for what, take := range map[string]func(*testing.T, netlink.Link){
		"addresses":      addresses(netlink.FAMILY_V4, netlink.FAMILY_V6),
		"IPv4's address": addresses(netlink.FAMILY_V4),
		"IPv6's address": addresses(netlink.FAMILY_V6),
		"it is down": func(t *testing.T, l netlink.Link) {
			if err := netlink.LinkSetDown(l); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			s, r := leading(t, "100.96.0.0/16 fd54:6964:6567::/48", "")
			c := s.o.Config
			l, err := netlink.LinkByIndex(r.Index)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.o.Config.guard(r); err != nil {
				t.Fatal(err)
			}
			take(t, l)
			if err := s.hold(r); err != nil { // as a helper that comes later does
				t.Error(err)
			}
			if lacking, err := c.lackingLed(r); err != nil || len(lacking) != 0 {
				t.Errorf("lacking for another: %v, %v", lacking, err)
			}
			take(t, l)
			s.upholdLed()
			if lacking, err := c.lackingLed(r); err != nil || len(lacking) != 0 {
				t.Errorf("lacking: %v, %v", lacking, err)
			}
			for _, to := range []string{"100.96.1.1", "fd54:6964:6567::1"} {
				routes, err := netlink.RouteGetWithOptions(netip.MustParseAddr(to).AsSlice(), &netlink.RouteGetOptions{UID: &r.UID})
				if err != nil || len(routes) != 1 || routes[0].LinkIndex != r.Index {
					t.Errorf("to %s: %v, %v", to, routes, err)
				}
			}
			if told, _, _ := s.senses.now(7); len(told.Taken) == 0 {
				t.Error("nobody is told")
			}
		})
	}
}

// A user is told that a route was taken away until it was there for a while, in which
// nobody else is told anything.
func TestTakenIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := leading(t, "100.96.0.0/16", "10.20.0.0/16 fd00:20::/32")
		c := s.o.Config
		tell := func(uid uint32) []protocol.Taken {
			told, _, _ := s.senses.now(uid)
			return told.Taken
		}
		if again := s.upholdLed(); !again.IsZero() || tell(7) != nil {
			t.Errorf("to begin with: %v, %+v", again, tell(7))
		}
		began := time.Now()
		for _, gone := range []*netlink.Route{
			{Dst: ipnet(r.Routes[0]), Table: c.table(r), LinkIndex: r.Index, Scope: netlink.SCOPE_LINK},
			{Dst: ipnet(r.Routes[0]), Type: unix.RTN_UNREACHABLE, Table: unix.RT_TABLE_MAIN, Priority: blockMetric(r)},
		} {
			if err := netlink.RouteDel(gone); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range r.Networks {
			rule := c.blockRule(r, p)
			if rule.Family = netlink.FAMILY_V4; p.Addr().Is6() {
				rule.Family = netlink.FAMILY_V6
			}
			if err := netlink.RuleDel(rule); err != nil {
				t.Fatal(err)
			}
		}
		again := s.upholdLed()
		want := []protocol.Taken{{Route: r.Routes[0], Times: 1}, {Route: r.Routes[0], Guard: true, Times: 1},
			{Route: r.Networks[0], Rule: true, Guard: true, Times: 1}, {Route: r.Networks[1], Rule: true, Guard: true, Times: 1}}
		if got := tell(7); again.IsZero() || !slices.Equal(got, want) {
			t.Fatalf("%v, %+v", again, got)
		}
		if lacking, err := c.lackingLed(r); err != nil || lacking != nil {
			t.Errorf("it is not put back: %v, %v", lacking, err)
		}
		if got := tell(8); got != nil {
			t.Errorf("another user is told %+v", got)
		}
		for !again.IsZero() {
			if got := tell(7); !slices.Equal(got, want) {
				t.Errorf("after %v: %+v", time.Since(began), got)
			}
			time.Sleep(time.Until(again))
			again = s.upholdLed()
		}
		if got := tell(7); got != nil || time.Since(began) != quiet {
			t.Errorf("after %v: %+v", time.Since(began), got)
		}
	})
}
