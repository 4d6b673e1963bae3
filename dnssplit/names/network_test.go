package names

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func token(p *Pool) bool {
	select {
	case <-p.Changed():
		return true
	default:
		return false
	}
}

func TestMove(t *testing.T) {
	var low []string // all before 100.97, which is the devices'
	for i := 64; i < 97; i++ {
		low = append(low, fmt.Sprintf("100.%d.1.0/24", i))
	}
	for _, row := range []struct{ name, taken, want string }{
		{"nothing", "", "100.96.0.0/16"},
		{"others", "10.0.0.0/8 100.64.0.0/16 100.97.0.0/16 fd54:6964:6567::/48", "100.96.0.0/16"},
		{"a network within", "100.96.7.0/24", "100.64.0.0/16"},
		{"an address", "100.96.7.1/32", "100.64.0.0/16"},
		{"a carrier's network", "100.64.0.0/11 100.96.0.0/15", "100.98.0.0/16"},
		{"the devices' is none", strings.Join(low, " "), "100.98.0.0/16"},
		{"all but one", "100.96.0.0/12 100.64.0.0/11 100.112.0.0/13 100.120.0.0/14 100.124.0.0/15 100.126.0.0/16", "100.127.0.0/16"},
		{"all", "100.64.0.0/10", "100.96.0.0/16"},
		{"everything", "0.0.0.0/0", "100.96.0.0/16"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "names")
			p := open(t, Options{File: file})
			hosts := many("h", 300)
			p.Set(hosts, nil)
			if !token(p) || token(p) {
				t.Error("names were set, and nobody was told, or twice")
			}
			before := p.All()
			var taken []netip.Prefix
			for _, s := range strings.Fields(row.taken) {
				taken = append(taken, netip.MustParsePrefix(s))
			}
			moves := row.want != first.String()
			if got := p.Move(taken); got != moves || token(p) != moves {
				t.Errorf("moved: %v", got)
			}
			if p.Move(taken) || token(p) {
				t.Error("moved again")
			}
			for range 2 {
				network := p.Prefixes()[0]
				if network.String() != row.want || p.Prefixes()[1] != unique {
					t.Errorf("at %v, want %v", p.Prefixes(), row.want)
				}
				for host, addrs := range p.All() {
					if !network.Contains(addrs[0]) || addrs[1] != before[host][1] || addrs[0].As4()[3] != before[host][0].As4()[3] || addrs[0].As4()[2] != before[host][0].As4()[2] {
						t.Fatalf("%s: %v, before %v", host, addrs, before[host])
					}
					for _, a := range addrs {
						if got, _ := p.Host(a); got != host {
							t.Fatalf("%v stands for %q, want %q", a, got, host)
						}
					}
					if old := before[host][0]; moves {
						if got, ok := p.Host(old); ok {
							t.Fatalf("%v, where it was, stands for %q", old, got)
						}
					}
				}
				p = open(t, Options{File: file}) // and after a start
				p.Set(hosts, nil)
			}
		})
	}
}

// What is prescribed holds until the addresses have to move, and again when
// something else is.
func TestNetwork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names")
	four := netip.MustParsePrefix("100.80.0.0/16")
	p := open(t, Options{File: file, Network: four})
	if got := p.Prefixes()[0]; got != four {
		t.Errorf("at %v", got)
	}
	p.Set([]string{"wiki.corp.example"}, nil)
	before := addrsOf(t, p, "wiki.corp.example")[0].As4()
	if p.Move([]netip.Prefix{first}) || !p.Move([]netip.Prefix{four}) {
		t.Error("moved, or not, from another network")
	}
	for _, row := range []struct{ prescribed, want string }{{"100.80.0.0/16", "100.64.0.0/16"}, {"100.81.0.0/16", "100.81.0.0/16"}, {"", "100.96.0.0/16"}} {
		o := Options{File: file}
		if row.prescribed != "" {
			o.Network = netip.MustParsePrefix(row.prescribed)
		}
		p := open(t, o)
		p.Set([]string{"wiki.corp.example"}, nil)
		if got := p.Prefixes()[0].String(); got != row.want {
			t.Errorf("prescribed %q: at %v, want %s", row.prescribed, got, row.want)
		}
		if got := addrsOf(t, p, "wiki.corp.example")[0].As4(); got[2] != before[2] || got[3] != before[3] {
			t.Errorf("%v, was %v", got, before)
		}
		p.save()
	}
	for _, s := range []string{"10.0.0.0/16", "100.64.0.0/10", "100.96.0.0/24", "100.96.1.1/16", "100.97.0.0/16", "fd54::/16"} {
		if _, err := Open(Options{Network: netip.MustParsePrefix(s)}); err == nil {
			t.Errorf("addresses from %s", s)
		}
	}
}

func TestReverse(t *testing.T) {
	p := open(t, Options{})
	if diff := cmp.Diff([]string{"96.100.in-addr.arpa", "7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa"}, p.Reverse()); diff != "" {
		t.Error(diff)
	}
	p.Move([]netip.Prefix{first, netip.MustParsePrefix("100.64.0.0/16")})
	if got := p.Reverse()[0]; got != "65.100.in-addr.arpa" {
		t.Error(got)
	}
}
