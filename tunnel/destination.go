package tunnel

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// destination is where a target leads.
type destination struct {
	site        wire.SiteID
	entitlement wire.EntitlementID
	app         wire.AppID // empty: no application is there
}

// destinations say which targets are ours, and by what. They never change:
// another replaces them with each configuration.
type destinations struct {
	allowed, refused leading // what both name leads where the former says
	excluded         map[wire.EntitlementID][]excluded
}

// leading is what leads somewhere.
type leading struct {
	exact    map[front.Target]destination // by name or address, in its only spelling
	below    map[string][]wildcard        // by the domain
	prefixes []prefixed                   // longest first
}

// prefixed is a network of a route.
type prefixed struct {
	destination
	prefix   netip.Prefix
	protocol wire.Protocol
	ports    []uint16
}

// wildcard is what a route leads to below a domain.
type wildcard struct {
	destination
	protocol wire.Protocol
	ports    []uint16
}

// excluded is what a route takes out of its entitlement.
type excluded struct {
	protocol wire.Protocol
	ports    []uint16
	names    map[string]bool // those of wildcards by their domain, behind "*."
	prefixes []netip.Prefix
	all      bool
}

// newDestinations compiles a configuration. What several lead to is the
// application's, then the route's that names it exactly, then the route's with the
// longest wildcard, and of several such the one that is first by site and
// entitlement.
func newDestinations(w session.Wanted) *destinations {
	d := &destinations{excluded: map[wire.EntitlementID][]excluded{}}
	d.allowed, d.refused = newLeading(), newLeading()
	for _, r := range w.Routes {
		if r.Exclude {
			d.excluded[r.Entitlement] = append(d.excluded[r.Entitlement], newExcluded(r))
		}
	}
	apps := slices.SortedFunc(slices.Values(w.Apps), func(a, b session.WantedApp) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range apps {
		d.allowed.add(front.Target{Host: a.Host, Port: a.Port, Protocol: wire.TCP}, destination{a.Site, a.Entitlement, a.ID}, d.excludes)
	}
	routes := slices.SortedStableFunc(slices.Values(w.Routes), func(a, b session.WantedRoute) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Entitlement, b.Entitlement))
	})
	for _, r := range routes {
		switch {
		case r.Exclude:
		case r.Refused:
			d.refused.route(r, nothing)
		default:
			d.allowed.route(r, d.excludes)
		}
	}
	d.allowed.sort()
	d.refused.sort()
	return d
}

func newLeading() leading {
	return leading{exact: map[front.Target]destination{}, below: map[string][]wildcard{}}
}

func (l *leading) route(r session.WantedRoute, without without) {
	to := destination{site: r.Site, entitlement: r.Entitlement}
	ports := r.Ports
	if r.Protocol == wire.ICMP {
		ports = []uint16{0}
	}
	for _, host := range r.Hosts {
		if p, err := netip.ParsePrefix(host); err == nil {
			l.prefixes = append(l.prefixes, prefixed{to, p.Masked(), r.Protocol, ports})
			continue
		}
		if wire.IsWildcard(host) {
			if domain, err := wire.Wildcard(host); err == nil { // else it is nothing
				l.below[domain] = append(l.below[domain], wildcard{to, r.Protocol, ports})
			}
			continue
		}
		for _, port := range ports {
			l.add(front.Target{Host: host, Port: port, Protocol: r.Protocol}, to, without)
		}
	}
}

func (l *leading) sort() {
	slices.SortStableFunc(l.prefixes, func(a, b prefixed) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
}

// without says whether an entitlement is without a target, spelled.
type without func(id wire.EntitlementID, t front.Target) bool

// excludes says whether a route takes t out of its entitlement.
func (d *destinations) excludes(id wire.EntitlementID, t front.Target) bool {
	return slices.ContainsFunc(d.excluded[id], func(e excluded) bool { return e.covers(t) })
}

func nothing(wire.EntitlementID, front.Target) bool { return false }

// add has a target lead somewhere, unless it leads elsewhere already.
func (l *leading) add(t front.Target, to destination, without without) {
	if strings.Contains(t.Host, "://") { // a resolver's or a script's: the gateway's to know
		return
	}
	t = spell(t)
	if _, taken := l.exact[t]; !taken && !without(to.entitlement, t) {
		l.exact[t] = to
	}
}

// spell writes a target in its only spelling.
func spell(t front.Target) front.Target {
	if a, err := netip.ParseAddr(t.Host); err == nil {
		t.Host = a.Unmap().WithZone("").String()
	} else {
		t.Host = strings.TrimSuffix(strings.ToLower(t.Host), ".")
	}
	return t
}

// parseAddr reads an address in whichever spelling.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err
}

func newExcluded(r session.WantedRoute) excluded {
	e := excluded{protocol: r.Protocol, ports: r.Ports, names: map[string]bool{}}
	for _, host := range r.Hosts {
		if p, err := netip.ParsePrefix(host); err == nil {
			e.prefixes = append(e.prefixes, p.Masked())
		} else if _, err := wire.Wildcard(host); wire.IsWildcard(host) && err != nil {
			e.all = true // nobody knows what it means, as for the gateway
		} else {
			e.names[spell(front.Target{Host: host}).Host] = true
		}
	}
	return e
}

// covers says whether t, spelled, is taken out.
func (e *excluded) covers(t front.Target) bool {
	if e.protocol != t.Protocol || t.Protocol != wire.ICMP && !slices.Contains(e.ports, t.Port) {
		return false
	}
	if e.named(t) {
		return true
	}
	a, err := netip.ParseAddr(t.Host)
	return err == nil && slices.ContainsFunc(e.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// named says whether the host of t is taken out by its name.
func (e *excluded) named(t front.Target) bool {
	return e.all || e.names[t.Host] || above(t, func(domain string) bool { return e.names["*."+domain] })
}

// find says where a target, spelled, leads.
func (d *destinations) find(t front.Target) (destination, bool) {
	if to, ok := d.allowed.find(t, d.excludes); ok {
		return to, true
	}
	return d.refused.find(t, nothing)
}

func (l *leading) find(t front.Target, without without) (destination, bool) {
	if to, ok := l.exact[t]; ok {
		return to, true
	}
	var to destination
	if above(t, func(domain string) bool {
		i := slices.IndexFunc(l.below[domain], func(w wildcard) bool {
			return w.protocol == t.Protocol && slices.Contains(w.ports, t.Port) && !without(w.entitlement, t)
		})
		if i >= 0 {
			to = l.below[domain][i].destination
		}
		return i >= 0
	}) {
		return to, true
	}
	a, err := netip.ParseAddr(t.Host)
	if err != nil {
		return destination{}, false
	}
	for _, p := range l.prefixes {
		if p.protocol == t.Protocol && p.prefix.Contains(a) && slices.Contains(p.ports, t.Port) && !without(p.entitlement, t) {
			return p.destination, true
		}
	}
	return destination{}, false
}

// above says whether is holds for a domain that t is below, and stops at the
// nearest that does. An address is below none.
func above(t front.Target, is func(domain string) bool) bool {
	if _, err := netip.ParseAddr(t.Host); err == nil {
		return false
	}
	for domain := range wire.Above(t.Host) {
		if is(domain) {
			return true
		}
	}
	return false
}

// names are the hosts that are called by a name, and the domains below which all
// are.
func (d *destinations) names() (hosts, domains []string) {
	names, above := map[string]bool{}, map[string]bool{}
	for _, l := range []leading{d.allowed, d.refused} {
		for domain := range l.below {
			above[domain] = true
		}
		for t := range l.exact {
			if _, err := netip.ParseAddr(t.Host); err != nil {
				names[t.Host] = true
			}
		}
	}
	return slices.Collect(maps.Keys(names)), slices.Collect(maps.Keys(above))
}

// nowhere says whether a host, spelled, that nothing leads to by its own name does not
// lead anywhere by a wildcard either: all that they are for is taken out of it.
func (d *destinations) nowhere(host string) bool {
	t := front.Target{Host: host}
	return !above(t, func(domain string) bool {
		return len(d.refused.below[domain]) > 0 || slices.ContainsFunc(d.allowed.below[domain], func(w wildcard) bool { return d.leaves(w, t) })
	})
}

// leaves says whether something of what a wildcard is for is not taken out of a host.
func (d *destinations) leaves(w wildcard, t front.Target) bool {
	var out []excluded
	for _, e := range d.excluded[w.entitlement] {
		if e.protocol == w.protocol && e.named(t) {
			out = append(out, e)
		}
	}
	return len(out) == 0 || slices.ContainsFunc(w.ports, func(port uint16) bool {
		return !slices.ContainsFunc(out, func(e excluded) bool { return e.protocol == wire.ICMP || slices.Contains(e.ports, port) })
	})
}
