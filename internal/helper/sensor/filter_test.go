//go:build linux

package sensor

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/netlab"
)

func space(t testing.TB) *netlab.Space {
	t.Helper()
	s, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// nft has the namespace's kernel take rules as nft(8) writes them.
func nft(t testing.TB, s *netlab.Space, rules string) {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(rules, "; }", ";\n}\n"))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("nft: %v: %s\n%s", err, &out, rules)
	}
}

var usual = []adapter{{2, "eth0", unix.ARPHRD_ETHER}, {7, "tun0", unix.ARPHRD_NONE}, {8, "tide1000", unix.ARPHRD_NONE}}

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func TestFilters(t *testing.T) {
	const out = "type filter hook output priority filter; "
	for _, tt := range []struct {
		name, rules string
		want        []protocol.Filter
	}{
		{"no rules", "", nil},
		{"what comes in", "table inet fw { chain input { type filter hook input priority filter; policy drop; } }", nil},
		{"a policy", "table inet fw { chain output { " + out + "policy drop; oifname lo accept; oifname tun0 accept; } }",
			[]protocol.Filter{{Family: "inet", Table: "fw", Chain: "output", Through: []string{"tun0"}}}},
		{"what does not leave by", "table ip vpn { chain o { " + out + `oifname != { "tun0", "lo" } drop; } }`,
			[]protocol.Filter{{Family: "ip", Table: "vpn", Chain: "o", Through: []string{"tun0"}}}},
		{"any device of a kind", "table inet vpn { chain o { " + out + `oifname "tun*" accept; oifname "lo" accept; reject; } }`,
			[]protocol.Filter{{Family: "inet", Table: "vpn", Chain: "o", Through: []string{"tun0"}}}},
		{"lock-down", "table inet lock { chain o { " + out + "policy drop; oifname lo accept; ct state established accept; ip daddr 203.0.113.0/24 udp dport 1194 accept; } }",
			[]protocol.Filter{{Family: "inet", Table: "lock", Chain: "o"}}},
		{"with exceptions", "table inet lock { set spare { type ipv4_addr; flags interval; elements = { 198.51.100.0/24, 192.0.2.7 }\n}\nchain o { " + out + "policy drop; ip daddr @spare accept; ip daddr 10.0.0.0/8 accept; ip daddr 203.0.113.9 tcp dport 443 accept; ip6 daddr 2001:db8::/32 accept; } }",
			[]protocol.Filter{{Family: "inet", Table: "lock", Chain: "o", Hosts: prefixes("10.0.0.0/8", "192.0.2.7/32", "198.51.100.0/24", "203.0.113.9/32", "2001:db8::/32")}}},
		{"by a chain", "table inet vpn { chain only { oifname tun0 return; counter drop; } chain o { " + out + "jump only; } }",
			[]protocol.Filter{{Family: "inet", Table: "vpn", Chain: "o", Through: []string{"tun0"}}}},
		{"by a map", `table inet vpn { chain bad { drop; } chain o { ` + out + `oifname vmap { "tun0" : accept, "eth0" : goto bad, "tide1000" : accept };
}
}`,
			[]protocol.Filter{{Family: "inet", Table: "vpn", Chain: "o", Through: []string{"tide1000", "tun0"}}}},
		{"by marks", "table inet mullvad { chain o { " + out + "policy drop; ct mark 0x00000f41 accept; meta mark 0x6d6f6c65 accept; udp dport { 67, 68, 547 } accept; oifname lo accept; oif != 1 oifname tun0 accept; reject with icmpx admin-prohibited; } }",
			[]protocol.Filter{{Family: "inet", Table: "mullvad", Chain: "o", Through: []string{"tun0"}}}},
		{"as wg-quick does", `table ip wg { chain o { ` + out + `oifname != "tun0" meta mark != 0xca6c fib daddr type != local reject; } }`,
			[]protocol.Filter{{Family: "ip", Table: "wg", Chain: "o", Through: []string{"tun0"}}}},
		{"IPv6 alone", "table inet six { chain o { " + out + "meta nfproto ipv6 oifname != lo drop; } }",
			[]protocol.Filter{{Family: "ip6", Table: "six", Chain: "o"}}},
		{"IPv6's table", "table ip6 six { chain o { " + out + "policy drop; oifname lo accept; } }",
			[]protocol.Filter{{Family: "ip6", Table: "six", Chain: "o"}}},
		{"a firewall that lets the web out", "table inet fw { chain o { " + out + "policy drop; ct state established,related accept; oifname lo accept; tcp dport { 80, 443 } accept; udp dport 53 accept; } }", nil},
		{"a firewall that lets some ports out", "table inet fw { chain o { " + out + "policy drop; oifname lo accept; tcp dport { 22, 8443 } accept; tcp dport 8000-8010 accept; udp dport 53 accept; } }",
			[]protocol.Filter{{Family: "inet", Table: "fw", Chain: "o", Ports: []protocol.FilterPort{
				{From: 22, To: 22, Hosts: prefixes("0.0.0.0/0", "::/0")}, {From: 8000, To: 8000, Hosts: prefixes("0.0.0.0/0", "::/0")}, {From: 8443, To: 8443, Hosts: prefixes("0.0.0.0/0", "::/0")}, {From: 8000, To: 8010, Hosts: prefixes("0.0.0.0/0", "::/0")}}}}},
		{"one that lets some ports of some out", "table inet fw { chain o { " + out + "policy drop; ip daddr 203.0.113.9 tcp dport 8443 accept; tcp dport 8444 ip daddr 198.51.100.0/24 accept; ip daddr 192.0.2.1 accept; } }",
			[]protocol.Filter{{Family: "inet", Table: "fw", Chain: "o", Hosts: prefixes("192.0.2.1/32"), Ports: []protocol.FilterPort{
				{From: 8443, To: 8443, Hosts: prefixes("192.0.2.1/32", "203.0.113.9/32")}, {From: 8444, To: 8444, Hosts: prefixes("192.0.2.1/32", "198.51.100.0/24")}}}}},
		{"one that counts", "table inet fw { chain o { " + out + "counter; log prefix \"x\" limit rate 1/second; } }", nil},
		{"one that drops some", "table inet fw { chain o { " + out + "ip daddr 192.0.2.0/24 drop; tcp dport 25 reject; meta skuid 33 drop; } }", nil},
		{"all but one user's", "table inet fw { chain o { " + out + "meta skuid != 997 oifname != tun0 drop; } }",
			[]protocol.Filter{{Family: "inet", Table: "fw", Chain: "o", Through: []string{"tun0"}}}},
		{"one that is switched off", "table inet fw { flags dormant; chain o { " + out + "policy drop; } }", nil},
		{"ranges and masks", "table ip fw { chain o { " + out + "policy drop; ip daddr 192.0.2.16-192.0.2.31 accept; ip daddr & 255.255.0.0 == 172.16.0.0 accept; ct state & new == 0 accept; } }",
			[]protocol.Filter{{Family: "ip", Table: "fw", Chain: "o", Hosts: prefixes("172.16.0.0/16", "192.0.2.16/28")}}},
		{"an adapter's alone", `table inet fw { chain o { ` + out + `oifname eth0 drop; } }`,
			[]protocol.Filter{{Family: "inet", Table: "fw", Chain: "o", Through: []string{"tide1000", "tun0"}}}},
		{"our own", "table inet tidegate_1000 { chain output { " + out + "oifname tide1000 meta skuid != 1000 drop; oifname \"tide*\" accept; oifname lo accept; ip daddr 100.96.0.0/16 drop; } }", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := space(t)
			if tt.rules != "" {
				nft(t, s, tt.rules)
			}
			var got []protocol.Filter
			err := s.Do(func() error {
				r, err := load()
				if err == nil {
					got = r.filters(usual)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
				t.Error(d)
			}
		})
	}
}
