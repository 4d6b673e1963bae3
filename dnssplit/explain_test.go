package dnssplit

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

func servers(all ...string) (ports []netip.AddrPort) {
	for _, a := range all {
		ports = append(ports, netip.MustParseAddrPort(a))
	}
	return ports
}

func TestExplain(t *testing.T) {
	direct := protocol.DNS{Mode: osdns.ModeDirect, Adapter: "eth0", Upstreams: []osdns.Upstream{
		{Servers: servers("192.0.2.1:53"), Device: "eth0"},
		{Servers: servers("10.8.0.1:53"), Device: "tun0", Domains: []string{"vpn.example"}},
	}}
	delegate := protocol.DNS{Mode: osdns.ModeDelegate, Adapter: "eth0"}
	link := protocol.DNS{Mode: osdns.ModeLink, Adapter: "eth0"}
	wins := protocol.DNS{Mode: osdns.ModeLink, Adapter: "eth0", Competitors: []osdns.Competitor{{Program: "openvpn", Link: "tun0", Domain: "corp.example", Wins: true}}}
	full := protocol.DNS{Mode: osdns.ModeLink, Adapter: "eth0", Competitors: []osdns.Competitor{{Program: "openvpn", Link: "tun0", Domain: "."}}}
	offline := protocol.DNS{Mode: osdns.ModeDirect, Adapter: "eth0"}
	outside := protocol.DNS{Mode: osdns.ModeDelegate, Adapter: "eth0", Left: map[protocol.Code][]string{protocol.Outside: {"corp.example"}}}
	two := protocol.DNS{Mode: osdns.ModeDelegate, Adapter: "eth0", Competitors: []osdns.Competitor{{Link: "wg0", Domain: "lab.example"}, {Program: "openvpn", Link: "tun0", Domain: "."}}}
	all := protocol.DNS{Mode: osdns.ModeLink, Adapter: "eth0", Competitors: []osdns.Competitor{{Program: "openvpn", Link: "tun0", Domain: ".", Wins: true}}}
	for _, tt := range []struct {
		name, host string
		applied    protocol.DNS
		absent     bool
		want       session.Lookup // of Why and Fix, what must be in there
		competes   int
	}{
		{"an application", "WIKI.corp.example.", delegate, false, session.Lookup{Name: "wiki.corp.example", Answers: session.AnswerTidegate, Zone: "corp.example", App: "wiki", Why: "by a delegate of its own"}, 0},
		{"below a wildcard", "new.corp.example", direct, false, session.Lookup{Name: "new.corp.example", Answers: session.AnswerTidegate, Zone: "corp.example", Why: "given an address when it is looked up"}, 0},
		{"the domain of a wildcard", "corp.example", direct, false, session.Lookup{Name: "corp.example", Answers: session.AnswerNobody, Zone: "corp.example", Why: "None of your applications"}, 0},
		{"taken out of a wildcard", "out.corp.example", direct, false, session.Lookup{Name: "out.corp.example", Answers: session.AnswerNobody, Zone: "corp.example", Why: "None of your applications"}, 0},
		{"below a name", "x.db.lab", direct, false, session.Lookup{Name: "x.db.lab", Answers: session.AnswerNobody, Zone: "db.lab", Why: "None of your applications"}, 0},
		{"somebody competes", "wiki.corp.example", wins, false, session.Lookup{Name: "wiki.corp.example", Answers: session.AnswerTidegate, Zone: "corp.example", App: "wiki", Why: "openvpn (adapter tun0) has claimed corp.example", Fix: "Take corp.example out"}, 1},
		{"somebody competes for less", "wiki.corp.example", full, false, session.Lookup{Name: "wiki.corp.example", Answers: session.AnswerTidegate, Zone: "corp.example", App: "wiki", Why: "The answer is made on this machine"}, 1},
		{"another, by a VPN", "www.example.com", full, false, session.Lookup{Name: "www.example.com", Answers: session.AnswerVPN, Adapter: "tun0", Why: "openvpn"}, 1},
		{"another", "www.example.com", delegate, false, session.Lookup{Name: "www.example.com", Answers: session.AnswerNetwork, Adapter: "eth0", Why: "and not Tidegate"}, 0},
		{"passed on", "www.example.com", direct, false, session.Lookup{Name: "www.example.com", Answers: session.AnswerNetwork, Adapter: "eth0", Servers: servers("192.0.2.1:53"), Why: "unchanged, to these: the servers of the network that the machine is in (through eth0)."}, 0},
		{"passed on to a VPN", "intra.vpn.example", direct, false, session.Lookup{Name: "intra.vpn.example", Answers: session.AnswerVPN, Adapter: "tun0", Servers: servers("10.8.0.1:53"), Why: "below vpn.example"}, 0},
		{"another, as the system says", "www.example.com", link, false, session.Lookup{Name: "www.example.com", Answers: session.AnswerNetwork, Adapter: "eth0", Servers: servers("192.0.2.1:53"), Why: "This system asks these, and not Tidegate: the servers of the network"}, 0},
		{"another, of a VPN", "a.vpn.example", link, false, session.Lookup{Name: "a.vpn.example", Answers: session.AnswerVPN, Adapter: "tun0", Servers: servers("10.8.0.1:53"), Why: "which names below vpn.example belong to"}, 0},
		{"an address", "7.4.96.100.in-addr.arpa", delegate, false, session.Lookup{Name: "7.4.96.100.in-addr.arpa", Answers: session.AnswerTidegate, Why: "stands for an application"}, 0},
		{"in the file", "printer", delegate, false, session.Lookup{Name: "printer", Answers: session.AnswerFile, Why: "before they ask anybody"}, 0},
		{"ours in the file", "old.corp.example", delegate, false, session.Lookup{Name: "old.corp.example", Answers: session.AnswerFile, Fix: "take it out"}, 0},
		{"nobody to pass it on to", "www.example.com", offline, false, session.Lookup{Name: "www.example.com", Answers: session.AnswerNobody, Servers: servers("127.11.0.53:53"), Why: "knows nobody to pass it on to", Fix: "network"}, 0},
		{"of one label", "laserjet", direct, false, session.Lookup{Name: "laserjet", Answers: session.AnswerNetwork, Adapter: "eth0", Why: "one of the system's search domains behind it"}, 0},
		{"not let be told of", "wiki.corp.example", outside, false, session.Lookup{Name: "wiki.corp.example", Answers: session.AnswerNetwork, App: "wiki", Adapter: "eth0", Why: "Tidegate does not answer for it", Fix: "tidegate apps"}, 0},
		{"two who compete, the longer", "a.lab.example", two, false, session.Lookup{Name: "a.lab.example", Answers: session.AnswerVPN, Adapter: "wg0", Why: "the adapter wg0, which has claimed lab.example"}, 2},
		{"one who competes for all", "wiki.corp.example", all, false, session.Lookup{Name: "wiki.corp.example", Answers: session.AnswerTidegate, Zone: "corp.example", App: "wiki", Why: "has claimed all names", Fix: "out of that program's"}, 1},
		{"in another script", "Wïki.corp.example。", delegate, false, session.Lookup{Name: "xn--wki-zma.corp.example", Answers: session.AnswerTidegate, Zone: "corp.example", Why: "given an address"}, 0},
		{"no helper", "wiki.corp.example", delegate, true, session.Lookup{Name: "wiki.corp.example", Answers: session.AnswerSystem, App: "wiki", Why: "There is no helper", Fix: "With the helper installed"}, 0},
		{"no helper, below a wildcard", "new.corp.example", delegate, true, session.Lookup{Name: "new.corp.example", Answers: session.AnswerSystem, Why: "There is no helper", Fix: "It is an application's name. Reach it through the proxy"}, 0},
		{"no helper, another", "www.example.com", delegate, true, session.Lookup{Name: "www.example.com", Answers: session.AnswerSystem, Why: "Whoever this system asks answers"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(b *bench) {
				b.o.Hosts = filepath.Join(t.TempDir(), "hosts")
				if err := os.WriteFile(b.o.Hosts, []byte("10.0.0.9 Printer # the printer\n# 10.0.0.1 wiki.corp.example\nodd www.example.com\n10.0.0.8 x old.corp.example\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				b.set(func() {
					if b.answer, b.absent = tt.applied, tt.absent; tt.applied.Mode == osdns.ModeLink && tt.competes == 0 {
						b.fake.asked = direct.Upstreams
					}
				})
				b.o.Pool.Except(func(host string) bool { return host == "out.corp.example" })
				b.o.Pool.Set([]string{"wiki.corp.example", "db.lab"}, []string{"corp.example"})
				b.Split.Apply(in)
				b.Device(!tt.absent)
				b.state()
				got, err := b.Explain(tt.host)
				if err != nil {
					t.Fatal(err)
				}
				w := tt.want
				if got.Name != w.Name || got.Answers != w.Answers || got.Zone != w.Zone || got.App != w.App || got.Adapter != w.Adapter ||
					w.Servers != nil && !slices.Equal(got.Servers, w.Servers) || !strings.Contains(got.Why, w.Why) || !strings.Contains(got.Fix, w.Fix) || (w.Fix == "") != (got.Fix == "") {
					t.Errorf("it says %+v,\nwant %+v", got, w)
				}
				if len(got.Competitors) != tt.competes {
					t.Errorf("%v compete", got.Competitors)
				}
				if addrs, known := b.o.Pool.Addrs(w.Name); got.Answers == session.AnswerTidegate && known != (len(got.Addresses) > 0) || w.Name == "new.corp.example" && known {
					t.Errorf("it is answered with %v, and has %v", got.Addresses, addrs)
				}
			})
		})
	}
}

func TestExplainNoName(t *testing.T) {
	bubble(t, func(b *bench) {
		for _, name := range []string{"", ".", "a..b", "10.0.0.1", "10.0.0.1.", "FD54::1", "fe80::1%eth0", "two words", "http://wiki.corp", strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 150), "-ï.corp", "xn--a.ï", "ï corp"} {
			if l, err := b.Explain(name); err == nil {
				t.Errorf("%q: %+v", name, l)
			}
		}
		l, err := b.Explain("_srv._tcp.corp")
		if err != nil || l.Answers != session.AnswerSystem || !strings.Contains(l.Why, "Nobody is signed in") {
			t.Errorf("%+v, %v", l, err)
		}
	})
}
