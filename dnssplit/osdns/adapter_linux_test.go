package osdns

import (
	"net/netip"
	"testing"

	"github.com/tidegate/tidegate/internal/netlab"
)

func TestPhysical(t *testing.T) {
	f := newOffice(t, "vpnc-scripts")
	other := newSpace(t)
	physical := func(last Adapter) (a Adapter) {
		t.Helper()
		if err := f.space.Do(func() (err error) { a, err = Physical(last); return err }); err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := physical(Adapter{})
	if first.Name != "phys0" || first.Gateway != netip.MustParseAddr("10.9.0.1") || first.Address != netip.MustParsePrefix("10.9.0.2/24") || first.Remembered {
		t.Errorf("the adapter is %+v", first)
	}
	if got := first.network(); got != "phys0 via 10.9.0.1 in 10.9.0.0/24" {
		t.Errorf("the network is %q", got)
	}
	err := netlab.Connect(netlab.Wire{Space: f.space, Name: "phys1", Address: netip.MustParsePrefix("10.8.0.2/24")},
		netlab.Wire{Space: other, Name: "r1", Address: netip.MustParsePrefix("10.8.0.1/24")})
	if err != nil {
		t.Fatal(err)
	}
	f.run("", nil, "/bin/sh", "-c", "ip route add default via 10.8.0.1 dev phys1 metric 600")
	if got := physical(first); got != first {
		t.Errorf("with a worse one beside it, the adapter is %+v", got)
	}
	v := vpn{dev: "tun0", pid: 1}
	f.up(v) // takes the default route without a metric
	if got := physical(Adapter{}); got.Name != "phys1" {
		t.Errorf("with the best one's route replaced, the adapter is %+v", got)
	}
	f.run("", nil, "/bin/sh", "-c", "ip route del default dev phys1")
	got := physical(first)
	if want := (Adapter{first.Name, first.Index, first.Gateway, first.Address, true}); got != want {
		t.Errorf("with all routes replaced, the adapter is %+v", got)
	}
	if got := physical(Adapter{}); got.Name != "phys0" || got.Gateway != first.Gateway || !got.Remembered {
		t.Errorf("by the route to the VPN's server, the adapter is %+v", got)
	}
	moved := first
	moved.Address = netip.MustParsePrefix("10.7.0.2/24")
	f.run("", nil, "/bin/sh", "-c", "ip route flush exact 203.0.113.7/32")
	if got := physical(moved); got != (Adapter{}) {
		t.Errorf("remembered of another network, the adapter is %+v", got)
	}
	if err := f.space.Link("phys0", false); err != nil {
		t.Fatal(err)
	}
	if got := physical(first); got != (Adapter{}) {
		t.Errorf("with its link down, the adapter is %+v", got)
	}
}

// A VPN that takes IPv4's default route alone has not moved the machine to another
// network: that of IPv6 is the same adapter's still.
func TestPhysicalBesideIPv6(t *testing.T) {
	f := newOffice(t, "vpnc-scripts")
	physical := func(last Adapter) (a Adapter) {
		t.Helper()
		if err := f.space.Do(func() (err error) { a, err = Physical(last); return err }); err != nil {
			t.Fatal(err)
		}
		return a
	}
	f.run("", nil, "/bin/sh", "-ec", "ip -6 addr add fd00:9::2/64 dev phys0 nodad; ip -6 route add default via fe80::1 dev phys0")
	first := physical(Adapter{})
	if first.Gateway != netip.MustParseAddr("10.9.0.1") {
		t.Fatalf("the adapter is %+v", first)
	}
	f.run("", nil, "/bin/sh", "-c", "ip -4 route del default")
	got := physical(first)
	if want := (Adapter{first.Name, first.Index, first.Gateway, first.Address, true}); got != want || got.network() != first.network() {
		t.Errorf("with IPv4's route taken, the adapter is %+v", got)
	}
	if got := physical(Adapter{}); got.Gateway != netip.MustParseAddr("fe80::1") {
		t.Errorf("of which nothing is remembered, the adapter is %+v", got)
	}
	// IPv4's comes late, or by another gateway.
	ipv6 := physical(Adapter{})
	for _, gateway := range []string{"10.9.0.1", "10.9.0.9"} {
		f.run("", nil, "/bin/sh", "-c", "ip -4 route replace default via "+gateway+" dev phys0")
		for _, last := range []Adapter{ipv6, first} {
			if got := physical(last); got.Gateway != netip.MustParseAddr(gateway) || got.Remembered {
				t.Errorf("after %+v, by %s, the adapter is %+v", last, gateway, got)
			}
		}
	}
	f.run("", nil, "/bin/sh", "-ec", "ip -4 route del default; ip addr flush dev phys0 scope global; ip -6 addr add fd00:9::2/64 dev phys0 nodad")
	if got := physical(first); got.Gateway != netip.MustParseAddr("fe80::1") || got.Remembered {
		t.Errorf("in a network of IPv6 alone, the adapter is %+v", got)
	}
}
