//go:build linux

package sensor

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// everywhere are addresses of which no firewall knows.
var everywhere = []netip.Addr{netip.MustParseAddr("198.41.0.4"), netip.MustParseAddr("2001:503:ba3e::2:30")}

// Bounds of one filter.
const (
	mostThrough = 32
	mostHosts   = 32
	// mostDoorSteps is what its ports may take.
	mostDoorSteps = 1 << 18
)

// stranger is an adapter of which no firewall knows.
var stranger = adapter{index: 1 << 30, name: "tidegate-none", kind: unix.ARPHRD_ETHER}

// filters are the chains that drop what nobody speaks of: by an adapter that leads to
// others' networks, at least.
func (r ruleset) filters(adapters []adapter) (all []protocol.Filter) {
	sets, steps := map[place][]element{}, 0
	for _, b := range r.bases {
		var dropped []netip.Addr
		through := map[string]bool{}
		asked := map[netip.Prefix]bool{}
		ports := map[span]bool{}
		at := func(out adapter, to netip.Addr, port uint16, steps *int) bool {
			m := &machine{rules: r, sets: sets, p: packet{out, to, port}, steps: steps, asked: asked, ports: ports}
			return m.passes(b)
		}
		run := func(out adapter, to netip.Addr) bool { return at(out, to, web, &steps) }
		by := stranger
		for _, to := range everywhere {
			if b.family == unix.NFPROTO_IPV4 && to.Is6() || b.family == unix.NFPROTO_IPV6 && to.Is4() {
				continue
			}
			first := slices.IndexFunc(adapters, func(a adapter) bool { return !protocol.Opened(a.name) && !run(a, to) })
			switch {
			case first >= 0:
				by = adapters[first]
			case len(adapters) > 0 || run(stranger, to):
				continue
			}
			dropped = append(dropped, to)
			for _, a := range adapters {
				if run(a, to) {
					through[a.name] = true
				}
			}
		}
		if len(dropped) == 0 {
			continue
		}
		f := protocol.Filter{Family: familyOf(b, dropped), Table: short(b.table.name), Chain: short(b.name)}
		for _, a := range adapters {
			if through[a.name] && len(f.Through) < mostThrough {
				f.Through = append(f.Through, a.name)
			}
		}
		slices.Sort(f.Through)
		doorSteps := mostSteps - mostDoorSteps
		f.Ports = doors(dropped, asked, ports, func(to netip.Addr, port uint16) bool { return at(by, to, port, &doorSteps) })
		f.Hosts = hosts(dropped, asked, func(to netip.Addr) bool { return run(by, to) })
		if doorSteps >= mostSteps { // nothing is claimed
			f.Ports = nil
		}
		if steps >= mostSteps {
			f.Hosts = nil
		}
		if all = append(all, f); len(all) == protocol.MaxFilters {
			break
		}
	}
	return all
}

// hosts are the networks of those asked that are let out to.
func hosts(dropped []netip.Addr, asked map[netip.Prefix]bool, lets func(netip.Addr) bool) (all []netip.Prefix) {
	for _, p := range slices.SortedFunc(maps.Keys(asked), netip.Prefix.Compare) { // which grows meanwhile
		if p.Bits() > 0 && len(all) < mostHosts && slices.ContainsFunc(dropped, func(a netip.Addr) bool { return a.Is4() == p.Addr().Is4() }) && lets(p.Addr()) {
			all = append(all, p)
		}
	}
	return all
}

// doors are the ports of which rules speak. A rule may speak of a network first, and
// of a port only to those who go there, or the other way round.
func doors(dropped []netip.Addr, asked map[netip.Prefix]bool, ports map[span]bool, lets func(netip.Addr, uint16) bool) (all []protocol.FilterPort) {
	for range 2 {
		all = nil
		hosts(dropped, asked, func(to netip.Addr) bool { return lets(to, web) })
		for s := range maps.Clone(ports) { // which grows meanwhile
			door := protocol.FilterPort{From: s.from, To: s.to}
			for _, to := range dropped {
				if lets(to, s.from) {
					door.Hosts = append(door.Hosts, netip.PrefixFrom(to, 0).Masked())
				}
			}
			door.Hosts = append(door.Hosts, hosts(dropped, asked, func(to netip.Addr) bool { return lets(to, s.from) })...)
			if s != (span{web, web}) { // that is hosts'
				all = append(all, door)
			}
		}
	}
	slices.SortFunc(all, func(a, b protocol.FilterPort) int {
		return cmp.Or(cmp.Compare(a.To-a.From, b.To-b.From), cmp.Compare(a.From, b.From)) // the narrowest first
	})
	return all
}

// familyOf is the word for what a chain drops.
func familyOf(b base, dropped []netip.Addr) string {
	switch {
	case b.family == unix.NFPROTO_INET && len(dropped) == 2:
		return "inet"
	case dropped[0].Is4():
		return "ip"
	}
	return "ip6"
}

// short is a name as far as it is told.
func short(name string) string {
	b := []byte(name[:min(len(name), 64)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
