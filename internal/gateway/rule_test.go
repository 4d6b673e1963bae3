package gateway

import (
	"net/netip"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestRuleEffects is the matrix of effects, protocols and what is not known.
func TestRuleEffects(t *testing.T) {
	from := sources{
		script: func(name string) ([]string, bool) {
			if name == "failed" {
				return nil, false
			}
			return []string{"script.corp", "10.2.0.0/16", "dns://wiki.corp", "127.0.0.1", "169.254.169.254/32"}, true
		},
		find: func(l lookup) (answer, bool, bool) {
			switch {
			case l.service:
				return answer{names: []string{"ldap.corp"}}, true, false
			case l.name == "wiki.corp":
				return answer{addrs: []netip.Addr{netip.MustParseAddr("10.3.0.1")}}, true, false
			case l.name == "mapped.corp":
				return answer{addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, trusted: true}, true, false
			case l.name == "new.corp":
				return answer{}, false, true
			}
			return answer{}, false, false
		},
	}
	act := func(effect wire.Effect, host string) wire.Action {
		return wire.Action{Effect: effect, Protocol: wire.TCP, Hosts: []string{host}, Ports: []uint16{443}}
	}
	scripted := func(effect wire.Effect, script string) wire.Action {
		return wire.Action{Effect: effect, Protocol: wire.TCP, Script: script, Ports: []uint16{443}}
	}
	const a, b = wire.EffectAllow, wire.EffectBlock
	for _, row := range []struct {
		name                                      string
		actions                                   []wire.Action
		target                                    string
		allows, blocks, alerts, literal, pendings bool
	}{
		{"exclude wins over its own allow", []wire.Action{act(a, "10.0.0.0/8"), act(wire.EffectExclude, "10.9.0.0/16")}, "10.9.0.1:443", false, false, false, false, false},
		{"and nothing else", []wire.Action{act(a, "10.0.0.0/8"), act(wire.EffectExclude, "10.9.0.0/16")}, "10.8.0.1:443", true, false, false, false, false},
		{"an exclude that is not known", []wire.Action{act(a, "10.0.0.0/8"), act(wire.EffectExclude, "*")}, "10.8.0.1:443", false, false, false, false, false},
		{"below a wildcard", []wire.Action{act(a, "*.corp.example")}, "wiki.corp.example:443", true, false, false, false, false},
		{"far below it", []wire.Action{act(a, "*.corp.example")}, "a.b.wiki.corp.example:443", true, false, false, false, false},
		{"not the domain itself", []wire.Action{act(a, "*.corp.example")}, "corp.example:443", false, false, false, false, false},
		{"nor what only ends like it", []wire.Action{act(a, "*.corp.example")}, "xcorp.example:443", false, false, false, false, false},
		{"nor what goes on behind it", []wire.Action{act(a, "*.corp.example")}, "wiki.corp.example.net:443", false, false, false, false, false},
		{"nor an address", []wire.Action{act(a, "*.corp.example")}, "10.3.0.1:443", false, false, false, false, false},
		{"nor another port", []wire.Action{act(a, "*.corp.example")}, "wiki.corp.example:80", false, false, false, false, false},
		{"in upper case, as it was asked for", []wire.Action{act(a, "*.corp.example")}, "WIKI.Corp.Example.:443", true, false, false, false, false},
		{"a wildcard in upper case allows nothing", []wire.Action{act(a, "*.Corp.example")}, "wiki.corp.example:443", false, false, false, false, false},
		{"nor does one of a public suffix", []wire.Action{act(a, "*.co.uk")}, "corp.co.uk:443", false, false, false, false, false},
		{"nor one of a label", []wire.Action{act(a, "*.example")}, "corp.example:443", false, false, false, false, false},
		{"nor a star within", []wire.Action{act(a, "wiki.*.example")}, "wiki.corp.example:443", false, false, false, false, false},
		{"nor a part of a label", []wire.Action{act(a, "*ki.corp.example")}, "wiki.corp.example:443", false, false, false, false, false},
		{"a wildcard taken out", []wire.Action{act(a, "*.corp.example"), act(wire.EffectExclude, "*.eng.corp.example")}, "git.eng.corp.example:443", false, false, false, false, false},
		{"leaves the rest", []wire.Action{act(a, "*.corp.example"), act(wire.EffectExclude, "*.eng.corp.example")}, "eng.corp.example:443", true, false, false, false, false},
		{"a name taken out of a wildcard", []wire.Action{act(a, "*.corp.example"), act(wire.EffectExclude, "wiki.corp.example")}, "wiki.corp.example:443", false, false, false, false, false},
		{"a wildcard taken out takes addresses along", []wire.Action{act(a, "10.0.0.0/8"), act(wire.EffectExclude, "*.corp.example")}, "10.1.1.1:443", false, false, false, false, false},
		{"a wildcard that blocks", []wire.Action{act(b, "*.corp.example")}, "wiki.corp.example:443", false, true, false, false, false},
		{"blocks addresses, which may be behind it", []wire.Action{act(b, "*.corp.example")}, "10.1.1.1:443", false, true, false, false, false},
		{"and no other names", []wire.Action{act(b, "*.corp.example")}, "wiki.other.example:443", false, false, false, false, false},
		{"a wildcard that alerts", []wire.Action{act(wire.EffectAlert, "*.bait.example")}, "a.bait.example:443", false, true, true, false, false},
		{"alerts not for addresses", []wire.Action{act(wire.EffectAlert, "*.bait.example")}, "10.1.1.1:443", false, true, false, false, false},
		{"one that cannot be read blocks everything", []wire.Action{act(b, "*.com")}, "wiki.corp:443", false, true, false, false, false},
		{"alert", []wire.Action{act(wire.EffectAlert, "bait.corp")}, "bait.corp:443", false, true, true, false, false},
		{"an alert that is not known blocks", []wire.Action{act(wire.EffectAlert, "*")}, "bait.corp:443", false, true, false, false, false},
		{"and alerts what is", []wire.Action{{Effect: wire.EffectAlert, Protocol: wire.TCP, Hosts: []string{"*", "bait.corp"}, Ports: []uint16{443}}}, "bait.corp:443", false, true, true, false, false},
		{"a script's name", []wire.Action{scripted(a, "x")}, "script.corp:443", true, false, false, false, false},
		{"a script's network", []wire.Action{scripted(a, "x")}, "10.2.0.1:443", true, false, false, false, false},
		{"a script's resolver name", []wire.Action{scripted(a, "x")}, "10.3.0.1:443", true, false, false, false, false},
		{"a script's address is no literal", []wire.Action{scripted(a, "x")}, "127.0.0.1:443", true, false, false, false, false},
		{"nor its network of one", []wire.Action{scripted(a, "x")}, "169.254.169.254:443", true, false, false, false, false},
		{"a failed script allows nothing", []wire.Action{scripted(a, "failed")}, "script.corp:443", false, false, false, false, false},
		{"and blocks everything", []wire.Action{scripted(b, "failed")}, "other.corp:443", false, true, false, false, false},
		{"dns is no literal", []wire.Action{act(a, "dns://wiki.corp")}, "10.3.0.1:443", true, false, false, false, false},
		{"but the hosts map is", []wire.Action{act(a, "dns://mapped.corp")}, "127.0.0.1:443", true, false, false, true, false},
		{"dns admits no name", []wire.Action{act(a, "dns://wiki.corp")}, "wiki.corp:443", false, false, false, false, false},
		{"srv admits names", []wire.Action{act(a, "srv://_ldap._tcp.corp")}, "ldap.corp:443", true, false, false, false, false},
		{"not looked up yet", []wire.Action{act(a, "dns://new.corp")}, "10.3.0.1:443", false, false, false, false, true},
		{"of another port", []wire.Action{act(a, "dns://new.corp")}, "10.3.0.1:80", false, false, false, false, false},
		{"no answer blocks everything", []wire.Action{act(b, "dns://dead.corp")}, "10.3.0.1:443", false, true, false, false, false},
		{"an odd resolver name", []wire.Action{act(b, "dns://")}, "10.3.0.1:443", false, true, false, false, false},
		{"another protocol", []wire.Action{{Effect: a, Protocol: wire.UDP, Hosts: []string{"app.corp"}, Ports: []uint16{443}}}, "app.corp:443", false, false, false, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			tg, err := parseTarget(row.target)
			if err != nil {
				t.Fatal(err)
			}
			rs := compiled(row.actions, from)
			got := [...]bool{rs.allows(tg), rs.blocks(tg), rs.alerts(tg), rs.literal(tg), rs.pending(tg)}
			if want := [...]bool{row.allows, row.blocks, row.alerts, row.literal, row.pendings}; got != want {
				t.Errorf("allows, blocks, alerts, literal, pending: %v, want %v", got, want)
			}
		})
	}
}

// TestRuleProtocols are compiled, though the lane carries TCP alone.
func TestRuleProtocols(t *testing.T) {
	rs := compiled([]wire.Action{
		{Effect: wire.EffectAllow, Protocol: wire.UDP, Hosts: []string{"dns.corp"}, Ports: []uint16{53}},
		{Effect: wire.EffectAllow, Protocol: wire.ICMP, Hosts: []string{"10.0.0.0/8"}},
	}, nowhere)
	for _, row := range []struct {
		target target
		want   bool
	}{
		{target{name: "dns.corp", port: 53, protocol: wire.UDP}, true},
		{target{name: "dns.corp", port: 53}, false},
		{target{name: "dns.corp", port: 54, protocol: wire.UDP}, false},
		{target{addr: netip.MustParseAddr("10.1.1.1"), protocol: wire.ICMP}, true},
		{target{addr: netip.MustParseAddr("10.1.1.1"), port: 53}, false},
	} {
		if got := rs.allows(row.target); got != row.want {
			t.Errorf("%+v: %v", row.target, got)
		}
	}
	if got := rs.e.rules.list(); len(got) != 2 || got[0] != "allow udp dns.corp 53" || got[1] != "allow icmp 10.0.0.0/8 " {
		t.Errorf("%q", got)
	}
}

func FuzzLookup(f *testing.F) {
	for _, s := range []string{"dns://wiki.corp", "srv://_ldap._tcp.corp", "dns://10.0.0.1", "dns://", "srv://a..b", "wiki.corp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, ok := parseLookup(s)
		if !ok {
			return
		}
		if name, _, err := parseHost(l.name); err != nil || name != l.name {
			t.Errorf("%q is looked up as %q", s, l.name)
		}
	})
}
