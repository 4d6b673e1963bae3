//go:build linux

package tun

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// named is a session whose entitlements name these hosts.
func named(hosts ...string) session.Wanted {
	return session.Wanted{
		Session: "s",
		Sites:   []session.WantedSite{{ID: "north", Gateways: []wire.Gateway{{Name: "n1", Address: "gw.example:8444"}, {Name: "n2", Address: "10.8.0.7:8444"}}}},
		Apps:    []session.WantedApp{{Host: "wiki.corp", Port: 80}},
		Routes: []session.WantedRoute{
			{Protocol: wire.TCP, Hosts: hosts, Ports: []uint16{80}},
			{Protocol: wire.TCP, Hosts: []string{"10.77.0.0/16"}, Ports: []uint16{80}, Exclude: true},
		},
	}
}

// The networks that are led, of what entitlements name.
func TestNetworks(t *testing.T) {
	for _, tt := range []struct{ name, hosts, led string }{
		{"a network", "10.20.0.0/16", "10.20.0.0/16"},
		{"an address", "10.20.0.5", "10.20.0.5/32"},
		{"an address of IPv6", "fd00:20::5", "fd00:20::5/128"},
		{"mapped", "::ffff:10.20.0.5", "10.20.0.5/32"},
		{"one in the other", "10.20.4.0/24 10.20.0.0/16", "10.20.0.0/16"},
		{"bits behind", "10.20.4.1/16", "10.20.0.0/16"},
		{"names", "wiki.corp dns://db.corp", ""},
		{"the gateway is in there", "192.0.2.0/24 10.20.0.0/16", "10.20.0.0/16"},
		{"the other gateway", "10.8.0.0/16 10.20.0.0/16", "10.20.0.0/16"},
		{"the controller", "198.51.100.4 10.20.0.0/16", "10.20.0.0/16"},
		{"the controller, of IPv6", "2001:db8::/32 10.20.0.0/16", "10.20.0.0/16"},
		{"a resolver", "10.9.0.0/24 10.20.0.0/16", "10.20.0.0/16"},
		{"everything", "0.0.0.0/0 ::/0", ""},
		{"synthetic addresses", "100.96.0.9 10.20.0.0/16", "10.20.0.0/16"},
		{"mapped networks", "::ffff:10.0.0.0/104 10.20.0.0/16", "10.20.0.0/16"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			f.name("gw.example", "192.0.2.8")
			f.name("controller.example", "198.51.100.4", "2001:db8::4")
			bubble(t, f, func(tun *TUN, expect func(...string)) {
				tun.Apply(named(strings.Fields(tt.hosts)...))
				want := led
				if tt.led != "" {
					want = fmt.Sprintf("%s networks [%s]", led, tt.led)
				}
				expect("open", want, "up true", "carry")
			})
		})
	}
}

// What is led follows what is wanted, and where the gateways are.
func TestNetworksChange(t *testing.T) {
	const corp = led + " networks [10.20.0.0/16]"
	f := &fake{}
	f.name("controller.example", "198.51.100.4")
	bubble(t, f, func(tun *TUN, expect func(...string)) {
		tun.Apply(named("10.20.0.0/16"))
		expect("open", led, "up true", "carry") // nobody knows where the gateway is
		f.name("gw.example", "192.0.2.8")
		time.Sleep(again)
		expect(corp)
		time.Sleep(again) // the machine's networks may have changed
		expect(corp)
		f.name("gw.example") // it is where it was last
		time.Sleep(again)
		expect(corp)
		f.name("gw.example", "10.20.0.8")
		time.Sleep(again)
		expect(led)
		time.Sleep(again)
		expect()
		tun.Apply(named("10.30.0.0/16"))
		expect(led + " networks [10.30.0.0/16]")
		tun.Apply(named("10.30.0.0/16"))
		expect()
		f.fail(nil, errors.New("the helper is away"))
		tun.Apply(named("10.40.0.0/16"))
		expect(led + " networks [10.40.0.0/16]")
		f.fail(nil, nil)
		time.Sleep(again)
		expect(led + " networks [10.40.0.0/16]")
		tun.Apply(out)
		tun.Apply(named("10.50.0.0/16")) // at once: the device may stay, or be made anew
		time.Sleep(again)
		if took, want := f.took(), led+" networks [10.50.0.0/16]"; !slices.Contains(took, want) {
			t.Errorf("%q is not among %q", want, took)
		}
	})
}

func TestWithoutAController(t *testing.T) {
	f := &fake{lost: errors.New("no such file")}
	f.name("gw.example", "192.0.2.8")
	bubble(t, f, func(tun *TUN, expect func(...string)) {
		tun.Apply(named("10.20.0.0/16"))
		expect("open", led, "up true", "carry")
	})
}

// There are no more than a message has room for.
func TestManyNetworks(t *testing.T) {
	f := &fake{}
	f.name("gw.example", "192.0.2.8")
	f.name("controller.example", "198.51.100.4")
	var hosts []string
	for n := range 100 {
		hosts = append(hosts, fmt.Sprintf("10.20.%d.0/24", n))
	}
	tun := New(Options{Controller: func() (string, error) { return "controller.example:8443", nil }, Resolve: f.resolve,
		Resolvers: func() []netip.Addr { return nil }, Routes: func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("100.96.0.0/16")} }})
	tun.Apply(named(hosts...))
	got := tun.networks(t.Context())
	if diff := cmp.Diff([]string{"63", "10.20.0.0/24", "10.20.62.0/24"}, []string{fmt.Sprint(len(got)), got[0].String(), got[len(got)-1].String()}); diff != "" {
		t.Error(diff)
	}
}
