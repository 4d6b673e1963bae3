//go:build linux

package server

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

const good = `
prefixes = ["100.96.0.0/16", "10.20.0.0/16", "fd54:6964:6567::/48"]
devices = ["100.96.255.0/24", "fd54:6964:6567:ffff::/64"]
group = "tidegate"
`

func TestConfig(t *testing.T) {
	c, err := Parse(good)
	if err != nil || c.Priority != 5200 || c.Table != 5300 || c.address(0, 3).String() != "100.96.255.3" || c.address(1, 64).String() != "fd54:6964:6567:ffff::40" {
		t.Errorf("%+v %v", c, err)
	}
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, tt := range []struct{ name, text, says string }{
		{"nothing", "", "prefixes: there are 0"},
		{"no toml", "prefixes = [", "toml"},
		{"a number", "prefixes = 1", "incompatible types"},
		{"no network", replace("100.96.0.0/16", "wiki.example"), "no '/'"},
		{"an unknown setting", good + `exec = "/bin/sh"`, `no setting "exec"`},
		{"everything", replace("100.96.0.0/16", "0.0.0.0/0"), "0.0.0.0/0 is too large"},
		{"half of everything", replace("100.96.0.0/16", "0.0.0.0/1"), "too large"},
		{"everything of IPv6", replace("fd54:6964:6567::/48", "::/0"), "::/0 is too large"},
		{"loopback", replace("10.20.0.0/16", "127.0.0.0/8"), "127.0.0.0/8 is no network"},
		{"loopback of IPv6", replace("10.20.0.0/16", "::1/128"), "::1/128 is no network"},
		{"the link", replace("10.20.0.0/16", "169.254.169.254/32"), "is no network"},
		{"the link of IPv6", replace("10.20.0.0/16", "fe80::/10"), "fe80::/10 is"},
		{"groups", replace("10.20.0.0/16", "224.0.0.0/8"), "is no network"},
		{"groups of IPv6", replace("10.20.0.0/16", "ff02::/16"), "is no network"},
		{"mapped", replace("10.20.0.0/16", "::ffff:10.0.0.0/104"), "::ffff:10.0.0.0/104"},
		{"bits behind", replace("10.20.0.0/16", "10.20.0.1/16"), "bits behind"},
		{"twice", replace("10.20.0.0/16", "100.96.1.0/24"), "is there twice"},
		{"a network twice", good + `networks = ["10.20.4.0/24"]`, "10.20.4.0/24 is there twice"},
		{"everything for a network", good + `networks = ["0.0.0.0/0"]`, "0.0.0.0/0 is too large"},
		{"loopback for a network", good + `networks = ["127.0.0.0/8"]`, "is no network"},
		{"the link for a network", good + `networks = ["fe80::/10"]`, "fe80::/10 is"},
		{"no devices", `prefixes = ["100.96.0.0/16"]`, "devices: want"},
		{"the families the other way round", `prefixes = ["100.96.0.0/16"]` + "\n" + `devices = ["fd54:6964:6567:ffff::/64", "100.96.255.0/24"]`, "devices: want"},
		{"small devices", replace("100.96.255.0/24", "100.96.255.0/28"), "too small"},
		{"a relative program", good + `programs = ["tidegate"]`, "no full path"},
		{"a program that climbs", good + `programs = ["/usr/bin/../lib/x"]`, "no full path"},
		{"a VPN's network twice", good + `vpn_networks = ["10.0.0.0/8", "10.0.0.0/8"]`, "vpn_networks: 10.0.0.0/8 is there twice"},
		{"a VPN's network with bits behind", good + `vpn_networks = ["10.0.0.1/8"]`, "vpn_networks: 10.0.0.1/8"},
		{"a VPN's network of this machine", good + `vpn_networks = ["127.0.0.0/8"]`, "vpn_networks: 127.0.0.0/8 is no network of a VPN"},
		{"a VPN that is neither", good + `vpn = "no"`, "vpn"},
		{"a public suffix", good + `domains = ["co.uk"]`, "anybody may have names below co.uk"},
		{"a top level domain", good + `domains = ["com"]`, "anybody may have names below com"},
		{"a hoster's domain", good + `domains = ["github.io"]`, "anybody may have names below github.io"},
		{"this machine", good + `domains = ["localhost"]`, "localhost is not for others"},
		{"the link", good + `domains = ["printers.local"]`, "printers.local is not for others"},
		{"addresses' names", good + `domains = ["10.in-addr.arpa"]`, "10.in-addr.arpa is not for others"},
		{"all names", good + `domains = ["."]`, "is no domain"},
		{"a wildcard", good + `domains = ["*.corp.example"]`, "is no domain"},
		{"upper case", good + `domains = ["Corp.example"]`, "is no domain"},
		{"a domain twice", good + `domains = ["corp.example", "corp.example"]`, "corp.example is there twice"},
		{"a device's table for the adapter", good + `physical = 5301`, "physical: 5301"},
		{"the kernel's table for the adapter", good + `physical = 254`, "physical: 254"},
		{"the kernel's table", good + `table = 254`, "table: 254"},
		{"a negative priority", good + `priority = -1`, "priority: -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c, err := Parse(tt.text); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%+v, %v; want %q", c, err, tt.says)
			}
		})
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(good)
	f.Add(good + "domains = [\"corp.example\", \"intranet\"]")
	f.Add("prefixes = [\"0.0.0.0/0\"]\n[a.b]\nc = 1")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		for _, d := range c.Domains {
			if !protocol.Domain(d) || d == "com" || d == "localhost" || strings.HasSuffix(d, ".arpa") {
				t.Errorf("%s is allowed", d)
			}
		}
		for _, p := range append(c.Prefixes, c.Devices...) {
			if !p.IsValid() || p.Bits() < 8 || p.Contains(netip.IPv4Unspecified()) || p.Addr().IsLoopback() {
				t.Errorf("%v is allowed", p)
			}
		}
	})
}

func TestAllows(t *testing.T) {
	c, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	here := []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("10.20.30.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	for _, tt := range []struct {
		routes string
		want   protocol.Code
	}{
		{"", ""},
		{"100.96.0.0/16", ""},
		{"100.96.4.0/22 fd54:6964:6567::/48 10.20.40.0/24", ""},
		{"100.96.0.7/32 fd54:6964:6567::7/128", ""},
		{"10.20.0.0/16", protocol.Conflict},
		{"10.20.30.5/32", protocol.Conflict},
		{"192.168.7.0/24", protocol.Outside},
		{"100.64.0.0/10", protocol.Outside},
		{"100.96.0.0/15", protocol.Outside},
		{"100.96.0.0/17 100.96.128.0/17 10.20.40.0/24", protocol.Outside},
		{"100.97.0.0/16", protocol.Outside},
		{"8.8.8.8/32", protocol.Outside},
		{"fd54::/16", protocol.Outside},
		{"fd54:6964:6568::/48", protocol.Outside},
		{"0.0.0.0/0", protocol.BadRequest},
		{"0.0.0.0/1 128.0.0.0/1", protocol.BadRequest},
		{"::/0", protocol.BadRequest},
		{"127.0.0.1/32", protocol.BadRequest},
		{"100.96.0.1/16", protocol.BadRequest},
		{"100.96.0.0/16 100.96.0.0/16", protocol.BadRequest},
		{"100.96.0.0/16 100.96.1.0/24", protocol.BadRequest},
		{"100.96.0.0/16 8.8.8.8/32", protocol.Outside},
	} {
		var routes []netip.Prefix
		for _, f := range strings.Fields(tt.routes) {
			routes = append(routes, netip.MustParsePrefix(f))
		}
		got := c.allows(routes, here)
		if (got == nil) != (tt.want == "") || got != nil && got.Code != tt.want {
			t.Errorf("%q: %v, want %q", tt.routes, got, tt.want)
		}
	}
	if got := c.allows([]netip.Prefix{{}}, nil); !errors.Is(got, &protocol.Refusal{Code: protocol.BadRequest}) {
		t.Errorf("no network: %v", got)
	}
}

func TestParts(t *testing.T) {
	c, err := Parse(good + `networks = ["10.30.0.0/16", "10.32.0.0/11", "fd00:30::/32"]`)
	if err != nil {
		t.Fatal(err)
	}
	here := []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("10.40.2.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	for _, tt := range []struct {
		asked string
		room  int
		want  string
	}{
		{"", 9, "[] map[]"},
		{"10.30.0.0/16", 9, "[10.30.0.0/16] map[]"},
		{"10.30.4.0/24 10.30.5.1/32", 9, "[10.30.4.0/24 10.30.5.1/32] map[]"},
		{"10.30.4.0/24 10.30.0.0/16 10.30.0.0/16", 9, "[10.30.0.0/16] map[]"},
		{"10.0.0.0/8", 9, "[10.30.0.0/16] map[conflict:[10.32.0.0/11]]"},
		{"10.40.0.0/16 10.41.0.0/16", 9, "[10.41.0.0/16] map[conflict:[10.40.0.0/16]]"},
		{"10.40.2.9/32", 9, "[] map[conflict:[10.40.2.9/32]]"},
		{"0.0.0.0/0 ::/0", 9, "[10.30.0.0/16 fd00:30::/32] map[conflict:[10.32.0.0/11]]"},
		{"10.20.0.0/16 192.168.7.0/24", 9, "[] map[outside:[10.20.0.0/16 192.168.7.0/24]]"},
		{"127.0.0.0/8 169.254.169.254/32", 9, "[] map[outside:[127.0.0.0/8 169.254.169.254/32]]"},
		{"10.30.1.0/24 10.30.2.0/24 10.30.3.0/24", 2, "[10.30.1.0/24 10.30.2.0/24] map[full:[10.30.3.0/24]]"},
	} {
		var networks []netip.Prefix
		for _, f := range strings.Fields(tt.asked) {
			networks = append(networks, netip.MustParsePrefix(f))
		}
		led, left := c.parts(networks, here, tt.room)
		if got := fmt.Sprint(led, left); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.asked, got, tt.want)
		}
	}
}

// Of a range that others use too a client has a part.
func TestSome(t *testing.T) {
	c, err := Parse(strings.Replace(good, "100.96.0.0/16", "100.64.0.0/10", 1))
	if err != nil {
		t.Fatal(err)
	}
	here := []netip.Prefix{netip.MustParsePrefix("100.96.7.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	for routes, want := range map[string]protocol.Code{
		"100.64.0.0/16 fd54:6964:6567::/48": "",
		"100.98.0.0/16":                     "",
		"100.96.0.0/16":                     protocol.Conflict,
		"100.64.0.0/10":                     protocol.Outside,
		"100.64.0.0/15":                     protocol.Outside,
		"100.64.0.0/16 100.66.0.0/16":       protocol.Outside,
		"100.64.0.0/17 100.65.0.0/17":       "",
	} {
		var all []netip.Prefix
		for _, f := range strings.Fields(routes) {
			all = append(all, netip.MustParsePrefix(f))
		}
		if got := c.allows(all, here); (got == nil) != (want == "") || got != nil && got.Code != want {
			t.Errorf("%s: %v, want %q", routes, got, want)
		}
	}
}

// What is left out fits into a message, however much it is.
func TestPartsFit(t *testing.T) {
	var c Config
	for i := range protocol.MaxRoutes {
		c.Networks = append(c.Networks, netip.MustParsePrefix(fmt.Sprintf("fd00:1234:5678:9abc:def0:1234:5678:%x/128", 0x1000+i)))
	}
	all := []netip.Prefix{netip.MustParsePrefix("fd00::/8")}
	asked := []netip.Prefix{netip.MustParsePrefix("::/0")}
	for i := range protocol.MaxRoutes - 1 {
		asked = append(asked, netip.MustParsePrefix(fmt.Sprintf("fd01:1234:5678:9abc:def0:1234:5678:%x/128", 0x1000+i)))
	}
	led, left := c.parts(asked, all, protocol.MaxRoutes)
	if _, err := protocol.Encode(protocol.Reply{Left: left}); err != nil || len(led) > 0 {
		t.Errorf("%v, %v", led, err)
	}
}

func TestJournal(t *testing.T) {
	j := journal{t.TempDir()}
	if err := Prepare(filepath.Join(t.TempDir(), "journal")); err != nil {
		t.Error(err)
	}
	for name, make := range map[string]func(string) error{
		"a link":       func(p string) error { return os.Symlink(j.dir, p) },
		"another's":    func(p string) error { return errors.Join(os.Mkdir(p, 0o777), os.Chown(p, 1000, 0)) },
		"not a folder": func(p string) error { return os.WriteFile(p, nil, 0o600) },
	} {
		path := filepath.Join(t.TempDir(), "journal")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if err := Prepare(path); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	want := map[uint32]record{
		1000: {UID: 1000, Slot: 1, Index: 7, Routes: []netip.Prefix{netip.MustParsePrefix("100.96.0.0/16")}},
		1001: {UID: 1001, Slot: 2, Networks: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}},
	}
	for _, r := range want {
		if err := j.save(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(j.dir, "9.json.next"), []byte("{"), 0o600); err != nil { // it was killed here
		t.Fatal(err)
	}
	got, err := j.load()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if err := j.remove(1000); err != nil {
		t.Error(err)
	}
	if err := j.remove(1000); err != nil {
		t.Errorf("again: %v", err)
	}
	for _, bad := range []string{"", "{", `{"uid":7,"slot":1}`, `{"uid":1002,"slot":0}`, `{"uid":1002,"slot":65}`, `{"uid":1002,"slot":2}`, `{"uid":1002,"slot":3,"index":-1}`,
		`{"uid":1002,"slot":3,"routes":[""]}`, `{"uid":1002,"slot":3,"routes":["0.0.0.0/0"]}`, `{"uid":1002,"slot":3,"networks":["127.0.0.0/8"]}`, `{"uid":1002,"slot":3,"networks":["10.0.0.1/8"]}`} {
		if err := os.WriteFile(filepath.Join(j.dir, "1002.json"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if all, err := j.load(); err == nil {
			t.Errorf("%q is taken for %+v", bad, all)
		}
	}
}

func TestSessions(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"1":  "UID=1000\nACTIVE=1\nSTATE=active\nREMOTE=0\nCLASS=user\nSEAT=seat0\n",
		"2":  "UID=1001\nACTIVE=1\nSTATE=active\nREMOTE=1\nCLASS=user\nSEAT=seat0\n",
		"3":  "UID=1002\nACTIVE=0\nSTATE=online\nREMOTE=0\nCLASS=user\nSEAT=seat0\n",
		"c4": "UID=1003\nACTIVE=1\nSTATE=active\nREMOTE=0\nCLASS=greeter\nSEAT=seat0\n",
		"5":  "UID=10000\nACTIVE=1\nSTATE=active\nREMOTE=0\nCLASS=user\nSEAT=seat0\n",
		"7":  "UID=1004\nACTIVE=1\nSTATE=active\nREMOTE=0\nCLASS=user\nTYPE=unspecified\n", // su's: at no screen
		"6":  "=\nUID\nACTIVE=1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for uid, want := range map[uint32]bool{1000: true, 1001: false, 1002: false, 1003: false, 1004: false, 10000: true, 0: false, 1: false} {
		if got := activeSession(dir, uid); got != want {
			t.Errorf("%d: %v", uid, got)
		}
	}
	if activeSession(filepath.Join(dir, "none"), 1000) {
		t.Error("a session where there is no logind")
	}
}
