package session

import (
	"context"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVPNAddresses(t *testing.T) {
	for _, tt := range []struct{ text, want, err string }{
		{"vpn.example", "vpn.example", ""},
		{" https://VPN.example/ ", "vpn.example", ""},
		{"HTTPS://vpn.example:8443/Realm/x%20y", "vpn.example:8443/Realm/x%20y", ""},
		{"vpn.example.:443", "vpn.example.:443", ""},
		{"192.0.2.1", "192.0.2.1", ""},
		{"2001:DB8::1", "[2001:db8::1]", ""},
		{"[2001:db8::1]:4443/x", "[2001:db8::1]:4443/x", ""},
		{"", "", "type the address"},
		{"  ", "", "type the address"},
		{"https://", "", "no address"},
		{"http://vpn.example", "", "https alone"},
		{"ssh://vpn.example", "", "https alone"},
		{"https://https://vpn.example", "", "no address"},
		{"ada:pass-canary@vpn.example", "", "user and the password"},
		{"https://vpn.example/?token=pass-canary", "", "what follows ?"},
		{"https://vpn.example/#pass-canary", "", "what follows ?"},
		{"vpn.example?", "", "what follows ?"},
		{"vpn.example#", "", "what follows ?"},
		{"vpn.example:0", "", "port"},
		{"vpn.example:65536", "", "port"},
		{"vpn.example:", "", "no address"},
		{"vpn.example:port", "", "no address"},
		{"--script=/tmp/x", "", "no address"},
		{"-vpn.example", "", "no address"},
		{"vpn..example", "", "no address"},
		{"vpn example", "", "no address"},
		{"vpn.example\nuser", "", "no address"},
		{"fe80::1%eth0", "", "no address"},
		{"vpn.exämple", "", "no address"},
		{"/path", "", "no address"},
		{strings.Repeat("a", 300), "", "too long"},
		{strings.Repeat("a", 64) + ".example", "", "no address"},
	} {
		got, err := vpnAddress(tt.text)
		switch {
		case tt.err == "" && (err != nil || got != tt.want):
			t.Errorf("%q is %q (%v), want %q", tt.text, got, err, tt.want)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "canary")):
			t.Errorf("%q is %q (%v), want %q", tt.text, got, err, tt.err)
		}
	}
}

// What is taken for an address is one of a host alone, in its one spelling, and
// nothing that a program could take for an option.
func FuzzVPNAddress(f *testing.F) {
	for _, seed := range []string{"vpn.example", "https://vpn.example:8443/x", "[::1]:1", "2001:db8::1", "-x", "a@b", "a?b", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := vpnAddress(text)
		if err != nil {
			return
		}
		u, err := url.Parse("https://" + got)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasPrefix(got, "-") || strings.ContainsAny(got, " @?#\r\n\x00") {
			t.Fatalf("%q is taken for %q", text, got)
		}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil && !vpnHost(u.Hostname()) {
			t.Fatalf("%q is taken for %q", text, got)
		}
		if again, err := vpnAddress(got); err != nil || again != got {
			t.Fatalf("%q becomes %q, and then %q (%v)", text, got, again, err)
		}
	})
}

func TestSaveVPN(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		fake := b.beside()
		b.start()
		b.report(func(_ *VPNFacts, c *VPNFact) { c.Fingerprint = "pin-sha256:AAAA" })
		save := func(change func(*VPNSettings)) error {
			s := VPNSettings{Name: " Lab ", Address: "https://lab.example/", Protocol: VPNPulse, User: " ada", Group: "staff ",
				Features: []VPNFeature{VPNIPv6, VPNRouteMonitoring, VPNIPv6}}
			if change != nil {
				change(&s)
			}
			return b.s.Do(context.Background(), SaveVPN{VPNSettings: s})
		}
		if err := save(nil); err != nil {
			t.Fatal(err)
		}
		want := VPNSettings{Name: "Lab", Address: "lab.example", Protocol: VPNPulse, User: "ada", Group: "staff", Features: []VPNFeature{VPNRouteMonitoring, VPNIPv6}}
		if diff := cmp.Diff(want, fake.saved); diff != "" || fake.took() != "save lab.example" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, tt := range []struct {
			change func(*VPNSettings)
			want   string
		}{
			{func(s *VPNSettings) { s.Name = strings.Repeat("x", 300) }, "the name is too long"},
			{func(s *VPNSettings) { s.Name = "a\nb" }, "the name holds"},
			{func(s *VPNSettings) { s.User = "a\x00" }, "the user name holds"},
			{func(s *VPNSettings) { s.Group = "\xff" }, "the group holds"},
			{func(s *VPNSettings) { s.Address = "ada:pass-canary@lab.example" }, "out of the address"},
			{func(s *VPNSettings) { s.Protocol = "array" }, "one of pulse, nc, anyconnect, gp, fortinet, f5"},
			{func(s *VPNSettings) { s.Features = []VPNFeature{"later"} }, "no feature"},
			{func(s *VPNSettings) { s.Fingerprint = "pin-sha256:AAAA" }, "not typed in"},
			{func(s *VPNSettings) { s.ID, s.Fingerprint = "a", "pin-sha256:BBBB" }, "not typed in"},
			{func(s *VPNSettings) { s.Name = "office" }, "another connection of that name"},
		} {
			if err := save(tt.change); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") || fake.took() != "" {
				t.Errorf("it says %v, want %q", err, tt.want)
			}
		}
		for _, pin := range []string{"", "pin-sha256:AAAA"} {
			if err := save(func(s *VPNSettings) { s.ID, s.Name, s.Fingerprint = "a", "Office", pin }); err != nil || fake.saved.Fingerprint != pin {
				t.Errorf("of %q it keeps %q (%v)", pin, fake.saved.Fingerprint, err)
			}
		}
	})
}
