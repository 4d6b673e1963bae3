package dnssplit

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// Where every name comes to us, lookups may wait in the sockets already: nobody is
// told that his name is refused because we do not know yet whom to ask for it.
func TestNotBeforeItKnows(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() {
			b.slow = time.Second
			b.answer = protocol.DNS{Mode: osdns.ModeDirect, Upstreams: []osdns.Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53")}}}}
		})
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		time.Sleep(5 * time.Second)
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		if b.ignorant || !strings.HasPrefix(b.forwards, "forward [{[10.0.0.1:53]") {
			t.Errorf("it answers too early: %v, %s", b.ignorant, b.forwards)
		}
	})
}

// A change of the network is looked at once, and then again: those who bring a VPN
// up say what names it has a little later.
func TestNetworkChanges(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() {
			b.answer.Competitors = []osdns.Competitor{{Program: "openvpn", Link: "tun0", Domain: "corp.example", Wins: true}}
		})
		b.fake.watch(netwatch.Change{Network: true, Up: true})
		b.expect("flush", zones)
		want := []session.Competitor{{Program: "openvpn", Adapter: "tun0", Domain: "corp.example", Wins: true}}
		if diff := cmp.Diff(want, b.state().Competitors); diff != "" {
			t.Error(diff)
		}
		time.Sleep(10 * time.Second)
		b.expect(zones)
		time.Sleep(seldom)
		b.expect(zones)
		b.set(func() { b.answer.Competitors = nil })
		b.fake.changed <- struct{}{} // the helper has seen it first
		b.expect(zones)
		if f := b.state(); f.Competitors != nil {
			t.Errorf("it says %+v", f)
		}
	})
}

func TestEveryNameComesHere(t *testing.T) {
	bubble(t, func(b *bench) {
		up := osdns.Upstream{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}, Device: "eth0"}
		b.set(func() {
			b.answer = protocol.DNS{Mode: osdns.ModeDirect, Adapter: "eth0", Upstreams: []osdns.Upstream{up}, Filtered: true}
		})
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", zones, "forward [{[192.0.2.1:53] eth0 []}]")
		f := b.state()
		defer func() {
			b.set(func() { b.answer.Filtered = false })
			b.Split.bound("eth0", os.NewSyscallError("sendto", syscall.EPERM))
			if p := b.state().Problem; p == nil || p.Code != enforced || !strings.Contains(p.Detail, "eth0") {
				t.Errorf("it says %+v", p)
			}
			b.Split.bound("eth0", nil)
			b.Split.bound("eth1", os.NewSyscallError("bind", syscall.ENODEV))
			if p := b.state().Problem; p != nil {
				t.Errorf("it says %+v", p)
			}
		}()
		if !f.All || len(f.Upstreams) != 1 || f.Upstreams[0].Adapter != "eth0" || f.Problem == nil || f.Problem.Code != "rp-filter" {
			t.Errorf("it says %+v", f)
		}
	})
}

// Whoever ended the sockets, they are opened anew.
func TestResolverEnds(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.fake.serve <- errors.New("the socket is gone")
		time.Sleep(short)
		b.expect("close", "open", zones)
	})
}

// While whom to ask for others' names is not known, nobody is told that his name is
// refused: the sockets are given back, and whoever answered before us goes on.
func TestNotWithoutKnowing(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.apply = errors.New("the bus is away") })
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", zones, "close")
		b.set(func() {
			b.apply, b.answer = nil, protocol.DNS{Mode: osdns.ModeDirect, Upstreams: []osdns.Upstream{{Servers: servers("10.0.0.1:53")}}}
		})
		time.Sleep(again)
		b.expect("open", zones, "forward [{[10.0.0.1:53]  []}]")
		// Of those that were known it goes on asking.
		b.set(func() { b.apply = errors.New("the bus is away") })
		b.Device(true)
		b.expect(zones)
		if b.set(func() {}); b.ignorant {
			t.Error("it answered without knowing")
		}
	})
}

// What else happens meanwhile does not take the place of the looks after a change
// of the network.
func TestSettles(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.fake.watch(netwatch.Change{Network: true, Up: true})
		b.expect("flush", zones)
		for range 3 {
			time.Sleep(100 * time.Millisecond)
			b.Device(true)
		}
		b.expect(zones)
		for _, wait := range []time.Duration{2 * time.Second, 8 * time.Second} {
			time.Sleep(wait)
			b.expect(zones)
		}
	})
}

// A lookup is told of, and is no reason to tell the system anything.
func TestLookupsTellNothing(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.Split.note("wiki.corp.example", true)
		b.expect()
		if f := b.state(); f.Asked["wiki.corp.example"].IsZero() || f.Mode == "" {
			t.Errorf("it says %+v", f)
		}
		time.Sleep(seldom)
		b.expect(zones)
	})
}

// An adapter that nobody is asked by any more keeps no names.
func TestEnforcedElsewhere(t *testing.T) {
	bubble(t, func(b *bench) {
		by := func(device string) func() {
			return func() {
				b.answer = protocol.DNS{Mode: osdns.ModeDirect, Adapter: device, Upstreams: []osdns.Upstream{{Servers: servers("192.0.2.1:53"), Device: device}}}
			}
		}
		b.set(by("wlan0"))
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.state()
		b.Split.bound("wlan0", os.NewSyscallError("sendto", syscall.EPERM))
		if p := b.state().Problem; p == nil || p.Code != enforced {
			t.Errorf("it says %+v", p)
		}
		for _, device := range []string{"eth0", "wlan0"} { // by which it is bound anew
			b.set(by(device))
			b.fake.watch(netwatch.Change{Network: true, Up: true})
			if p := b.state().Problem; p != nil {
				t.Errorf("by %s it says %+v", device, p)
			}
		}
	})
}

// Where the sockets have gone, what the system was told is undone all the same: that
// takes the right to answer.
func TestUndoneWithoutSockets(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.fake.serve <- errors.New("the socket is gone")
		synctest.Wait()
		b.Split.Apply(session.Wanted{})
		time.Sleep(short)
		b.expect("close", "open", "undo", "close")
		b.Split.Apply(in)
		b.expect("open", zones)
		b.set(func() { b.leased = false }) // the device's Close was first
		b.Split.Apply(session.Wanted{})
		b.expect("undo", "close", "open", "undo", "close")
	})
}

// And so it is where no name is left when the helper is another.
func TestNoNamesForAnotherHelper(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() { b.absent = true })
		close(b.fake.lost)
		b.state()
		b.o.Pool.Set(nil, nil)
		b.state()
		b.took()
		b.set(func() { b.absent = false })
		time.Sleep(again)
		b.expect("close", "open", "undo")
	})
}

// Where the system cannot be told anew it is as it was: lookups are answered on.
func TestAsItWas(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() { b.apply = errors.New("the bus is away") })
		b.o.Pool.Set([]string{"wiki.corp.example", "db.corp.example"}, nil)
		f := b.state()
		if f.Mode == "" || !slices.Equal(f.Zones, []string{"wiki.corp.example"}) || f.Problem == nil || f.Problem.Title != notAnew {
			t.Errorf("it says %+v, %v", f, f.Problem)
		}
		b.set(func() { b.apply = nil })
		time.Sleep(again)
		if f := b.state(); len(f.Zones) != 2 || f.Problem != nil {
			t.Errorf("it says %+v, %v", f, f.Problem)
		}
	})
}
