package dnssplit

import (
	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

func rootless() *session.DNSFact {
	return &session.DNSFact{NameService: session.NameService{Rootless: true, Why: "There is no helper here, and without one nothing of the system is touched."}}
}

func nameless() *session.DNSFact {
	return &session.DNSFact{NameService: session.NameService{Why: "None of your applications is called by a name."}}
}

// forwarded are whom the resolver asks: somebody only where every name comes to us.
func forwarded(a protocol.DNS) (to []resolver.Upstream) {
	if a.Mode.All() {
		for _, u := range a.Upstreams {
			to = append(to, resolver.Upstream{Servers: u.Servers, Device: u.Device, Domains: u.Domains})
		}
	}
	return to
}

// fact is what there is to say of what was applied.
func fact(a protocol.DNS, zones []string, over int) *session.DNSFact {
	if len(zones) == 0 {
		return nameless()
	}
	f := &session.DNSFact{Problem: standing(a, over), NameService: session.NameService{Mode: string(a.Mode), Why: a.Why, Adapter: a.Adapter, All: a.Mode.All()}}
	if a.Mode == osdns.ModeNone {
		return f
	}
	f.Server = protocol.DNSServer.Addr()
	left := map[string]bool{}
	for _, domains := range a.Left {
		for _, d := range domains {
			left[d] = true
		}
	}
	for _, z := range zones[:len(zones)-over] {
		if !left[z] {
			f.Zones = append(f.Zones, z)
		}
	}
	for _, u := range a.Upstreams {
		f.Upstreams = append(f.Upstreams, session.Upstream{Servers: u.Servers, Adapter: u.Device, Domains: u.Domains})
	}
	for _, c := range a.Competitors {
		f.Competitors = append(f.Competitors, session.Competitor{Program: c.Program, Adapter: c.Link, Domain: c.Domain, Wins: c.Wins})
	}
	return f
}
