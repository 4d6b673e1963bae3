package tunnel

import (
	"fmt"
	"slices"
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
	hosts, domains := d.names()
	slices.Sort(hosts)
	if !slices.Equal(hosts, []string{"ns.corp.example", "trap.corp.example", "wiki.corp.example"}) || len(domains) != 0 {
		t.Errorf("hosts %q, domains %q", hosts, domains)
	}
}
