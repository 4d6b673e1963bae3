package tunnel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

func TestWildcardDestinations(t *testing.T) {
	d := newDestinations(session.Wanted{
		Apps: []session.WantedApp{{ID: "wiki", Site: "hq", Entitlement: "all", Host: "wiki.corp.example", Port: 443}},
		Routes: []session.WantedRoute{
			{Site: "hq", Entitlement: "all", Protocol: wire.TCP, Hosts: []string{"*.corp.example"}, Ports: []uint16{80, 443}},
			{Site: "hq", Entitlement: "all", Protocol: wire.TCP, Hosts: []string{"left.corp.example", "*.left.corp.example"}, Ports: []uint16{443}, Exclude: true},
			{Site: "hq", Entitlement: "all", Protocol: wire.ICMP, Hosts: []string{"*.corp.example"}},
			{Site: "annex", Entitlement: "hr", Protocol: wire.TCP, Hosts: []string{"hr.corp.example"}, Ports: []uint16{443}},
			{Site: "annex", Entitlement: "eng", Protocol: wire.TCP, Hosts: []string{"*.eng.corp.example"}, Ports: []uint16{443}},
			{Site: "annex", Entitlement: "same", Protocol: wire.TCP, Hosts: []string{"*.corp.example"}, Ports: []uint16{443, 8443}},
			{Site: "annex", Entitlement: "bad", Protocol: wire.TCP, Hosts: []string{"*", "*.", "*.com", "*.co.uk", "a.*.b", "**.x.y", "*z.corp.example", "*.Up.example", "*.dot.example.", "*.bücher.example"}, Ports: []uint16{443}},
			{Site: "trap", Entitlement: "bait", Protocol: wire.TCP, Hosts: []string{"*.bait.example", "*.eng.corp.example"}, Ports: []uint16{443}, Refused: true},
		},
	})
	for _, row := range []struct {
		host  string
		port  uint16
		proto wire.Protocol
		want  string // site/entitlement/app; empty: not ours
	}{
		{"wiki.corp.example", 443, wire.TCP, "hq/all/wiki"},
		{"Wiki.CORP.example.", 443, wire.TCP, "hq/all/wiki"},
		{"wiki.corp.example", 80, wire.TCP, "hq/all/"},
		{"a.b.corp.example", 443, wire.TCP, "annex/same/"}, // sites in their order
		{"a.b.corp.example", 80, wire.TCP, "hq/all/"},
		{"a.b.corp.example", 8443, wire.TCP, "annex/same/"},
		{"a.b.corp.example", 22, wire.TCP, ""},
		{"a.b.corp.example", 443, wire.UDP, ""},
		{"a.b.corp.example", 0, wire.ICMP, "hq/all/"},
		{"corp.example", 443, wire.TCP, ""},
		{"xcorp.example", 443, wire.TCP, ""},
		{"corp.example.net", 443, wire.TCP, ""},
		{"10.1.2.3", 443, wire.TCP, ""},
		{"hr.corp.example", 443, wire.TCP, "annex/hr/"},
		{"hr.corp.example", 80, wire.TCP, "hq/all/"},
		{"x.hr.corp.example", 80, wire.TCP, "hq/all/"},
		{"git.eng.corp.example", 443, wire.TCP, "annex/eng/"},
		{"git.eng.corp.example", 80, wire.TCP, "hq/all/"},
		{"eng.corp.example", 80, wire.TCP, "hq/all/"},
		{"left.corp.example", 443, wire.TCP, "annex/same/"}, // taken out of all, and not of same
		{"left.corp.example", 80, wire.TCP, "hq/all/"},
		{"a.left.corp.example", 443, wire.TCP, "annex/same/"},
		{"a.bait.example", 443, wire.TCP, "trap/bait/"},
		{"bait.example", 443, wire.TCP, ""},
		{"www.com", 443, wire.TCP, ""},
		{"corp.co.uk", 443, wire.TCP, ""},
		{"a.x.y", 443, wire.TCP, ""},
		{"a.q.b", 443, wire.TCP, ""},
		{"az.corp.example", 22, wire.TCP, ""},
		{"a.up.example", 443, wire.TCP, ""},
		{"a.dot.example", 443, wire.TCP, ""},
		{"a.xn--bcher-kva.example", 443, wire.TCP, ""},
		{"*", 443, wire.TCP, ""},
		{"*.com", 443, wire.TCP, ""},
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
	slices.Sort(domains)
	if !slices.Equal(hosts, []string{"hr.corp.example", "wiki.corp.example"}) || !slices.Equal(domains, []string{"bait.example", "corp.example", "eng.corp.example"}) {
		t.Errorf("hosts %q, domains %q", hosts, domains)
	}
}

// TestWildcardTarget: a name below a wildcard has addresses once somebody asks for
// them, and what goes there reaches the gateway by the name.
func TestWildcardTarget(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		w := routed(s)
		w.Routes = append(w.Routes, session.WantedRoute{Site: "site", Entitlement: "e1", Protocol: wire.TCP, Hosts: []string{"*.corp.example"}, Ports: []uint16{443}},
			session.WantedRoute{Site: "site", Entitlement: "e1", Protocol: wire.TCP, Hosts: []string{"left.corp.example"}, Ports: []uint16{443}, Exclude: true})
		s.Apply(w)
		s.now()
		if zones := s.pool.Zones(); !slices.Contains(zones, "corp.example") {
			t.Fatalf("the zones are %q", zones)
		}
		if _, known := s.pool.Addrs("a.b.corp.example"); known {
			t.Error("a name that nobody has asked for has addresses")
		}
		asked := make(chan string, 2)
		s.gw.reach(func(authority string) (appConn, error) {
			asked <- authority
			return memoryEcho(authority)
		})
		addrs, known := s.pool.Answer("a.b.corp.example")
		if !known {
			t.Fatal("a name below the wildcard is not known")
		}
		for _, a := range addrs {
			target := front.Target{Host: a.String(), Port: 443, Protocol: wire.TCP}
			if !s.Router().Covers(target) {
				t.Errorf("%v is not covered", a)
			}
			o := s.offer(target)
			ping(t, o.conn, "hello")
			o.conn.Close()
			<-o.done
			if got := <-asked; got != "a.b.corp.example:443" {
				t.Errorf("the gateway was asked for %s", got)
			}
		}
		if out, known := s.pool.Answer("left.corp.example"); known || !s.pool.Exists("left.corp.example") {
			t.Errorf("what is taken out has %v, known: %v", out, known)
		}
		for _, target := range []front.Target{{Host: addrs[0].String(), Port: 80, Protocol: wire.TCP}, {Host: "left.corp.example", Port: 443, Protocol: wire.TCP},
			{Host: "corp.example", Port: 443, Protocol: wire.TCP}} {
			if s.Router().Covers(target) {
				t.Errorf("%v is covered", target)
			}
		}
		s.Apply(routed(s))
		s.now()
		if s.Router().Covers(front.Target{Host: addrs[0].String(), Port: 443, Protocol: wire.TCP}) {
			t.Error("what was taken away is covered")
		}
	})
}

// TestNowhere: a name below a wildcard of which all is taken out leads nowhere, and
// one of which something is left does not.
func TestNowhere(t *testing.T) {
	d := newDestinations(session.Wanted{
		Apps: []session.WantedApp{{ID: "wiki", Site: "hq", Entitlement: "all", Host: "wiki.left.corp.example", Port: 8443}},
		Routes: []session.WantedRoute{
			{Site: "hq", Entitlement: "all", Protocol: wire.TCP, Hosts: []string{"*.corp.example"}, Ports: []uint16{80, 443}},
			{Site: "hq", Entitlement: "all", Protocol: wire.TCP, Hosts: []string{"left.corp.example", "*.left.corp.example", "partly.corp.example", "a.deep.corp.example", "trap.corp.example"}, Ports: []uint16{443}, Exclude: true},
			{Site: "hq", Entitlement: "all", Protocol: wire.TCP, Hosts: []string{"left.corp.example", "*.left.corp.example", "a.deep.corp.example", "trap.corp.example", "10.0.0.0/8"}, Ports: []uint16{22, 80}, Exclude: true},
			{Site: "hq", Entitlement: "other", Protocol: wire.TCP, Hosts: []string{"*.deep.corp.example"}, Ports: []uint16{443}},
			{Site: "hq", Entitlement: "bait", Protocol: wire.TCP, Hosts: []string{"*.corp.example"}, Ports: []uint16{22}, Refused: true},
			{Site: "hq", Entitlement: "bait", Protocol: wire.TCP, Hosts: []string{"trap.corp.example"}, Ports: []uint16{22}, Exclude: true},
			{Site: "hq", Entitlement: "pings", Protocol: wire.TCP, Hosts: []string{"*.net.example"}, Ports: []uint16{443}},
			{Site: "hq", Entitlement: "pings", Protocol: wire.ICMP, Hosts: []string{"*.net.example"}},
			{Site: "hq", Entitlement: "pings", Protocol: wire.TCP, Hosts: []string{"*.a.net.example", "*.b.net.example"}, Ports: []uint16{443}, Exclude: true},
			{Site: "hq", Entitlement: "pings", Protocol: wire.ICMP, Hosts: []string{"*.a.net.example"}, Exclude: true},
			{Site: "hq", Entitlement: "odd", Protocol: wire.TCP, Hosts: []string{"*.odd.example"}, Ports: []uint16{443}},
			{Site: "hq", Entitlement: "odd", Protocol: wire.TCP, Hosts: []string{"*"}, Ports: []uint16{443}, Exclude: true},
		},
	})
	for host, nowhere := range map[string]bool{
		"x.corp.example":         false,
		"left.corp.example":      false, // the trap is there
		"trap.corp.example":      false, // what is refused is refused, whatever is taken out
		"partly.corp.example":    false,
		"a.deep.corp.example":    false, // by another
		"x.net.example":          false,
		"x.a.net.example":        true,
		"x.b.net.example":        false,
		"x.odd.example":          true, // nobody knows what is taken out
		"wiki.left.corp.example": false,
	} {
		if got := d.nowhere(host); got != nowhere {
			t.Errorf("%s leads nowhere: %v", host, got)
		}
	}
}

// TestDestinationsAgree: whatever the routes are, a name leads where it does when
// they are read one after the other.
func TestDestinationsAgree(t *testing.T) {
	hosts := []string{"a.corp.example", "b.a.corp.example", "*.corp.example", "*.a.corp.example", "*.b.a.corp.example", "corp.example", "*.example", "*.CORP.example"}
	targets := []string{"a.corp.example", "b.a.corp.example", "c.b.a.corp.example", "z.corp.example", "xa.corp.example", "corp.example", "example"}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var w session.Wanted
		for i := range r.IntN(6) {
			id := string(rune('a' + i)) // in order
			if i > 0 && r.IntN(3) == 0 {
				id = string(rune('a' + i - 1))
			}
			route := session.WantedRoute{Site: "s", Entitlement: wire.EntitlementID(id), Protocol: wire.TCP, Ports: []uint16{443}}
			for range 1 + r.IntN(2) {
				route.Hosts = append(route.Hosts, hosts[r.IntN(len(hosts))])
			}
			switch r.IntN(5) {
			case 0:
				route.Exclude = true
			case 1:
				route.Refused = true
			}
			w.Routes = append(w.Routes, route)
		}
		d := newDestinations(w)
		for _, host := range targets {
			want := slowly(w, host)
			to, ok := d.find(front.Target{Host: host, Port: 443, Protocol: wire.TCP})
			if ok != (want != "") || to.entitlement != want {
				t.Fatalf("seed %d: %s leads to %q, want %q: %+v", seed, host, to.entitlement, want, w.Routes)
			}
			_, allowed := d.allowed.exact[front.Target{Host: host, Port: 443, Protocol: wire.TCP}]
			_, refused := d.refused.exact[front.Target{Host: host, Port: 443, Protocol: wire.TCP}]
			if !allowed && !refused && d.nowhere(host) == ok {
				t.Fatalf("seed %d: %s leads to %q, nowhere: %v: %+v", seed, host, to.entitlement, !ok, w.Routes)
			}
		}
	}
}

// slowly is the entitlement that a name leads to.
func slowly(w session.Wanted, host string) wire.EntitlementID {
	near := func(r session.WantedRoute) int {
		best := 0
		for _, h := range r.Hosts {
			domain, star := strings.CutPrefix(h, "*.")
			switch {
			case !star && h == host:
				best = 1000
			case star && strings.Contains(domain, ".") && domain == strings.ToLower(domain) && strings.HasSuffix(host, "."+domain):
				best = max(best, len(domain))
			}
		}
		return best
	}
	unreadable := func(r session.WantedRoute) bool {
		return slices.ContainsFunc(r.Hosts, func(h string) bool { return h == "*.example" || h == "*.CORP.example" })
	}
	out := func(id wire.EntitlementID) bool {
		return slices.ContainsFunc(w.Routes, func(r session.WantedRoute) bool {
			return r.Exclude && r.Entitlement == id && (near(r) > 0 || unreadable(r))
		})
	}
	for _, refused := range []bool{false, true} {
		var to wire.EntitlementID
		best := 0
		for _, r := range w.Routes {
			if n := near(r); r.Refused == refused && !r.Exclude && n > best && (refused || !out(r.Entitlement)) {
				to, best = r.Entitlement, n
			}
		}
		if to != "" {
			return to
		}
	}
	return ""
}
