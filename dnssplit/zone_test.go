package dnssplit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// The names of those that are left out are not said to be ours.
func TestLeft(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.answer.Left = map[protocol.Code][]string{protocol.Outside: {"intranet"}} })
		b.o.Pool.Set([]string{"wiki.corp.example", "intranet"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", "apply intranet wiki.corp.example"+reverse)
		f := b.state()
		if p := f.Problem; p == nil || p.Code != "outside" || p.Detail != "They are not looked up here: intranet" {
			t.Errorf("it says %+v", p)
		}
		if diff := cmp.Diff([]string{"wiki.corp.example"}, f.Zones); diff != "" {
			t.Error(diff)
		}
	})
}

// A domain with the controller's or a gateway's name in it is not asked of us: they
// could not be found by it any more.
func TestUnderlay(t *testing.T) {
	bubble(t, func(b *bench) {
		b.o.Pool.Set([]string{"wiki.corp.example", "db.lab.example"}, []string{"corp.example", "lab.example"})
		w := in
		w.Routes = []session.WantedRoute{{Hosts: []string{"*.corp.example", "10.0.0.0/8", "shop.corp.example"}}, {Hosts: []string{"not.corp.example"}, Exclude: true}}
		w.Sites = []session.WantedSite{{Gateways: []wire.Gateway{{Address: "gw.corp.example:8444"}, {Address: "192.0.2.1:8444"}}}}
		b.Split.Apply(w)
		b.Device(true)
		b.expect("open", "apply shop.corp.example wiki.corp.example lab.example"+reverse)
		f := b.state()
		if p := f.Problem; p == nil || p.Code != underlay || !strings.Contains(p.Detail, "gw.corp.example") {
			t.Errorf("it says %+v", p)
		}
		if b.zone.Below("gw.corp.example") || !b.zone.Below("wiki.corp.example") || !b.zone.Below("new.corp.example") {
			t.Error("the resolver takes other names for ours")
		}
		w.Routes = append(w.Routes, session.WantedRoute{Hosts: []string{"new.corp.example"}}) // of the pool's zones none is another
		b.Split.Apply(w)
		b.expect("apply new.corp.example shop.corp.example wiki.corp.example lab.example" + reverse)
		w.Sites = nil
		b.Split.Apply(w)
		b.expect("apply corp.example lab.example" + reverse)
		if p := b.state().Problem; p != nil {
			t.Errorf("it says %+v", p)
		}
	})
}

func TestTooMany(t *testing.T) {
	bubble(t, func(b *bench) {
		var hosts []string
		for n := range protocol.MaxDomains {
			hosts = append(hosts, fmt.Sprintf("h%04d.example", n))
		}
		b.o.Pool.Set(hosts, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", fmt.Sprintf("apply %d domains", protocol.MaxDomains))
		f := b.state()
		if p := f.Problem; p == nil || p.Code != "full" || len(f.Zones) != protocol.MaxDomains-2 {
			t.Errorf("of %d it says %+v", len(f.Zones), p)
		}
	})
}

// Where the machine's own network has the addresses, others are taken, the device
// is led anew, and the system is told of other reverse zones.
func TestCollision(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() {
			b.taken = []netip.Prefix{netip.MustParsePrefix("100.96.7.0/24"), netip.MustParsePrefix("100.64.0.0/16")}
		})
		b.fake.watch(netwatch.Change{Network: true, Up: true})
		b.expect("flush", "led", "apply wiki.corp.example 65.100.in-addr.arpa 7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa")
		if a, _ := b.o.Pool.Addrs("wiki.corp.example"); !netip.MustParsePrefix("100.65.0.0/16").Contains(a[0]) {
			t.Errorf("the wiki is at %v", a)
		}
	})
}

// It is moved before there is a device: the helper would refuse to lead it.
func TestCollisionFromTheStart(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.taken = []netip.Prefix{netip.MustParsePrefix("100.96.0.0/12")} })
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.expect("led")
		b.Device(true)
		b.expect("open", strings.Replace(zones, "96.100", "64.100", 1))
	})
}

func TestNetworksOfThisMachine(t *testing.T) {
	all, err := networks()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Bits() < 8 || p.Addr().IsLoopback() }) {
		t.Errorf("there are %v", all)
	}
}

// One name that no system can be told of does not keep the others from being told.
func TestOddNames(t *testing.T) {
	bubble(t, func(b *bench) {
		b.o.Pool.Set([]string{"wiki.corp.example", "odd-.corp.example", "a..b", "bücher.example"}, []string{"lab.example"})
		w := in
		w.Routes = []session.WantedRoute{{Hosts: []string{"*.lab.example", "x-.lab.example", "-y.lab.example", "ä.lab.example", "z.lab.example"}}}
		w.Sites = []session.WantedSite{{Gateways: []wire.Gateway{{Address: "gw.lab.example:8444"}}}}
		b.Split.Apply(w)
		b.Device(true)
		b.expect("open", "apply z.lab.example wiki.corp.example"+reverse)
	})
}

// Nor do they keep each other from it by their length.
func TestTooLong(t *testing.T) {
	bubble(t, func(b *bench) {
		var hosts []string
		for n := range 1000 {
			hosts = append(hosts, fmt.Sprintf("h%04d.%s.%s.example", n, strings.Repeat("a", 50), strings.Repeat("b", 50)))
		}
		b.o.Pool.Set(hosts, nil)
		b.Split.Apply(in)
		b.Device(true)
		f := b.state()
		if p := f.Problem; p == nil || p.Code != "full" || len(f.Zones) < 500 {
			t.Errorf("of %d it says %+v", len(f.Zones), p)
		}
		if _, err := protocol.Encode(protocol.Request{Verb: protocol.ApplyDNS, Domains: append(f.Zones, b.o.Pool.Reverse()...), Strict: true}); err != nil {
			t.Error(err)
		}
	})
}
