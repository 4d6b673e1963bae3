package gateway

import (
	"net/netip"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// rule is an action, compiled.
type rule struct {
	names    map[string]bool
	prefixes []netip.Prefix
	ports    []uint16
}

// rules are an entitlement's actions.
type rules struct{ allow, block []rule }

// compileRules reads actions. An action of a kind that this version does not
// carry allows nothing; a blocking one whose host cannot be read blocks all.
func compileRules(actions []wire.Action) rules {
	var rs rules
	for _, a := range actions {
		if a.Protocol != "tcp" {
			continue
		}
		r := rule{names: map[string]bool{}, ports: a.Ports}
		unreadable := false
		for _, h := range a.Hosts {
			if p, err := netip.ParsePrefix(h); err == nil {
				r.prefixes = append(r.prefixes, p.Masked())
			} else if ip, err := netip.ParseAddr(h); err == nil && ip.Zone() == "" {
				r.prefixes = append(r.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
			} else if name, _, err := parseHost(h); err == nil && name != "" {
				r.names[name] = true
			} else {
				unreadable = true
			}
		}
		switch {
		case a.Effect == "allow":
			rs.allow = append(rs.allow, r)
		case unreadable:
			rs.block = append(rs.block, rule{prefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, ports: a.Ports})
		default:
			rs.block = append(rs.block, r)
		}
	}
	return rs
}

// covers says whether the rule names the target: a name as a name, an address
// as an address or inside a network.
func (r *rule) covers(t target) bool {
	if !slices.Contains(r.ports, t.port) {
		return false
	}
	if t.name != "" {
		return r.names[t.name]
	}
	return slices.ContainsFunc(r.prefixes, func(p netip.Prefix) bool { return p.Contains(t.addr) })
}

// literal says whether the rule names exactly that address, not only a network
// around it.
func (r *rule) literal(t target) bool {
	return t.name == "" && r.covers(t) &&
		slices.ContainsFunc(r.prefixes, func(p netip.Prefix) bool { return p.IsSingleIP() && p.Addr() == t.addr })
}

func (rs *rules) allows(t target) bool {
	return slices.ContainsFunc(rs.allow, func(r rule) bool { return r.covers(t) })
}

func (rs *rules) literal(t target) bool {
	return slices.ContainsFunc(rs.allow, func(r rule) bool { return r.literal(t) })
}

func (rs *rules) blocks(t target) bool {
	return slices.ContainsFunc(rs.block, func(r rule) bool { return r.covers(t) })
}
