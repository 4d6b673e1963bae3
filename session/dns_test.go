package session

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// named are the facts of a machine on which names are served.
func named() DataplaneFacts {
	return DataplaneFacts{Apps: listening(), TUN: true, DNS: &DNSFact{NameService: NameService{
		Mode: "resolved-delegate", Server: netip.MustParseAddr("127.11.0.53"), Zones: []string{"corp"}, Adapter: "eth0"}}}
}

// told are the kinds of events since the last call, but for those of no matter here.
func (b *bench) told(seen *uint64) string {
	var kinds []string
	for _, e := range b.state().Events {
		if e.Seq > *seen && strings.HasPrefix(e.Kind, "dns-") {
			kinds = append(kinds, e.Kind)
		}
		*seen = max(*seen, e.Seq)
	}
	return strings.Join(kinds, " ")
}

func codes(ps []Problem) string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Code)
	}
	return strings.Join(all, " ")
}

func TestNameService(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		var seen uint64
		if s := b.state(); s.Local.DNS != nil {
			t.Errorf("before it was heard of there is %+v", s.Local.DNS)
		}
		f := DataplaneFacts{Apps: listening(), DNS: &DNSFact{NameService: NameService{Rootless: true, Why: "There is no helper."}}}
		b.s.ReportDataplane(f)
		if s := b.state(); s.Local.DNS == nil || !s.Local.DNS.Rootless || len(s.Problems) > 0 || b.told(&seen) != "" {
			t.Errorf("without a helper there is %+v, and %+v", s.Local.DNS, s.Problems)
		}
		f = named()
		b.s.ReportDataplane(f)
		s := b.state()
		if diff := cmp.Diff(&DNS{NameService: f.DNS.NameService}, s.Local.DNS, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := b.told(&seen); got != "dns-on" {
			t.Errorf("told %q", got)
		}
		f.DNS = &DNSFact{NameService: f.DNS.NameService}
		f.DNS.Zones = []string{"corp", "lab.example"}
		b.s.ReportDataplane(f)
		if got := b.told(&seen); got != "dns-changed" {
			t.Errorf("told %q", got)
		}
		b.s.ReportDataplane(f)
		if got := b.told(&seen); got != "" {
			t.Errorf("told %q", got)
		}
		b.do(SignOut{})
		if s := b.state(); s.Local.DNS != nil || b.told(&seen) != "dns-off" {
			t.Errorf("signed out there is %+v", s.Local.DNS)
		}
	})
}

func TestNameServiceProblems(t *testing.T) {
	for _, tt := range []struct {
		problem    wire.Problem
		code, text string
	}{
		{wire.Problem{Code: "busy", Title: "Somebody else has the names of this machine"}, "dns-busy", "sign out there"},
		{wire.Problem{Code: "conflict", Title: "Some names are others'"}, "dns-conflict", "disconnect the VPN"},
		{wire.Problem{Code: "full", Title: "There are too many names"}, "dns-full", "wildcard"},
		{wire.Problem{Code: "bad-request", Title: "This machine's helper is of another version"}, "dns-bad-request", "tidegate-helper"},
		{wire.Problem{Code: "outside", Title: "Not allowed", Detail: "wiki"}, "dns-outside", "helper.toml"},
		{wire.Problem{Code: "no-way", Title: "No way"}, "dns-no-way", "systemd-resolved"},
		{wire.Problem{Code: "rp-filter", Title: "Dropped"}, "dns-rp-filter", "rp_filter to 2"},
		{wire.Problem{Code: "underlay", Title: "Below"}, "dns-underlay", "administrator"},
		{wire.Problem{Code: "enforced", Title: "Kept"}, "dns-enforced", "disconnect"},
		{wire.Problem{Code: "unheard-of", Title: "Odd"}, "dns-unheard-of", "tidegate apps"},
	} {
		bubble(t, func(t *testing.T, b *bench) {
			b.enrolled("kept").start()
			f := named()
			f.DNS.Problem = &tt.problem
			b.s.ReportDataplane(f)
			s := b.state()
			if len(s.Problems) != 1 {
				t.Fatalf("%s: %+v", tt.code, s.Problems)
			}
			p := s.Problems[0]
			if p.Code != tt.code || p.Title != tt.problem.Title || p.Detail != Told(tt.problem.Detail) || !strings.Contains(p.Fix, tt.text) || !p.Warning {
				t.Errorf("%s: %+v", tt.code, p)
			}
			if s.Local.DNS.Problem == nil || s.Local.DNS.Problem.Code != tt.code {
				t.Errorf("%s: %+v", tt.code, s.Local.DNS)
			}
			b.do(Acknowledge{Code: p.Code})
			if s = b.state(); len(s.Problems) > 0 || s.Local.DNS.Problem == nil {
				t.Errorf("%s: put away there is %+v", tt.code, s.Problems)
			}
		})
	}
}

func TestCompetitors(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		var seen uint64
		b.s.ReportDataplane(named())
		b.told(&seen)
		compete := func(all ...Competitor) State {
			f := named()
			f.DNS.Competitors = all
			b.s.ReportDataplane(f)
			return b.state()
		}
		if s := compete(Competitor{Adapter: "tun0", Domain: "."}); len(s.Problems) > 0 || b.told(&seen) != "" {
			t.Errorf("of one who has no name of ours it says %+v", s.Problems)
		}
		vpn := Competitor{Program: "openvpn", Adapter: "tun0", Domain: "corp", Wins: true}
		s := compete(vpn)
		if codes(s.Problems) != "dns-competitor-corp-tun0" || b.told(&seen) != "dns-competitor" {
			t.Fatalf("it says %+v", s.Problems)
		}
		p := s.Problems[0]
		if p.Title != "openvpn (adapter tun0) answers for your applications too" || !strings.Contains(p.Fix, "disconnect") || !p.Warning {
			t.Errorf("it says %+v", p)
		}
		b.do(Acknowledge{Code: p.Code})
		if s := compete(vpn); len(s.Problems) > 0 {
			t.Errorf("put away, it says %+v", s.Problems)
		}
		if s := compete(Competitor{Adapter: "wg0", Domain: "corp", Wins: true}); codes(s.Problems) != "dns-competitor-corp-wg0" {
			t.Errorf("of another it says %+v", s.Problems)
		}
		if s := compete(); len(s.Problems) > 0 {
			t.Errorf("alone, it says %+v", s.Problems)
		}
	})
}

// Where names are served, applications are opened by them.
func TestOpeningByName(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		f := named()
		f.DNS.Zones = []string{"pay.corp", "bastion.corp", "wiki.corp"}
		b.s.ReportDataplane(f)
		for id, want := range map[wire.AppID]string{
			"wiki":    "http://wiki.corp/start",
			"payroll": "https://pay.corp:8443",
			"bastion": "ssh bastion.corp",
		} {
			if a := b.app(id); a.OpenWith != want {
				t.Errorf("%s opens with %q, want %q", id, a.OpenWith, want)
			}
		}
		f.DNS.Zones = []string{"pay.corp"}
		b.s.ReportDataplane(f)
		if a := b.app("wiki"); a.OpenWith != "http://127.64.0.9:8443/start" {
			t.Errorf("what is no zone's opens with %q", a.OpenWith)
		}
		f.TUN = false
		b.s.ReportDataplane(f)
		if a := b.app("payroll"); a.OpenWith != "https://127.64.0.9:8443" {
			t.Errorf("without a device it opens with %q", a.OpenWith)
		}
	})
}

// A browser that asks a DNS service of its own has not asked us.
func TestUnasked(t *testing.T) {
	asked := func(at time.Time) DataplaneFacts {
		f := named()
		f.DNS.Asked = map[string]time.Time{"wiki.corp": at}
		return f
	}
	for _, tt := range []struct {
		name string
		then func(b *bench)
		want string
	}{
		{"nobody asks", func(*bench) {}, "dns-unasked"},
		{"it is asked for", func(b *bench) { b.s.ReportDataplane(asked(time.Now())) }, ""},
		{"it was asked for, and is remembered", func(b *bench) { b.s.ReportDataplane(asked(time.Now().Add(-40 * time.Second))) }, ""},
		{"it was asked for long ago", func(b *bench) { b.s.ReportDataplane(asked(time.Now().Add(-2 * time.Minute))) }, "dns-unasked"},
		{"it is used", func(b *bench) {
			f := named()
			f.Apps["wiki"] = AppFact{Listen: f.Apps["wiki"].Listen, LastUsed: time.Now().Add(time.Second)}
			b.s.ReportDataplane(f)
		}, ""},
		{"names are not served any more", func(b *bench) { b.s.ReportDataplane(DataplaneFacts{Apps: listening()}) }, ""},
		{"signed out", func(b *bench) { b.do(SignOut{}) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				var urls []string
				b.launch = func(url string) error { urls = append(urls, url); return nil }
				b.enrolled("kept").start()
				b.s.ReportDataplane(named())
				b.pass(5 * time.Minute)
				b.do(OpenApp{App: "wiki"})
				if len(urls) != 1 || urls[0] != "http://wiki.corp/start" {
					t.Errorf("opened %q", urls)
				}
				tt.then(b)
				if s := b.pass(askingTime - time.Second); codes(s.Problems) != "" {
					t.Errorf("before there was time, it says %+v", s.Problems)
				}
				s := b.pass(2 * time.Second)
				if codes(s.Problems) != tt.want {
					t.Fatalf("it says %+v", s.Problems)
				}
				if tt.want == "" {
					return
				}
				if p := s.Problems[0]; !strings.Contains(p.Title, "wiki.corp") || !strings.Contains(p.Fix, "Firefox") || !strings.Contains(p.Fix, "Chrome") || !p.Warning {
					t.Errorf("it says %+v", p)
				}
				b.do(Acknowledge{Code: "dns-unasked"})
				if s := b.state(); len(s.Problems) > 0 {
					t.Errorf("put away, it says %+v", s.Problems)
				}
				b.do(OpenApp{App: "wiki"}) // again, and it is said again
				if s := b.pass(askingTime); codes(s.Problems) != tt.want {
					t.Errorf("the second time it says %+v", s.Problems)
				}
				b.s.ReportDataplane(asked(time.Now())) // the setting is right now
				if s := b.state(); len(s.Problems) > 0 {
					t.Errorf("in the end it says %+v", s.Problems)
				}
			})
		})
	}
}

// Who did not start looks nothing up.
func TestNotStarted(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.launch = func(string) error { return errors.New("xdg-open is not installed") }
		b.enrolled("kept").start()
		b.s.ReportDataplane(named())
		b.do(OpenApp{App: "wiki"})
		if s := b.pass(2 * askingTime); codes(s.Problems) != "browser" {
			t.Errorf("it says %+v", s.Problems)
		}
		f := named()
		f.DNS.Competitors = []Competitor{{Adapter: "tun0", Domain: "corp", Wins: true}}
		b.s.ReportDataplane(f) // what has just not been done is said first
		if s := b.state(); codes(s.Problems) != "browser dns-competitor-corp-tun0" {
			t.Errorf("it says %+v", s.Problems)
		}
	})
}

// What is opened at an address of this machine is looked up by nobody.
func TestOpenedAtAnAddress(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.launch = func(string) error { return nil }
		b.enrolled("kept").start()
		b.s.ReportDataplane(DataplaneFacts{Apps: listening(), DNS: &DNSFact{NameService: NameService{Rootless: true}}})
		b.do(OpenApp{App: "wiki"})
		b.s.ReportDataplane(named()) // a helper comes
		if s := b.pass(time.Minute); len(s.Problems) > 0 {
			t.Errorf("it says %+v", s.Problems)
		}
	})
}
