//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

func prefixes(text string) (all []netip.Prefix) {
	for _, f := range strings.Fields(text) {
		all = append(all, netip.MustParsePrefix(f))
	}
	return all
}

func addrs(text string) (all []netip.Addr) {
	for _, f := range strings.Fields(text) {
		all = append(all, netip.MustParseAddr(f))
	}
	return all
}

// tried is what a VPN wants and what becomes of it, as text.
type tried struct {
	name                       string
	config                     string
	addresses, routes, exclude string
	server, servers, domains   string
	all                        bool
	refused                    protocol.Code
	led, past, asked, zones    string
	left                       string
	whole                      bool // AllNames
}

func TestVPNPlan(t *testing.T) {
	w := world{
		here:  prefixes("192.168.7.0/24 172.17.0.0/16 127.0.0.0/8 fd00:7::/64"),
		led:   prefixes("100.96.0.0/16 10.20.4.0/24"),
		zones: []string{"corp.example", "4.20.10.in-addr.arpa"},
	}
	for _, tt := range []tried{
		{name: "split", routes: "10.60.0.0/16 10.61.0.0/16", led: "10.60.0.0/16 10.61.0.0/16"},
		{name: "full", routes: "0.0.0.0/0", led: "0.0.0.0/1 128.0.0.0/1", past: "198.51.100.9/32"},
		{name: "full of both", addresses: "10.99.0.5/32 fd99::5/128", routes: "0.0.0.0/0 ::/0", led: "0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1", past: "198.51.100.9/32"},
		{name: "IPv6 without an address", routes: "::/0 2001:db8::/32", left: "outside: ::/0 2001:db8::/32"},
		{name: "the address's network", addresses: "10.99.0.5/24", led: "10.99.0.0/24"},
		{name: "half of the Internet as an address's network", addresses: "10.99.0.5/1", led: "0.0.0.0/1"},
		{name: "ours", routes: "100.96.0.0/16 100.96.3.0/24 100.97.0.0/16 10.20.0.0/16 10.20.4.1/32 fd54:6964:6567::/48", addresses: "10.99.0.5/32 fd99::5/128", left: "ours: 100.96.0.0/16 100.96.3.0/24 10.20.0.0/16 10.20.4.1/32 fd54:6964:6567::/48", led: "100.97.0.0/16"},
		{name: "round ours", routes: "100.64.0.0/10 10.0.0.0/8", led: "100.64.0.0/10 10.0.0.0/8"},
		{name: "the network's", routes: "192.168.7.0/24 192.168.7.1/32 192.168.0.0/16 172.17.3.0/24", led: "192.168.0.0/16", left: "conflict: 192.168.7.0/24 192.168.7.1/32 172.17.3.0/24"},
		{name: "this machine's and the link's", routes: "127.0.0.0/8 127.0.0.53/32 169.254.0.0/16 169.254.169.254/32 224.0.0.0/4 255.255.255.255/32 0.0.0.0/8", left: "outside: 127.0.0.0/8 127.0.0.53/32 169.254.0.0/16 169.254.169.254/32 224.0.0.0/4 255.255.255.255/32 0.0.0.0/8"},
		{name: "the link's, of IPv6", addresses: "fd99::5/128", routes: "fe80::/10 fe80::1/128 ff00::/8 ::1/128 ::/128", left: "outside: fe80::/10 fe80::1/128 ff00::/8 ::1/128 ::/128"},
		{name: "an address that is led", addresses: "100.96.0.9/32", refused: protocol.Conflict, left: "ours: 100.96.0.9"},
		{name: "an address of the network's", addresses: "192.168.7.9/32", routes: "10.60.0.0/16", refused: protocol.Conflict, left: "conflict: 192.168.7.9", led: "10.60.0.0/16"},
		{name: "the router's address", addresses: "192.168.7.1/32", refused: protocol.Conflict, left: "conflict: 192.168.7.1"},
		{name: "a device's address", addresses: "100.96.255.1/32", refused: protocol.Conflict, left: "ours: 100.96.255.1"},
		{name: "a loopback address", addresses: "127.0.0.53/32", refused: protocol.Outside, left: "outside: 127.0.0.53"},
		{name: "a group's address", addresses: "224.0.0.251/32", refused: protocol.Outside, left: "outside: 224.0.0.251"},
		{name: "a link's address", addresses: "fe80::1/128", refused: protocol.Outside, left: "outside: fe80::1"},
		{name: "an address of a range that is not led", config: `domains = []`, addresses: "10.20.9.9/32"},
		{name: "the list", config: `vpn_networks = ["10.0.0.0/8"]`, routes: "10.60.0.0/16 11.0.0.0/8 0.0.0.0/0", led: "10.60.0.0/16 10.0.0.0/8", left: "outside: 11.0.0.0/8 0.0.0.0/0"},
		{name: "the list with everything", config: `vpn_networks = ["0.0.0.0/0"]`, routes: "0.0.0.0/0", led: "0.0.0.0/1 128.0.0.0/1", past: "198.51.100.9/32", all: true, servers: "10.60.0.53", asked: "10.60.0.53", whole: true},
		{name: "an address outside the list", config: `vpn_networks = ["10.60.0.0/16"]`, refused: protocol.Outside, left: "outside: 10.99.0.5"},
		{name: "names outside the list", config: `vpn_networks = ["10.0.0.0/8"]`, servers: "10.60.0.53 8.8.8.8", all: true, asked: "10.60.0.53", led: "10.60.0.53/32", left: "outside: 8.8.8.8 ."},
		{name: "servers", servers: "10.60.0.53 192.168.7.1 100.96.0.1 fd99::53", asked: "10.60.0.53", led: "10.60.0.53/32", left: "conflict: 192.168.7.1; ours: 100.96.0.1; outside: fd99::53"},
		{name: "servers in a route", routes: "10.60.0.0/16", servers: "10.60.0.53", asked: "10.60.0.53", led: "10.60.0.0/16", all: true, whole: true},
		{name: "domains", servers: "10.60.0.53", led: "10.60.0.53/32", asked: "10.60.0.53", domains: "example vpn.example ad.local corp.example wiki.corp.example local localhost com co.uk 60.10.in-addr.arpa 4.20.10.in-addr.arpa 10.in-addr.arpa 7.168.192.in-addr.arpa in-addr.arpa 96.100.in-addr.arpa",
			zones: "example vpn.example ad.local 60.10.in-addr.arpa 10.in-addr.arpa", left: "conflict: 7.168.192.in-addr.arpa; ours: corp.example wiki.corp.example 4.20.10.in-addr.arpa 96.100.in-addr.arpa; outside: local localhost com co.uk in-addr.arpa"},
		{name: "domains without servers", domains: "vpn.example", all: true},
		{name: "what is excluded", routes: "0.0.0.0/0", exclude: "10.7.0.0/16 10.7.3.0/24 192.168.0.0/16 0.0.0.0/32 0.0.0.0/0 127.0.0.0/8", led: "0.0.0.0/1 128.0.0.0/1", past: "10.7.0.0/16 192.168.0.0/16 198.51.100.9/32", left: "outside: 0.0.0.0/32 0.0.0.0/0 127.0.0.0/8"},
		{name: "what is excluded of nothing", routes: "10.60.0.0/16", exclude: "10.7.0.0/16", led: "10.60.0.0/16"},
		{name: "more is excluded than is led", config: `vpn_networks = ["10.0.0.0/8"]`, routes: "10.60.0.0/16 10.61.0.0/16", exclude: "0.0.0.0/1 128.0.0.0/1 10.61.3.0/24", led: "10.60.0.0/16 10.61.0.0/16", past: "10.60.0.0/16 10.61.0.0/16"},
		{name: "the server's own address", addresses: "198.51.100.9/32", refused: protocol.Outside, left: "outside: 198.51.100.9"},
		{name: "a server in its own network", server: "10.60.0.1", routes: "10.60.0.0/16", led: "10.60.0.0/16", past: "10.60.0.1/32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse(strings.Replace(good, "100.96.0.0/16", "100.96.0.0/16", 1) + tt.config)
			if err != nil {
				t.Fatal(err)
			}
			v := protocol.VPN{MTU: 1400, Server: netip.MustParseAddr("198.51.100.9"), Routes: prefixes(tt.routes), Exclude: prefixes(tt.exclude), Servers: addrs(tt.servers), Domains: strings.Fields(tt.domains), AllNames: tt.all}
			if v.Addresses = prefixes(tt.addresses); tt.addresses == "" {
				v.Addresses = prefixes("10.99.0.5/32")
			}
			if tt.server != "" {
				v.Server = netip.MustParseAddr(tt.server)
			}
			if err := v.Check(); err != nil {
				t.Fatal(err)
			}
			p, refusal := c.vpnPlan("tidev7", v, w)
			var refused protocol.Code
			if refusal != nil {
				refused = refusal.Code
			}
			if refused != tt.refused {
				t.Fatalf("%v, want %q", refusal, tt.refused)
			}
			slices.SortFunc(p.Past, netip.Prefix.Compare)
			var lefts []string
			for _, code := range []protocol.Code{protocol.Conflict, protocol.Full, protocol.Ours, protocol.Outside} {
				if len(p.Left[code]) > 0 {
					lefts = append(lefts, string(code)+": "+strings.Join(p.Left[code], " "))
				}
			}
			for what, pair := range map[string][2]any{
				"led":     {prefixes(tt.led), p.Routes},
				"past":    {prefixes(tt.past), p.Past},
				"servers": {addrs(tt.asked), p.DNS.Servers},
				"domains": {strings.Fields(tt.zones), p.DNS.Domains},
				"all":     {tt.whole, p.DNS.All},
				"left":    {tt.left, strings.Join(lefts, "; ")},
			} {
				if diff := cmp.Diff(pair[0], pair[1], cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			if want := slices.Contains(p.Past, single(v.Server)); p.Server.IsValid() != want {
				t.Errorf("the server is %v", p.Server)
			}
			for _, a := range p.Addresses {
				if !a.IsSingleIP() {
					t.Errorf("the kernel would make a route of %v", a)
				}
			}
			for _, r := range p.Routes {
				if r.Bits() == 0 {
					t.Errorf("%v would be a default route", r)
				}
			}
		})
	}
}

// The most that a request can have comes to no more than a message has room for.
func TestVPNPlanIsBounded(t *testing.T) {
	c, err := Parse(good + `vpn_networks = ["10.0.0.0/9", "10.128.0.0/9", "198.18.0.0/15"]`)
	if err != nil {
		t.Fatal(err)
	}
	v := protocol.VPN{Addresses: prefixes("10.99.0.5/32"), MTU: 1400, Server: netip.MustParseAddr("198.51.100.9")}
	for n := range protocol.MaxVPNRoutes / 2 {
		v.Routes = append(v.Routes, netip.PrefixFrom(netip.AddrFrom4([4]byte{11, byte(n >> 8), byte(n), 0}), 24), netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 100, byte(n >> 8), byte(n)}), 32))
	}
	for n := range protocol.MaxVPNDomains {
		v.Domains = append(v.Domains, fmt.Sprintf("%s%d.local", strings.Repeat("x", 50), n))
	}
	p, refusal := c.vpnPlan("tidev7", v, world{})
	if refusal != nil {
		t.Fatal(refusal)
	}
	if len(p.Routes) != protocol.MaxVPNRoutes/2 {
		t.Errorf("%d are led", len(p.Routes))
	}
	if _, err := protocol.Encode(protocol.Reply{VPN: &protocol.VPNTold{Left: p.Left}}); err != nil {
		t.Error(err)
	}
}
