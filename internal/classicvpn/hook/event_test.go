package hook

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// split is what openconnect 9.01 says of ocserv 1.1.6.
const split = `CISCO_SPLIT_INC_0_MASKLEN=16
CISCO_SPLIT_INC_1_MASKLEN=24
VPNGATEWAY=10.50.0.2
INTERNAL_IP4_NETMASK=255.255.255.0
VPNPID=20347
CISCO_SPLIT_INC_0_MASK=255.255.0.0
CISCO_SPLIT_INC_1_MASK=255.255.255.0
reason=connect
CISCO_DEF_DOMAIN=corp.test
INTERNAL_IP4_DNS=192.168.99.1
TUNDEV=tidev1000
CISCO_SPLIT_INC=2
CISCO_BANNER=Welcome to the lab
INTERNAL_IP4_NETADDR=192.168.99.0
CISCO_SPLIT_DNS=corp.test
INTERNAL_IP4_ADDRESS=192.168.99.50
INTERNAL_IP4_MTU=1434
CISCO_SPLIT_INC_0_ADDR=10.77.0.0
INTERNAL_IP4_NETMASKLEN=24
CISCO_SPLIT_INC_1_ADDR=192.168.99.0`

const full = `reason=connect
TUNDEV=tidev1000
VPNGATEWAY=2001:db8::1
INTERNAL_IP4_ADDRESS=10.9.0.7
INTERNAL_IP4_NETMASKLEN=32
INTERNAL_IP4_DNS=10.9.0.1 10.9.0.2
INTERNAL_IP6_ADDRESS=fd09::7
INTERNAL_IP6_NETMASK=fd09::7/64
INTERNAL_IP6_DNS=fd09::1`

func lines(s string, more ...string) []string { return append(strings.Split(s, "\n"), more...) }

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

var plain = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

func TestParse(t *testing.T) {
	base := protocol.VPN{
		Addresses: prefixes("192.168.99.50/32"), MTU: 1434, Server: netip.MustParseAddr("10.50.0.2"),
		Routes: prefixes("10.77.0.0/16", "192.168.99.0/24"), Servers: addrs("192.168.99.1"), Domains: []string{"corp.test"}, Search: []string{"corp.test"},
	}
	with := func(change func(*protocol.VPN)) protocol.VPN {
		v := base
		change(&v)
		return v
	}
	for _, row := range []struct {
		name string
		env  []string
		want protocol.VPN
	}{
		{"split", lines(split), base},
		{"a host that is left alone", lines(split, "CISCO_SPLIT_EXC=2", "CISCO_SPLIT_EXC_0_ADDR=10.77.8.9", "CISCO_SPLIT_EXC_0_MASKLEN=32", "CISCO_SPLIT_EXC_1_ADDR=0.0.0.0", "CISCO_SPLIT_EXC_1_MASKLEN=32"),
			with(func(v *protocol.VPN) { v.Exclude = prefixes("10.77.8.9/32") })},
		{"masks without lengths", lines(split, "CISCO_SPLIT_INC_0_MASKLEN=", "INTERNAL_IP4_NETMASKLEN="), base},
		{"a network with bits of hosts", lines(split, "CISCO_SPLIT_INC_0_ADDR=10.77.1.2"), base},
		{"servers outside its networks", lines(split, "INTERNAL_IP4_DNS=172.20.0.1 nonsense 0.0.0.0 127.0.0.1 fd00::1 172.20.0.1"),
			with(func(v *protocol.VPN) {
				v.Servers, v.Routes = addrs("172.20.0.1"), prefixes("10.77.0.0/16", "192.168.99.0/24", "172.20.0.1/32")
			})},
		{"domains as people write them", lines(split, "CISCO_DEF_DOMAIN=Corp.Test. b.test", "CISCO_SPLIT_DNS=*.c.test,.d.test,no domain!,corp.test"),
			with(func(v *protocol.VPN) {
				v.Domains = []string{"corp.test", "b.test", "c.test", "d.test", "no"}
				v.Search = []string{"corp.test", "b.test"}
			})},
		{"no domains", lines(split, "CISCO_DEF_DOMAIN=", "CISCO_SPLIT_DNS="), with(func(v *protocol.VPN) { v.Domains, v.Search, v.AllNames = nil, nil, true })},
		{"no servers", lines(split, "INTERNAL_IP4_DNS="), with(func(v *protocol.VPN) { v.Domains, v.Search, v.Servers = nil, nil, nil })},
		{"no size", lines(split, "INTERNAL_IP4_MTU="), with(func(v *protocol.VPN) { v.MTU = defaultMTU })},
		{"a list of nothing", lines(split, "CISCO_SPLIT_INC=0"), with(func(v *protocol.VPN) { v.Routes = prefixes("192.168.99.0/24") })},
		{"a list of all", lines(split, "CISCO_SPLIT_INC=1", "CISCO_SPLIT_INC_0_ADDR=0.0.0.0", "CISCO_SPLIT_INC_0_MASKLEN=0"),
			with(func(v *protocol.VPN) { v.Routes, v.AllNames = prefixes("0.0.0.0/0", "192.168.99.0/24"), true })},
		{"full, of both families", lines(full), protocol.VPN{
			Addresses: prefixes("10.9.0.7/32", "fd09::7/128"), MTU: defaultMTU, Server: netip.MustParseAddr("2001:db8::1"),
			Routes: prefixes("0.0.0.0/0", "::/0", "fd09::/64"), Servers: addrs("10.9.0.1", "10.9.0.2", "fd09::1"), AllNames: true,
		}},
		{"an address of IPv6 in its mask alone", lines(full, "INTERNAL_IP6_ADDRESS="), protocol.VPN{
			Addresses: prefixes("10.9.0.7/32", "fd09::7/128"), MTU: defaultMTU, Server: netip.MustParseAddr("2001:db8::1"),
			Routes: prefixes("0.0.0.0/0", "::/0", "fd09::/64"), Servers: addrs("10.9.0.1", "10.9.0.2", "fd09::1"), AllNames: true,
		}},
		{"networks of IPv6", lines(full, "INTERNAL_IP4_ADDRESS=", "INTERNAL_IP6_NETMASK=", "CISCO_IPV6_SPLIT_INC=1", "CISCO_IPV6_SPLIT_INC_0_ADDR=fd77::", "CISCO_IPV6_SPLIT_INC_0_MASKLEN=32"), protocol.VPN{
			Addresses: prefixes("fd09::7/128"), MTU: defaultMTU, Server: netip.MustParseAddr("2001:db8::1"),
			Routes: prefixes("fd77::/32", "fd09::1/128"), Servers: addrs("fd09::1"), AllNames: true,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parse(row.env)
			if err != nil {
				t.Fatal(err)
			}
			if got.Device != "tidev1000" || got.Reason != Connect || got.Left != nil {
				t.Errorf("it is %+v", got)
			}
			if diff := cmp.Diff(row.want, got.VPN, plain); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, env := range map[string][]string{
		"nothing":                     nil,
		"another reason":              lines(split, "reason=dance"),
		"no server":                   lines(split, "VPNGATEWAY="),
		"a server on this machine":    lines(split, "VPNGATEWAY=127.0.0.1"),
		"no address":                  lines(split, "INTERNAL_IP4_ADDRESS="),
		"an address that is none":     lines(split, "INTERNAL_IP4_ADDRESS=10.0.0"),
		"an address of all":           lines(split, "INTERNAL_IP4_ADDRESS=0.0.0.0"),
		"an address of groups":        lines(split, "INTERNAL_IP4_ADDRESS=224.0.0.1"),
		"another family's":            lines(split, "INTERNAL_IP4_ADDRESS=fd00::1"),
		"a length that is none":       lines(split, "INTERNAL_IP4_NETMASKLEN=33"),
		"a network of all":            lines(split, "INTERNAL_IP4_NETMASKLEN=0"),
		"packets without an end":      lines(split, "INTERNAL_IP4_MTU=99999"),
		"packets of nothing":          lines(split, "INTERNAL_IP4_MTU=12"),
		"a number that is none":       lines(split, "CISCO_SPLIT_INC=two"),
		"more networks than are told": lines(split, "CISCO_SPLIT_INC=3"),
		"far more":                    lines(split, "CISCO_SPLIT_INC=999999999"),
		"fewer than none":             lines(split, "CISCO_SPLIT_INC=-1"),
		"a network that is none":      lines(split, "CISCO_SPLIT_INC_0_ADDR=10.77"),
		"a mask with holes":           lines(split, "CISCO_SPLIT_INC_0_MASKLEN=", "CISCO_SPLIT_INC_0_MASK=255.0.255.0"),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Parse(env); err == nil {
				t.Errorf("it is taken: %+v", got)
			}
		})
	}
}

// TestParseTurns reads the turns that say nothing of networks.
func TestParseTurns(t *testing.T) {
	for _, reason := range []Reason{PreInit, AttemptReconnect, Disconnect} {
		got, err := Parse([]string{"reason=" + string(reason), "TUNDEV=tun0", "INTERNAL_IP4_ADDRESS=nonsense"})
		if diff := cmp.Diff(Event{Reason: reason, Device: "tun0"}, got, plain); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
}

// TestParseMuch has more networks and domains than a message has room for.
func TestParseMuch(t *testing.T) {
	env := lines(full, "CISCO_SPLIT_INC=1500", "CISCO_IPV6_SPLIT_INC=1500", "CISCO_SPLIT_EXC=400", "CISCO_SPLIT_DNS="+strings.Repeat("a.test,", 3))
	for i := range 1500 {
		env = append(env, fmt.Sprintf("CISCO_SPLIT_INC_%d_ADDR=10.%d.%d.0", i, i/250, i%250), fmt.Sprintf("CISCO_SPLIT_INC_%d_MASKLEN=24", i),
			fmt.Sprintf("CISCO_IPV6_SPLIT_INC_%d_ADDR=2001:db8:1111:2222:3333:4444:5555:%x", i, i+1), fmt.Sprintf("CISCO_IPV6_SPLIT_INC_%d_MASKLEN=128", i))
		if i < 400 {
			env = append(env, fmt.Sprintf("CISCO_SPLIT_EXC_%d_ADDR=172.16.%d.%d", i, i/250, i%250), fmt.Sprintf("CISCO_SPLIT_EXC_%d_MASKLEN=32", i))
		}
	}
	long := make([]string, 400)
	for i := range long {
		long[i] = strings.Repeat("x", 60) + fmt.Sprintf(".d%d.test", i)
	}
	env = append(env, "CISCO_DEF_DOMAIN="+strings.Join(long, " "))
	ev, err := Parse(env)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, ev.VPN)
	if n := len(ev.VPN.Routes) + len(ev.VPN.Exclude); n > protocol.MaxVPNRoutes || n < protocol.MaxVPNRoutes-protocol.MaxVPNServers {
		t.Errorf("it has %d networks", n)
	}
	if len(ev.Left) < 2000 {
		t.Errorf("%d are told to be left out", len(ev.Left))
	}
}

// accept has the helper's protocol take what was read.
func accept(t *testing.T, v protocol.VPN) {
	t.Helper()
	b, err := protocol.Encode(protocol.Request{Verb: protocol.ApplyVPN, VPN: &v})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := protocol.DecodeRequest(b[2:]); err != nil {
		t.Fatalf("%v: %+v", err, v)
	}
}

// FuzzParse finds no environment that the helper would take for nonsense, or that
// makes a route of another family than its addresses.
func FuzzParse(f *testing.F) {
	f.Add(split)
	f.Add(full)
	f.Add("reason=reconnect\nTUNDEV=x\nVPNGATEWAY=[fe80::1]\nINTERNAL_IP6_NETMASK=fe80::2/10\nINTERNAL_IP6_DNS=::1 fe80::3\nCISCO_IPV6_SPLIT_EXC=1\nCISCO_IPV6_SPLIT_EXC_0_ADDR=::\nCISCO_IPV6_SPLIT_EXC_0_MASKLEN=0")
	f.Fuzz(func(t *testing.T, s string) {
		ev, err := Parse(lines(s))
		if err != nil || ev.Reason != Connect && ev.Reason != Reconnect {
			return
		}
		accept(t, ev.VPN)
	})
}
