package tunnel

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

func TestDestinations(t *testing.T) {
	d := newDestinations(session.Wanted{
		Apps: []session.WantedApp{
			{ID: "wiki", Site: "hq", Entitlement: "web", Host: "Wiki.Corp.example", Port: 443},
			{ID: "db", Site: "hq", Entitlement: "data", Host: "10.1.2.3", Port: 5432},
		},
		Routes: []session.WantedRoute{
			{Site: "hq", Entitlement: "web", Protocol: wire.TCP, Hosts: []string{"wiki.corp.example", "dns://x.corp.example"}, Ports: []uint16{80, 443}},
			{Site: "hq", Entitlement: "net", Protocol: wire.TCP, Hosts: []string{"10.1.0.0/16", "2001:db8::/32"}, Ports: []uint16{22}},
			{Site: "branch", Entitlement: "rack", Protocol: wire.TCP, Hosts: []string{"10.1.9.0/24"}, Ports: []uint16{22}},
			{Site: "hq", Entitlement: "net", Protocol: wire.TCP, Hosts: []string{"10.1.66.0/24", "10.1.7.7"}, Ports: []uint16{22}, Exclude: true},
			{Site: "hq", Entitlement: "net", Protocol: wire.ICMP, Hosts: []string{"10.1.0.0/16"}},
			{Site: "hq", Entitlement: "net", Protocol: wire.ICMP, Hosts: []string{"10.1.66.0/24"}, Exclude: true},
			{Site: "hq", Entitlement: "names", Protocol: wire.UDP, Hosts: []string{"ns.corp.example"}, Ports: []uint16{53}},
			{Site: "annex", Entitlement: "trap", Protocol: wire.TCP, Hosts: []string{"trap.corp.example", "10.1.9.9", "10.1.66.0/30", "10.3.0.0/16", "10.1.2.3"}, Ports: []uint16{22, 5432}, Refused: true},
			{Site: "annex", Entitlement: "trap", Protocol: wire.TCP, Hosts: []string{"10.3.0.0/24"}, Ports: []uint16{22}, Exclude: true},
		},
	})
	for _, row := range []struct {
		host  string
		port  uint16
		proto wire.Protocol
		want  string // site/entitlement/app; empty: not ours
	}{
		{"wiki.corp.example", 443, wire.TCP, "hq/web/wiki"},
		{"WIKI.corp.example.", 443, wire.TCP, "hq/web/wiki"},
		{"wiki.corp.example", 80, wire.TCP, "hq/web/"},
		{"wiki.corp.example", 8080, wire.TCP, ""},
		{"wiki.corp.example", 443, wire.UDP, ""},
		{"a.wiki.corp.example", 443, wire.TCP, ""},
		{"x.corp.example", 443, wire.TCP, ""},
		{"10.1.2.3", 5432, wire.TCP, "hq/data/db"},
		{"::ffff:10.1.2.3", 5432, wire.TCP, "hq/data/db"},
		{"10.1.2.3", 22, wire.TCP, "hq/net/"},
		{"10.1.9.1", 22, wire.TCP, "branch/rack/"},
		{"10.1.7.7", 22, wire.TCP, ""},
		{"10.2.0.1", 22, wire.TCP, ""},
		{"2001:db8::1", 22, wire.TCP, "hq/net/"},
		{"10.1.2.3", 0, wire.ICMP, "hq/net/"},
		{"10.1.66.3", 0, wire.ICMP, ""},
		{"ns.corp.example", 53, wire.UDP, "hq/names/"},
		// What is refused leads there as well, so that the gateway hears of it; what
		// is allowed by another leads where that says.
		{"trap.corp.example", 22, wire.TCP, "annex/trap/"},
		{"trap.corp.example", 80, wire.TCP, ""},
		{"10.1.2.3", 5432, wire.TCP, "hq/data/db"},
		{"10.1.9.9", 22, wire.TCP, "branch/rack/"},
		{"10.1.66.1", 5432, wire.TCP, "annex/trap/"},
		{"10.1.66.1", 22, wire.TCP, "annex/trap/"},
		{"10.3.9.9", 22, wire.TCP, "annex/trap/"},
		{"10.3.0.1", 22, wire.TCP, "annex/trap/"}, // an exclusion takes out of what is allowed
	} {
		t.Run(fmt.Sprintf("%s/%s/%d", row.proto, row.host, row.port), func(t *testing.T) {
			got := ""
			if to, ok := d.find(spell(front.Target{Host: row.host, Port: row.port, Protocol: row.proto})); ok {
				got = fmt.Sprintf("%s/%s/%s", to.site, to.entitlement, to.app)
			}
			if got != row.want {
				t.Errorf("leads to %q, want %q", got, row.want)
			}
		})
	}
	if names := d.names(); len(names) != 3 || !names["wiki.corp.example"] || !names["ns.corp.example"] || !names["trap.corp.example"] {
		t.Errorf("names %v", names)
	}
}

func TestSyntheticAddresses(t *testing.T) {
	n := newNames()
	hosts := map[string]bool{}
	for i := range 20000 {
		hosts[fmt.Sprintf("host%d.corp.example", i)] = true
	}
	n.set(hosts)
	before := n.All()
	if len(before) != len(hosts) {
		t.Fatalf("%d of %d names have addresses", len(before), len(hosts))
	}
	for host, addrs := range before {
		if last := addrs[0].As4()[3]; !SyntheticIPv4.Contains(addrs[0]) || !SyntheticIPv6.Contains(addrs[1]) || last == 0 || last == 255 {
			t.Fatalf("%s: %v", host, addrs)
		}
		for _, a := range addrs {
			if back, ok := n.Host(a); !ok || back != host {
				t.Fatalf("%v stands for %q, want %q", a, back, host)
			}
		}
	}
	again := newNames()
	again.set(hosts)
	for host, addrs := range before {
		if got, _ := again.Addrs(host); got != addrs {
			t.Fatalf("%s: %v after a restart, %v before", host, got, addrs)
		}
	}
	// Names come and go; the others stay where they are.
	for i := range 10000 {
		delete(hosts, fmt.Sprintf("host%d.corp.example", i))
		hosts[fmt.Sprintf("other%d.corp.example", i)] = true
	}
	n.set(hosts)
	for i := 10000; i < 20000; i++ {
		host := fmt.Sprintf("host%d.corp.example", i)
		if got, _ := n.Addrs(host); got != before[host] {
			t.Fatalf("%s: moved from %v to %v", host, before[host], got)
		}
	}
	if _, ok := n.Addrs("host1.corp.example"); ok {
		t.Error("a name that is gone has an address")
	}
	for i := range 60000 {
		hosts[fmt.Sprintf("many%d.corp.example", i)] = true
	}
	n.set(hosts)
	if got := len(n.All()); got != mostNames {
		t.Errorf("%d names, want no more than %d", got, mostNames)
	}
}
