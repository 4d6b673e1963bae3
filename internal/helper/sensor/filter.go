//go:build linux

package sensor

import (
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
		run := func(out adapter, to netip.Addr) bool {
			m := &machine{rules: r, sets: sets, p: packet{out, to}, steps: &steps, asked: asked}
			return m.passes(b)
		}
		by := stranger
		for _, to := range everywhere {
			if b.family == unix.NFPROTO_IPV4 && to.Is6() || b.family == unix.NFPROTO_IPV6 && to.Is4() {
				continue
			}
			at := slices.IndexFunc(adapters, func(a adapter) bool { return !protocol.Opened(a.name) && !run(a, to) })
			switch {
			case at >= 0:
				by = adapters[at]
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
		for p := range asked {
			if steps < mostSteps && p.Bits() > 0 && len(f.Hosts) < mostHosts && slices.ContainsFunc(dropped, func(a netip.Addr) bool { return a.Is4() == p.Addr().Is4() }) && run(by, p.Addr()) {
				f.Hosts = append(f.Hosts, p)
			}
		}
		slices.SortFunc(f.Hosts, netip.Prefix.Compare)
		if all = append(all, f); len(all) == protocol.MaxFilters {
			break
		}
	}
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
