package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// rule is an action, compiled with what its script and the resolver have found.
type rule struct {
	effect   wire.Effect
	protocol wire.Protocol
	ports    []uint16
	names    []string
	// domains are those of wildcards: all names below them are meant.
	domains  []string
	prefixes []netip.Prefix
	// found are the addresses that dns:// names lead to now, and scripts name.
	found []netip.Addr
	// behind are the addresses where the names of a rule that refuses lead now. It
	// refuses them as addresses, but no other name that leads there.
	behind []netip.Addr
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

// sources are where the hosts of rules come from, beside the rules.
type sources struct {
	// script yields a script's hosts; known is false where it has failed.
	script func(name string) (hosts []string, known bool)
	// find yields what a resolver name leads to; pending while it is looked up
	// for the first time.
	find func(lookup) (a answer, known, pending bool)
}

// compileRule reads an action. An effect that this version does not know blocks.
func compileRule(a wire.Action, from sources) rule {
	r := rule{effect: a.Effect, protocol: a.Protocol, ports: a.Ports, script: a.Script}
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
func (r *rule) add(hosts []string, written bool, from sources) {
	for _, h := range hosts {
		if p, err := parseNetwork(h); err == nil && (written || !p.IsSingleIP()) {
			r.prefixes = append(r.prefixes, p)
		} else if err == nil {
			r.found = append(r.found, p.Addr())
		} else if ip, err := netip.ParseAddr(h); err == nil && ip.Zone() == "" {
			if ip = ip.Unmap(); written {
				r.prefixes = append(r.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
			} else {
				r.found = append(r.found, ip)
			}
		} else if l, ok := parseLookup(h); ok {
			r.resolve(l, from)
		} else if domain, err := wire.Wildcard(h); err == nil {
			r.below(domain)
		} else if name, _, err := parseHost(h); err == nil && name != "" {
			r.name(name, from)
		} else {
			r.unknown = true
		}
	}
}

// parseNetwork reads a CIDR. IPv4 that is written in IPv6 is IPv4.
func parseNetwork(h string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(h)
	if err == nil && p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), err
}

// name adds a name and, where the rule refuses, what is behind it.
func (r *rule) name(name string, from sources) {
	r.names = append(r.names, name)
	if r.effect == wire.EffectAllow {
		return
	}
	a, known, pending := from.find(lookup{name: name})
	r.hazy = r.hazy || !known
	r.placing = r.placing || pending
	r.behind = append(r.behind, a.addrs...)
}

// below adds all names below a domain. Where the rule refuses, nobody can tell
// which addresses are behind them all.
func (r *rule) below(domain string) {
	r.domains = append(r.domains, domain)
	r.hazy = r.hazy || r.effect != wire.EffectAllow
}

// resolve adds what a resolver name leads to. What the hosts map says is as
// good as written in the rule, what a name server says is not.
func (r *rule) resolve(l lookup, from sources) {
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
			r.found = append(r.found, ip)
		}
	}
}

// loose says whether the rule may say something of a target that it does not name.
func (r *rule) loose() bool {
	return r.unknown || r.hazy || r.pending || r.placing || r.script != ""
}

// concerns says whether the rule is about the target's protocol and port.
func (r *rule) concerns(t target) bool {
	p := cmp.Or(t.protocol, wire.TCP)
	return p == r.protocol && (p == wire.ICMP || slices.Contains(r.ports, t.port))
}

// lookups are what a resolver is to watch for hosts: the plain names as well,
// whose flows are cut where the name leads elsewhere.
func lookups(hosts []string, into map[lookup]struct{}) {
	for _, h := range hosts {
		if l, ok := parseLookup(h); ok {
			into[l] = struct{}{}
		} else if _, err := netip.ParsePrefix(h); err == nil {
			continue
		} else if name, _, err := parseHost(h); err == nil && name != "" {
			into[lookup{name: name}] = struct{}{}
		}
	}
}

// lookup is a name that the resolver watches.
type lookup struct {
	service bool // SRV records, otherwise addresses
	name    string
}

// parseLookup reads a resolver name: dns://wiki.corp.example for the addresses
// of a name, srv://_ldap._tcp.corp.example for the targets of a service.
func parseLookup(h string) (lookup, bool) {
	l := lookup{}
	host, ok := strings.CutPrefix(h, "dns://")
	if !ok {
		if host, l.service = strings.CutPrefix(h, "srv://"); !l.service {
			return lookup{}, false
		}
	}
	name, _, err := parseHost(host)
	l.name = name
	return l, err == nil && name != ""
}
