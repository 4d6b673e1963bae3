package resolver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// tell is what matters of an answer, on a line for each record.
func tell(m *dns.Msg) string {
	var b strings.Builder
	if m.Rcode == dns.RcodeBadVers { // which has another meaning, too
		fmt.Fprint(&b, "BADVERS")
	} else {
		fmt.Fprint(&b, dns.RcodeToString[m.Rcode])
	}
	for _, bit := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionAvailable, "ra"}, {m.AuthenticatedData, "ad"}} {
		if bit.set {
			fmt.Fprint(&b, " ", bit.name)
		}
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			fmt.Fprint(&b, "\n", strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	if o := m.IsEdns0(); o != nil {
		fmt.Fprintf(&b, "\nEDNS %d do=%v", o.UDPSize(), o.Do())
	}
	return b.String()
}

// answer is what a resolver says without asking anybody.
func answer(t testing.TB, r *Resolver, m *dns.Msg) *dns.Msg {
	t.Helper()
	var d desk
	b, later := r.handle(nil, pack(t, m), asker{}, &d)
	if later {
		t.Fatalf("asked somebody else for %s", m.Question[0].String())
	}
	var in dns.Msg
	if err := in.Unpack(b); err != nil {
		t.Fatal(err)
	}
	if in.Id != m.Id || in.RecursionDesired != m.RecursionDesired || !cmp.Equal(in.Question, m.Question) {
		t.Fatalf("answered %v", &in)
	}
	return &in
}

func TestOurs(t *testing.T) {
	const (
		soa     = " 5 IN SOA %[1]s hostmaster.%[1]s 1 3600 600 86400 5"
		reverse = "7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa."
	)
	nothing := func(code, zone string) string { return code + " aa ra\n" + zone + fmt.Sprintf(soa, zone) }
	six, err := dns.ReverseAddr("fd54:6964:6567::6460:102")
	if err != nil {
		t.Fatal(err)
	}
	none, err := dns.ReverseAddr("fd54:6964:6567::1")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		typ  uint16
		want string
	}{
		{"wiki.example.zta.", dns.TypeA, "NOERROR aa ra\nwiki.example.zta. 30 IN A 100.96.1.2"},
		{"WiKi.example.ZTA.", dns.TypeAAAA, "NOERROR aa ra\nWiKi.example.ZTA. 30 IN AAAA fd54:6964:6567::6460:102"},
		{"wiki.example.zta.", dns.TypeANY, "NOERROR aa ra\nwiki.example.zta. 30 IN A 100.96.1.2\nwiki.example.zta. 30 IN AAAA fd54:6964:6567::6460:102"},
		{"wiki.example.zta.", dns.TypeHTTPS, nothing("NOERROR", "wiki.example.zta.")},
		{"wiki.example.zta.", dns.TypeSVCB, nothing("NOERROR", "wiki.example.zta.")},
		{"wiki.example.zta.", dns.TypeSOA, nothing("NOERROR", "wiki.example.zta.")},
		{"none.wiki.example.zta.", dns.TypeA, nothing("NXDOMAIN", "wiki.example.zta.")},
		{"none.wiki.example.zta.", dns.TypeTXT, nothing("NXDOMAIN", "wiki.example.zta.")},
		{"_ldap._tcp.wiki.example.zta.", dns.TypeSRV, nothing("NOERROR", "wiki.example.zta.")},
		{"corp.zta.", dns.TypeA, nothing("NOERROR", "corp.zta.")},
		{"new.corp.zta.", dns.TypeA, "NOERROR aa ra\nnew.corp.zta. 30 IN A 100.96.77.77"},
		{"new.corp.zta.", dns.TypeHTTPS, nothing("NOERROR", "corp.zta.")},
		{"_x.new.corp.zta.", dns.TypeA, nothing("NOERROR", "corp.zta.")},
		{"full.example.zta.", dns.TypeA, "SERVFAIL ra"},
		{"2.1.96.100.in-addr.arpa.", dns.TypePTR, "NOERROR aa ra\n2.1.96.100.in-addr.arpa. 30 IN PTR wiki.example.zta."},
		{"2.1.96.100.IN-ADDR.arpa.", dns.TypeTXT, "NOERROR aa ra\n96.100.IN-ADDR.arpa." + fmt.Sprintf(soa, "96.100.IN-ADDR.arpa.")},
		{"9.9.96.100.in-addr.arpa.", dns.TypePTR, nothing("NXDOMAIN", "96.100.in-addr.arpa.")},
		{"1.96.100.in-addr.arpa.", dns.TypePTR, nothing("NOERROR", "96.100.in-addr.arpa.")},
		{"300.1.96.100.in-addr.arpa.", dns.TypePTR, nothing("NXDOMAIN", "96.100.in-addr.arpa.")},
		{"7.2.1.96.100.in-addr.arpa.", dns.TypePTR, nothing("NXDOMAIN", "96.100.in-addr.arpa.")},
		{six, dns.TypePTR, "NOERROR aa ra\n" + six + " 30 IN PTR wiki.example.zta."},
		{none, dns.TypePTR, nothing("NXDOMAIN", reverse)},
		{"x." + reverse, dns.TypePTR, nothing("NXDOMAIN", reverse)},
		{reverse, dns.TypePTR, nothing("NOERROR", reverse)},
		{"foreign.example.", dns.TypeA, "REFUSED ra"},
		{"9.9.9.9.in-addr.arpa.", dns.TypePTR, "REFUSED ra"},
		{"zta.", dns.TypeA, "REFUSED ra"},
		{".", dns.TypeNS, "REFUSED ra"},
		{canary + ".", dns.TypeA, "REFUSED ra"},
	} {
		t.Run(fmt.Sprint(row.name, dns.TypeToString[row.typ]), func(t *testing.T) {
			r := New(Options{Zone: somePool()})
			if diff := cmp.Diff(row.want, tell(answer(t, r, question(row.name, row.typ)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A name that is asked for something else than an address is not given one.
func TestNotAllocated(t *testing.T) {
	p := somePool()
	r := New(Options{Zone: p})
	for _, typ := range []uint16{dns.TypeHTTPS, dns.TypeTXT, dns.TypeSRV, dns.TypeDS} {
		answer(t, r, question("new.corp.zta.", typ))
	}
	answer(t, r, question("_dmarc.corp.zta.", dns.TypeA))
	answer(t, r, question(`a\.b.corp.zta.`, dns.TypeA))
	if len(p.asked) != 0 {
		t.Errorf("gave addresses to %q", p.asked)
	}
}

func TestOursEDNS(t *testing.T) {
	r := New(Options{Zone: somePool()})
	a := "NOERROR aa ra\nwiki.example.zta. 30 IN A 100.96.1.2"
	for _, row := range []struct {
		name   string
		change func(*dns.Msg)
		want   string
	}{
		{"DNSSEC", func(m *dns.Msg) { m.SetEdns0(4096, true) }, a + "\nEDNS 1232 do=true"},
		{"none", func(m *dns.Msg) { m.SetEdns0(512, false) }, a + "\nEDNS 1232 do=false"},
		{"authentic", func(m *dns.Msg) { m.AuthenticatedData = true }, a},
		{"a later version", func(m *dns.Msg) { edns(m, func(o *dns.OPT) { o.SetVersion(1) }) }, "BADVERS ra\nEDNS 1232 do=false"},
		{"another class", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, "REFUSED ra"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := question("wiki.example.zta.", dns.TypeA)
			row.change(m)
			if diff := cmp.Diff(row.want, tell(answer(t, r, m))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithoutIPv6(t *testing.T) {
	r := New(Options{Zone: somePool(), IPv6: func() bool { return false }})
	for typ, want := range map[uint16]string{
		dns.TypeAAAA: "NOERROR aa ra\nwiki.example.zta. 5 IN SOA wiki.example.zta. hostmaster.wiki.example.zta. 1 3600 600 86400 5",
		dns.TypeANY:  "NOERROR aa ra\nwiki.example.zta. 30 IN A 100.96.1.2",
	} {
		if diff := cmp.Diff(want, tell(answer(t, r, question("wiki.example.zta.", typ)))); diff != "" {
			t.Error(diff)
		}
	}
}

// Where all names come to us, browsers and systems are told not to go elsewhere.
func TestSpecial(t *testing.T) {
	r := New(Options{Zone: somePool()})
	r.Forward([]Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}, Domains: []string{"vpn.example"}}})
	if got := tell(answer(t, r, question(canary+".", dns.TypeA))); got != "REFUSED ra" {
		t.Errorf("with a VPN's names only: %s", got)
	}
	r.Forward(to(netip.MustParseAddrPort("127.0.0.1:9")))
	for name, want := range map[string]int{canary + ".": dns.RcodeNameError, "_dns.resolver.arpa.": dns.RcodeSuccess} {
		if m := answer(t, r, question(name, dns.TypeSVCB)); m.Rcode != want || len(m.Answer) != 0 || len(m.Ns) != 1 {
			t.Errorf("%s: %v", name, m)
		}
	}
}

func TestAsked(t *testing.T) {
	var told []string
	r := New(Options{Zone: somePool(), Asked: func(name string, ours bool) { told = append(told, fmt.Sprint(name, ours)) }})
	for _, name := range []string{"Wiki.example.zta.", "Foreign.example.", "2.1.96.100.in-addr.arpa."} {
		answer(t, r, question(name, dns.TypeA))
	}
	want := []string{"wiki.example.ztatrue", "foreign.examplefalse", "2.1.96.100.in-addr.arpatrue"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

func TestMatch(t *testing.T) {
	all := []Upstream{{Device: "phys"}, {Device: "vpn", Domains: []string{"corp.example", "lab"}}, {Device: "deep", Domains: []string{"deep.corp.example"}}, {Device: "two", Domains: []string{"lab"}}}
	for host, want := range map[string]string{
		"example": "phys", "": "phys", "corp.example": "vpn", "a.b.corp.example": "vpn", "xcorp.example": "phys",
		"deep.corp.example": "deep", "x.deep.corp.example": "deep", "x.lab": "vpntwo",
	} {
		got := ""
		for _, u := range Match(all, host) {
			got += u.Device
		}
		if got != want {
			t.Errorf("%s is asked of %q, want %q", host, got, want)
		}
	}
	if Match(all[1:], "foreign") != nil {
		t.Error("somebody is asked for what nobody has")
	}
}
