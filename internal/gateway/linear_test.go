package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// The rules as they read, one after the other: what a matcher has to agree with.

// linearRule is an action, compiled with what its script and the resolver have found.
type linearRule struct {
	effect   wire.Effect
	protocol wire.Protocol
	ports    []uint16
	names    map[string]bool
	domains  []string // of wildcards
	prefixes []netip.Prefix
	// found are the addresses that dns:// names lead to now, and scripts name.
	found map[netip.Addr]bool
	// behind are the addresses where the names of a rule that refuses lead now. It
	// refuses them as addresses, but no other name that leads there.
	behind map[netip.Addr]bool
	// script yields further hosts; empty: none does.
	script string
	// unknown: not all of the hosts could be found out. What allows then allows
	// only what is known; what refuses refuses everything.
	unknown bool
	// pending: some hosts are being looked up for the first time.
	pending bool
	// hazy and placing are unknown and pending of what is behind names.
	hazy, placing bool
}

// compileLinearRule reads an action. An effect that this version does not know blocks.
func compileLinearRule(a wire.Action, from sources) linearRule {
	r := linearRule{effect: a.Effect, protocol: a.Protocol, ports: a.Ports, names: map[string]bool{}, script: a.Script}
	switch a.Effect {
	case wire.EffectAllow, wire.EffectBlock, wire.EffectAlert, wire.EffectExclude:
	default:
		r.effect = wire.EffectBlock
	}
	r.add(a.Hosts, true, from)
	if a.Script != "" {
		hosts, known := from.script(a.Script)
		r.add(hosts, false, from)
		r.unknown = r.unknown || !known
	}
	return r
}

// add adds hosts, which an administrator has written, or a script has found: only
// what is written leads to a prohibited address.
func (r *linearRule) add(hosts []string, written bool, from sources) {
	for _, h := range hosts {
		if p, err := parseNetwork(h); err == nil && (written || !p.IsSingleIP()) {
			r.prefixes = append(r.prefixes, p)
		} else if err == nil {
			r.find(p.Addr())
		} else if ip, err := netip.ParseAddr(h); err == nil && ip.Zone() == "" {
			if ip = ip.Unmap(); written {
				r.prefixes = append(r.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
			} else {
				r.find(ip)
			}
		} else if l, ok := parseLookup(h); ok {
			r.resolve(l, from)
		} else if name, _, err := parseHost(h); err == nil && name != "" {
			r.name(name, from)
		} else if domain, err := wire.Wildcard(h); err == nil {
			r.domains = append(r.domains, domain)
			r.hazy = r.hazy || r.effect != wire.EffectAllow
		} else {
			r.unknown = true
		}
	}
}

// name adds a name and, where the rule refuses, what is behind it.
func (r *linearRule) name(name string, from sources) {
	r.names[name] = true
	if r.effect == wire.EffectAllow {
		return
	}
	a, known, pending := from.find(lookup{name: name})
	r.hazy = r.hazy || !known
	r.placing = r.placing || pending
	for _, ip := range a.addrs {
		if r.behind == nil {
			r.behind = map[netip.Addr]bool{}
		}
		r.behind[ip] = true
	}
}

// resolve adds what a resolver name leads to. What the hosts map says is as
// good as written in the rule, what a name server says is not.
func (r *linearRule) resolve(l lookup, from sources) {
	a, known, pending := from.find(l)
	r.unknown = r.unknown || !known
	r.pending = r.pending || pending
	for _, name := range a.names {
		r.name(name, from)
	}
	for _, ip := range a.addrs {
		if a.trusted {
			r.prefixes = append(r.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
		} else {
			r.find(ip)
		}
	}
}

// find adds an address that nobody has written.
func (r *linearRule) find(ip netip.Addr) {
	if r.found == nil {
		r.found = map[netip.Addr]bool{}
	}
	r.found[ip] = true
}

// concerns says whether the rule is about the target's protocol and port.
func (r *linearRule) concerns(t target) bool {
	p := cmp.Or(t.protocol, wire.TCP)
	return p == r.protocol && (p == wire.ICMP || slices.Contains(r.ports, t.port))
}

// covers says whether the rule is about the target and names it. One that
// refuses covers all where it is not known what it names.
func (r *linearRule) covers(t target) bool {
	unknown := r.unknown || r.hazy && t.address()
	return r.concerns(t) && (unknown && r.effect != wire.EffectAllow || r.means(t))
}

// means says whether the rule is known to name the target: a name as a name, an
// address as an address, inside a network or behind a name.
func (r *linearRule) means(t target) bool {
	if t.name != "" {
		return r.near(t) > 0
	}
	return r.found[t.addr] || !t.led && r.behind[t.addr] || slices.ContainsFunc(r.prefixes, func(p netip.Prefix) bool { return p.Contains(t.addr) })
}

// near is how closely the rule names a name: exactly, or the length of the longest
// domain that it is below.
func (r *linearRule) near(t target) int {
	if r.names[t.name] {
		return exactly
	}
	near := 0
	for _, d := range r.domains {
		if strings.HasSuffix(t.name, "."+d) {
			near = max(near, len(d))
		}
	}
	return near
}

// literal says whether the rule names exactly that address, not only a network
// around it or a name that leads there.
func (r *linearRule) literal(t target) bool {
	return t.name == "" && r.concerns(t) &&
		slices.ContainsFunc(r.prefixes, func(p netip.Prefix) bool { return p.IsSingleIP() && p.Addr() == t.addr })
}

// linearRules are an entitlement's actions.
type linearRules []linearRule

func compileLinear(actions []wire.Action, from sources) linearRules {
	rs := make(linearRules, 0, len(actions))
	for _, a := range actions {
		rs = append(rs, compileLinearRule(a, from))
	}
	return rs
}

// any says whether a rule of one of the effects covers the target.
func (rs linearRules) any(t target, effects ...wire.Effect) bool {
	return slices.ContainsFunc(rs, func(r linearRule) bool { return slices.Contains(effects, r.effect) && r.covers(t) })
}

// allows says whether the rules allow the target, for what they exclude.
func (rs linearRules) allows(t target) bool {
	return rs.any(t, wire.EffectAllow) && !rs.excludes(t)
}

// near is how closely the rules name a target that they allow; 0: they do not.
func (rs linearRules) near(t target) int {
	near := 0
	for _, r := range rs {
		switch {
		case !rs.allows(t) || r.effect != wire.EffectAllow || !r.concerns(t) || !r.means(t):
		case t.name == "":
			near = exactly
		default:
			near = max(near, r.near(t))
		}
	}
	return near
}

// blocks says whether the rules refuse the target, whatever allows it.
func (rs linearRules) blocks(t target) bool { return rs.any(t, wire.EffectBlock, wire.EffectAlert) }

// alerts says whether trying the target is to raise an alert: only where it is
// known that an alert action means it.
func (rs linearRules) alerts(t target) bool {
	return slices.ContainsFunc(rs, func(r linearRule) bool { return r.effect == wire.EffectAlert && r.concerns(t) && r.means(t) })
}

// excludes says whether the rules take the target out of what they allow.
func (rs linearRules) excludes(t target) bool { return rs.any(t, wire.EffectExclude) }

func (rs linearRules) literal(t target) bool {
	return slices.ContainsFunc(rs, func(r linearRule) bool { return r.effect == wire.EffectAllow && r.literal(t) })
}

// pending says whether it is not known yet what the rules say of the target.
func (rs linearRules) pending(t target) bool {
	return slices.ContainsFunc(rs, func(r linearRule) bool { return (r.pending || r.placing && t.address()) && r.concerns(t) })
}

// scripted says whether a script may name the target.
func (rs linearRules) scripted(t target) bool {
	return slices.ContainsFunc(rs, func(r linearRule) bool { return r.script != "" && r.concerns(t) })
}
