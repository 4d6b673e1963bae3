package gateway

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]string{
		"app.corp:443":                     "app.corp:443",
		"APP.Corp.:443":                    "app.corp:443",
		"10.0.0.1:22":                      "10.0.0.1:22",
		"[2001:db8::1]:22":                 "[2001:db8::1]:22",
		"[2001:DB8:0:0::1]:22":             "[2001:db8::1]:22",
		"single:80":                        "single:80",
		"app.corp":                         "",
		"app.corp:":                        "",
		"app.corp:0":                       "",
		"app.corp:0443":                    "",
		"app.corp:65536":                   "",
		"app.corp:65979":                   "",
		"app.corp:+80":                     "",
		"app.corp:443 ":                    "",
		" app.corp:443":                    "",
		"app.corp..:443":                   "",
		"app..corp:443":                    "",
		".:443":                            "",
		":443":                             "",
		"app.corp@evil:443":                "",
		"user@app.corp:443":                "",
		"app.corp:443@evil:80":             "",
		"app.corp/x:443":                   "",
		"https://app.corp:443":             "",
		"app.corp\x00:443":                 "",
		"app_1.corp:443":                   "app_1.corp:443",
		"-app.corp:443":                    "",
		"bücher.example:443":               "",
		"127.1:80":                         "",
		"0x7f.1:80":                        "",
		"0x7f000001:80":                    "",
		"2130706433:80":                    "",
		"010.0.0.1:80":                     "",
		"10.0.0.1.:80":                     "",
		"10.0.0.256:80":                    "",
		"app.0x:80":                        "",
		"[::ffff:10.0.0.1]:80":             "",
		"[fe80::1%25eth0]:80":              "",
		"[fe80::1%eth0]:80":                "",
		"[10.0.0.1]:80":                    "",
		"::1:80":                           "",
		"[::1:80":                          "",
		"[::1]80":                          "",
		strings.Repeat("a", 64) + ":80":    "",
		strings.Repeat("a.", 130) + "b:80": "",
	} {
		got, err := parseTarget(in)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("parseTarget(%q) = %v, %v; want %q", in, got, err, want)
		}
	}
}

// nowhere is where names lead that there are not.
var nowhere = sources{find: func(lookup) (answer, bool, bool) { return answer{}, true, false }}

func TestRules(t *testing.T) {
	rs := compiled([]wire.Action{
		{Effect: "allow", Protocol: "tcp", Hosts: []string{"App.Corp.", "10.0.0.0/8", "192.0.2.7", "2001:db8::/32"}, Ports: []uint16{443}},
		{Effect: "block", Protocol: "tcp", Hosts: []string{"10.9.0.0/16", "secret.corp"}, Ports: []uint16{443}},
		{Effect: "allow", Protocol: "udp", Hosts: []string{"udp.corp"}, Ports: []uint16{443}},
	}, nowhere)
	for in, want := range map[string]string{
		"app.corp:443": "allow", "app.corp:80": "", "x.app.corp:443": "", "10.1.2.3:443": "allow", "10.9.2.3:443": "allow block",
		"192.0.2.7:443": "allow literal", "192.0.2.8:443": "", "[2001:db8::1]:443": "allow", "secret.corp:443": "block", "udp.corp:443": "",
	} {
		tg, err := parseTarget(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if rs.allows(tg) {
			got = append(got, "allow")
		}
		if rs.literal(tg) {
			got = append(got, "literal")
		}
		if rs.blocks(tg) {
			got = append(got, "block")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %q", in, got, want)
		}
	}
	unreadable := compiled([]wire.Action{{Effect: "block", Protocol: "tcp", Hosts: []string{"*"}, Ports: []uint16{443}}}, nowhere)
	if !unreadable.blocks(target{addr: netip.MustParseAddr("10.0.0.1"), port: 443}) {
		t.Error("a block that cannot be read blocks nothing")
	}
}

// FuzzConnectTarget asks that whatever is dialled belongs to the entitlement,
// and that no name leads to the gateway's own machine.
func FuzzConnectTarget(f *testing.F) {
	for _, s := range []string{"app.corp:443", "APP.CORP.:443", "10.0.0.9:443", "rebind.corp:443", "local.corp:443", "127.0.0.1:443", "[::1]:443", "0x7f.1:443", "[::ffff:10.0.0.1]:443", "169.254.169.254:443", "a.wild.corp:443", "rebind.wild.corp:443", "wild.corp:443", "A.Wild.CORP.:443"} {
		f.Add(s)
	}
	rs := compiled([]wire.Action{
		{Effect: "allow", Protocol: "tcp", Hosts: []string{"app.corp", "rebind.corp", "local.corp", "*.wild.corp", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::/0"}, Ports: []uint16{443}},
		{Effect: "block", Protocol: "tcp", Hosts: []string{"10.9.0.0/16"}, Ports: []uint16{443}},
	}, nowhere)
	answers := map[string][]netip.Addr{
		"app.corp":         {netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("203.0.113.5")},
		"rebind.corp":      {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("169.254.169.254")},
		"a.wild.corp":      {netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("203.0.113.6")},
		"rebind.wild.corp": {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("198.51.100.1")},
	}
	hosts, err := parseHosts(map[string]string{"local.corp": "127.0.0.1:9001"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, authority string) {
		tg, err := parseTarget(authority)
		if err != nil {
			return
		}
		if again, err := parseTarget(tg.String()); err != nil || again != tg {
			t.Fatalf("%q reads as %v, and that as %v, %v", authority, tg, again, err)
		}
		if !rs.allows(tg) || rs.blocks(tg) {
			return
		}
		var dialled []netip.AddrPort
		d := dialer{hosts: hosts,
			own: func() []netip.AddrPort {
				return []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:0"), netip.MustParseAddrPort("198.51.100.2:443")}
			},
			resolve: func(_ context.Context, name string) ([]netip.Addr, error) { return answers[name], nil },
			dial: func(_ context.Context, _, address string) (net.Conn, error) {
				dialled = append(dialled, netip.MustParseAddrPort(address))
				return nil, net.ErrClosed
			}}
		d.open(t.Context(), tg, rs.literal(tg), rs.blocks)
		entitled := map[string][]string{"app.corp": {"203.0.113.5:443"}, "local.corp": {"127.0.0.1:9001"}, "rebind.corp": nil, "a.wild.corp": {"203.0.113.6:443"}}
		for _, a := range dialled {
			ok := tg.name == "" && a == netip.AddrPortFrom(tg.addr, 443) && !a.Addr().IsLoopback() && !a.Addr().IsLinkLocalUnicast() && !a.Addr().IsUnspecified()
			if tg.name != "" {
				ok = slices.Contains(entitled[tg.name], a.String())
			}
			if !ok {
				t.Fatalf("%q dialled %s", authority, a)
			}
		}
	})
}
