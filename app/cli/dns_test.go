package cli

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// lookups are what the running instance says of names.
var lookups = map[string]session.Lookup{
	"wiki.corp.example": {Name: "wiki.corp.example", Answers: session.AnswerTidegate, Zone: "corp.example", App: "wiki",
		Addresses: []netip.Addr{netip.MustParseAddr("100.96.4.7"), netip.MustParseAddr("fd54:6964:6567::407")},
		Servers:   []netip.AddrPort{netip.MustParseAddrPort("127.11.0.53:53")}, Why: "This system asks Tidegate for corp.example.",
		Competitors: []session.Competitor{{Program: "openvpn", Adapter: "tun0", Domain: "corp.example", Wins: true}}, Fix: "Disconnect it\x1b[2J."},
	"www.example.com": {Name: "www.example.com", Answers: session.AnswerNetwork, Adapter: "eth0",
		Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}, Why: "It is none of yours."},
	"www.example.net": {Name: "www.example.net", Answers: session.AnswerVPN, Adapter: "wg0", Why: "It is none of yours.",
		Competitors: []session.Competitor{{Adapter: "wg0", Domain: "."}}},
	"odd":     {Name: "odd"},
	"offline": {Name: "offline", Answers: session.AnswerNobody, Why: "It knows nobody to ask."},
}

// serving is a machine on which every name comes to us.
func serving() *session.DNS {
	return &session.DNS{NameService: session.NameService{
		Mode: "direct", Why: "there is no resolver of the system's own", Server: netip.MustParseAddr("127.11.0.53"), All: true,
		Zones: []string{"corp.example", "lab.example"}, Adapter: "eth0",
		Upstreams: []session.Upstream{
			{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:5353")}, Adapter: "eth0"},
			{Servers: []netip.AddrPort{netip.MustParseAddrPort("10.8.0.1:53")}, Adapter: "tun0", Domains: []string{"vpn.example"}},
		},
		Competitors: []session.Competitor{{Program: "openvpn", Adapter: "tun0", Domain: "corp.example", Wins: true}, {Adapter: "wg0", Domain: "."}},
	}, Problem: &session.Problem{Code: "dns-rp-filter", Title: "Answers are dropped", Fix: "Ask."}}
}

func TestDNS(t *testing.T) {
	signedIn := session.State{User: session.User{Name: "ada@corp.example"}}
	with := func(change func(*session.State)) session.State {
		s := signedIn
		change(&s)
		return s
	}
	delegate := &session.DNS{NameService: session.NameService{Mode: "resolved-delegate", Why: "systemd-resolved 262 answers", Server: netip.MustParseAddr("127.11.0.53"), Zones: []string{"corp.example"}}}
	for _, tt := range []struct {
		name  string
		state session.State
		args  []string
		want  result
	}{
		{"direct", with(func(s *session.State) { s.Local.DNS = serving() }), []string{"dns"}, result{out: `
Names        on: /etc/resolv.conf has every name asked of Tidegate, which passes on what is not yours
Because      there is no resolver of the system's own
Answered at  127.11.0.53:53
Yours        corp.example, lab.example
All others   passed on unchanged to the network's own servers, through eth0
Asked there  192.0.2.53, [2001:db8::53]:5353 through eth0
Asked there  10.8.0.1 through tun0, for vpn.example
Competes     openvpn (adapter tun0) has corp.example: names of yours are asked there too, or instead
Beside       the adapter wg0 has all names; yours win, as they are longer
Problem      Answers are dropped. Ask.
`}},
		{"resolved", with(func(s *session.State) { s.Local.DNS = delegate }), []string{"dns"}, result{out: `
Names        on: systemd-resolved asks Tidegate for your applications' names, by a delegate of its own
Because      systemd-resolved 262 answers
Answered at  127.11.0.53:53
Yours        corp.example
All others   asked by the system, as ever, and not of Tidegate: to the network's own servers
`}},
		{"beside a VPN that wants all names", with(func(s *session.State) {
			s.Local.DNS = &session.DNS{NameService: delegate.NameService}
			s.Local.DNS.Adapter, s.Local.DNS.Competitors = "eth0", []session.Competitor{{Adapter: "wg0", Domain: "."}}
		}), []string{"dns"}, result{out: `
Names        on: systemd-resolved asks Tidegate for your applications' names, by a delegate of its own
Because      systemd-resolved 262 answers
Answered at  127.11.0.53:53
Yours        corp.example
All others   asked by the system, as ever, and not of Tidegate: to the servers of the adapter wg0, which has all names
Beside       the adapter wg0 has all names; yours win, as they are longer
`}},
		{"passed on to a VPN", with(func(s *session.State) {
			s.Local.DNS = &session.DNS{NameService: session.NameService{Mode: "direct", All: true, Adapter: "eth0", Server: netip.MustParseAddr("127.11.0.53"), Zones: []string{"corp.example"},
				Upstreams: []session.Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort("10.8.0.1:53")}, Adapter: "tun0"}}}}
		}), []string{"dns"}, result{out: `
Names        on: /etc/resolv.conf has every name asked of Tidegate, which passes on what is not yours
Answered at  127.11.0.53:53
Yours        corp.example
All others   passed on unchanged to a VPN's servers, through tun0
Asked there  10.8.0.1 through tun0
`}},
		{"rootless", with(func(s *session.State) {
			s.Local.DNS = &session.DNS{NameService: session.NameService{Rootless: true}}
			s.Local.Proxy, s.Local.PAC = netip.MustParseAddrPort("127.0.0.1:1080"), "http://127.0.0.1:1080/proxy.pac"
		}), []string{"dns"}, result{out: `
Names         off: there is no helper on this machine, and without it nothing of the system is touched
Not possible  programs that you start as ever do not find your applications by their names
Instead       addresses of this machine lead to them: tidegate apps
Instead       by their names, in a network of its own: tidegate run -- PROGRAM
Instead       by their names, through the proxy 127.0.0.1:1080 (PAC file http://127.0.0.1:1080/proxy.pac): tidegate proxy
To have it    set the helper up in the window's settings, or as ` + "`tidegate settings`" + ` says; Tidegate's package brings it
`}},
		{"refused", with(func(s *session.State) {
			s.Local.DNS = &session.DNS{Problem: &session.Problem{Title: "Somebody else has the names of this machine", Detail: "It is bob", Fix: "Sign out there."}}
		}), []string{"dns"}, result{out: `
Names    off
Problem  Somebody else has the names of this machine. It is bob. Sign out there.
`}},
		{"no device", with(func(s *session.State) {
			s.Local.DNS = &session.DNS{NameService: session.NameService{Why: "The network device that names would lead to is not there."}}
			s.Local.Problem = &session.Problem{Title: "The network device does not work", Detail: "no such file"}
		}), []string{"dns"}, result{out: `
Names  off: The network device that names would lead to is not there
TUN    off: The network device does not work. no such file.
`}},
		{"not yet", signedIn, []string{"dns"}, result{out: "\nNames  off: not set up yet\n"}},
		{"signed out", session.State{}, []string{"dns"}, result{out: "\nNames  off: nobody is signed in\n"}},
		{"explained, ours", signedIn, []string{"dns", "explain", "wiki.corp.example"}, result{out: `
Name         wiki.corp.example
Answered by  Tidegate, on this machine
Asked at     127.11.0.53
Zone         corp.example
Answer       100.96.4.7 and fd54:6964:6567::407
Application  wiki
Why          This system asks Tidegate for corp.example.
Competes     openvpn (adapter tun0) has corp.example, and is asked too, or instead
What to do   Disconnect it[2J.
`}},
		{"explained, another", signedIn, []string{"dns", "explain", "www.example.com"}, result{out: `
Name         www.example.com
Answered by  the network's own servers
Asked at     192.0.2.53
Through      eth0
Why          It is none of yours.
`}},
		{"explained, a VPN's", signedIn, []string{"dns", "explain", "www.example.net"}, result{out: `
Name         www.example.net
Answered by  a VPN's servers
Through      wg0
Why          It is none of yours.
Beside       the adapter wg0 has all names
`}},
		{"explained, nobody's", signedIn, []string{"dns", "explain", "offline"}, result{out: "\nName         offline\nAnswered by  nobody\nWhy          It knows nobody to ask.\n"}},
		{"explained, not known", signedIn, []string{"dns", "explain", "odd"}, result{out: "\nName         odd\nAnswered by  not known\n"}},
		{"no name", signedIn, []string{"dns", "explain", "10.0.0.1"}, result{code: Failed, err: "tidegate: that is no name that can be looked up\n"}},
		{"what to explain", signedIn, []string{"dns", "explain"}, result{code: Usage, err: "tidegate: it is: tidegate dns explain NAME; `tidegate help` lists the commands\n"}},
		{"another word", signedIn, []string{"dns", "wiki"}, result{code: Usage, err: "tidegate: there is no `tidegate dns wiki`; it is: tidegate dns, or tidegate dns explain NAME; `tidegate help` lists the commands\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(tt.state)
			got := invoke(t, src, "", tt.args...)
			tt.want.out = strings.TrimPrefix(tt.want.out, "\n")
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDNSAsJSON(t *testing.T) {
	src := &apptest.Source{}
	s := session.State{User: session.User{Name: "ada"}}
	s.Local.DNS = serving()
	src.Publish(s)
	same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	ports := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	var d session.DNS
	if r := invoke(t, src, "", "dns", "--json"); json.Unmarshal([]byte(r.out), &d) != nil || r.code != Done {
		t.Errorf("it says %+v", r)
	}
	if diff := cmp.Diff(serving(), &d, same, ports); diff != "" {
		t.Error(diff)
	}
	var l session.Lookup
	if r := invoke(t, src, "", "dns", "explain", "www.example.com", "--json"); json.Unmarshal([]byte(r.out), &l) != nil || r.code != Done {
		t.Errorf("it says %+v", r)
	}
	if diff := cmp.Diff(lookups["www.example.com"], l, same, ports); diff != "" {
		t.Error(diff)
	}
	src.Publish(session.State{})
	if r := invoke(t, src, "", "dns", "--json"); r.out != "null\n" {
		t.Errorf("signed out it says %+v", r)
	}
}
