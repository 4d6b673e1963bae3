//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// never are zones that no user's client has, whatever the administrator's list is.
var never = strings.Fields(`
	com org net edu gov mil int info biz dev app cloud arpa io de uk fr jp br cn in au eu ch at
	co.uk org.uk ac.uk gov.uk co.jp com.au com.br co.in co.nz gov.au k12.ca.us
	github.io gitlab.io blogspot.com herokuapp.com appspot.com cloudfront.net s3.amazonaws.com azurewebsites.net vercel.app netlify.app workers.dev pages.dev
	localhost a.localhost localhost.localhost local printer.local a.b.local invalid x.invalid onion abc.onion
	in-addr.arpa ip6.arpa home.arpa x.home.arpa e164.arpa uri.arpa ipv4only.arpa resolver.arpa service.arpa
	10.in-addr.arpa 127.in-addr.arpa 168.192.in-addr.arpa 7.168.192.in-addr.arpa 100.in-addr.arpa 64.100.in-addr.arpa 95.100.in-addr.arpa 97.100.in-addr.arpa
	0.in-addr.arpa 255.in-addr.arpa 256.in-addr.arpa 254.169.in-addr.arpa 1.1.1.1.in-addr.arpa 8.8.8.8.in-addr.arpa 1.2.3.4.5.in-addr.arpa
	096.100.in-addr.arpa 96.0100.in-addr.arpa 0x60.100.in-addr.arpa a.in-addr.arpa x.96.100.in-addr.arpa -1.in-addr.arpa 96-100.in-addr.arpa
	d.f.ip6.arpa 4.5.d.f.ip6.arpa 8.e.f.ip6.arpa 1.0.0.0.ip6.arpa 0.ip6.arpa g.ip6.arpa 10.d.f.ip6.arpa f.f.ip6.arpa
	1.2.3.4 192.168.7.1 10.0.0.0 1 42 corp.123 example.0
`)

// With a list all below it are led, without one whatever has two labels.
func TestDomains(t *testing.T) {
	open, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := Parse(good + `domains = ["corp.example", "intranet", "lab.corp.example"]`)
	if err != nil {
		t.Fatal(err)
	}
	here := []netip.Prefix{netip.MustParsePrefix("10.20.30.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	check := func(c Config, zone string, want protocol.Code) {
		t.Helper()
		if got := c.zone(zone, here); got != want {
			t.Errorf("%s: %q, want %q", zone, got, want)
		}
	}
	if len(never) < 100 {
		t.Errorf("only %d values", len(never))
	}
	for _, z := range never {
		check(open, z, protocol.Outside)
		check(listed, z, protocol.Outside)
	}
	for zone, want := range map[string][2]protocol.Code{
		"corp.example":                                 {"", ""},
		"wiki.corp.example":                            {"", ""},
		"a.b.c.lab.corp.example":                       {"", ""},
		"_tcp.corp.example":                            {"", ""},
		"intranet":                                     {protocol.Outside, ""},
		"wiki.intranet":                                {"", ""},
		"wiki":                                         {protocol.Outside, protocol.Outside},
		"example":                                      {protocol.Outside, protocol.Outside},
		"example.com":                                  {"", protocol.Outside},
		"example.co.uk":                                {"", protocol.Outside},
		"evilcorp.example":                             {"", protocol.Outside},
		"corp.example.evil.example":                    {"", protocol.Outside},
		"xn--bro-hoa.example":                          {"", protocol.Outside},
		"somebody.github.io":                           {"", protocol.Outside},
		"96.100.in-addr.arpa":                          {"", ""},
		"5.96.100.in-addr.arpa":                        {"", ""},
		"1.5.96.100.in-addr.arpa":                      {"", ""},
		"20.10.in-addr.arpa":                           {protocol.Conflict, protocol.Conflict},
		"31.20.10.in-addr.arpa":                        {"", ""},
		"7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa":             {"", ""},
		"0.0.0.0.7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa":     {"", ""},
		"6.5.6.4.6.9.6.4.5.d.f.ip6.arpa":               {protocol.Outside, protocol.Outside},
		"8.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa":             {protocol.Outside, protocol.Outside},
		strings.Repeat("0.", 33) + "ip6.arpa":          {protocol.Outside, protocol.Outside},
		strings.Repeat("0.", 20) + "d.f.ip6.arpa":      {protocol.Outside, protocol.Outside},
		"a." + strings.Repeat("0.", 30) + "f.ip6.arpa": {protocol.Outside, protocol.Outside},
	} {
		check(open, zone, want[0])
		check(listed, zone, want[1])
	}
	ours, left := listed.domains([]string{"corp.example", "com", "20.10.in-addr.arpa", "a.intranet", "b.example"}, here)
	if diff := cmp.Diff([]string{"corp.example", "a.intranet"}, ours); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[protocol.Code][]string{protocol.Outside: {"com", "b.example"}, protocol.Conflict: {"20.10.in-addr.arpa"}}, left); diff != "" {
		t.Error(diff)
	}
}

func FuzzZone(f *testing.F) {
	for _, z := range append(slices.Clone(never), "corp.example", "96.100.in-addr.arpa", "7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa") {
		f.Add(z)
	}
	c, err := Parse(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, z string) {
		if c.zone(z, nil) != "" {
			return
		}
		if p, ok := resolver.Network(z); ok {
			if !slices.ContainsFunc(c.Prefixes, p.Overlaps) {
				t.Errorf("%s is led", z)
			}
			return
		}
		if !protocol.Domain(z) || !strings.Contains(z, ".") || strings.HasSuffix(z, "arpa") && strings.HasSuffix(z, ".arpa") {
			t.Errorf("%q is led", z)
		}
	})
}

func TestDNSJournal(t *testing.T) {
	j := journal{t.TempDir()}
	want := dnsRecord{UID: 1000, Domains: []string{"corp.example", "96.100.in-addr.arpa"}, Strict: true}
	if err := j.saveDNS(want); err != nil {
		t.Fatal(err)
	}
	got, err := j.loadDNS()
	if diff := cmp.Diff(want, got); diff != "" || err != nil || !Answered(j.dir) {
		t.Error(err, diff)
	}
	if all, err := j.load(); err != nil || len(all) > 0 {
		t.Errorf("it is taken for a device's: %v, %v", all, err)
	}
	if err := j.saveDNS(dnsRecord{UID: 1000}); err != nil || Answered(j.dir) {
		t.Errorf("it is there still (%v)", err)
	}
	var many []string
	for i := range protocol.MaxDomains + 1 {
		many = append(many, fmt.Sprintf("%q", fmt.Sprintf("%d.example", i)))
	}
	for _, bad := range []string{"", "{", `[]`, `{"uid":-1}`, `{"uid":1,"domains":["."]}`, `{"uid":1,"domains":["CORP.example"]}`, `{"uid":1,"domains":["a\nb"]}`, `{"uid":1,"domains":[` + strings.Join(many, ",") + `]}`} {
		if err := os.WriteFile(filepath.Join(j.dir, "dns"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := j.loadDNS(); err == nil || len(r.Domains) > 0 || Answered(j.dir) {
			t.Errorf("%.60q is taken for %+v", bad, r)
		}
	}
}
