package config

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// wildcards warns of those of an entitlement that mean more than they seem to.
func (l *linter) wildcards(d *resource.Document, e *Entitlement) {
	for i, a := range e.Actions {
		for j, h := range a.Hosts {
			domain, err := wire.Wildcard(h)
			if err != nil {
				continue
			}
			at := d.At("actions", i, "hosts", j)
			if a.Effect == wire.EffectAllow {
				l.bypass(at, e, a, domain)
			} else if other := l.addressed(e, a); other != nil {
				l.warn(at, "refuses-addresses", "nobody knows all addresses behind %s, so the action refuses each address on its ports, those too that the entitlement %s allows; write the names that are meant, or take those addresses out", h, other.ID)
			}
		}
	}
}

// shadowed warns of shortcuts whose host another entitlement of the site names
// better: that one decides, and the application does not show it.
func (l *linter) shadowed(d *resource.Document, e *Entitlement) {
	for i, s := range e.Shortcuts {
		host, port, wrong := splitLink(s.Link)
		if wrong != "" {
			continue
		}
		mine := nearest(e, host, port)
		if mine == exactly || mine == 0 {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(l.Entitlements)) {
			if o := l.Entitlements[id]; o != e && o.Site == e.Site && nearest(o, host, port) > mine {
				l.warn(d.At("shortcuts", i, "link"), "shadowed-shortcut", "the entitlement %s names %s port %d better than this one, so it decides for whoever is given both; write the shortcut there, or the host here", id, host, port)
				break
			}
		}
	}
}

// exactly is nearer than any wildcard.
const exactly = 1 << 16

// nearest is how closely e's actions that allow a TCP destination name it: exactly,
// or the length of the longest domain of a wildcard; 0: they do not.
func nearest(e *Entitlement, host string, port uint16) (near int) {
	for _, a := range e.Actions {
		if a.Effect != wire.EffectAllow || a.Protocol != wire.TCP || !slices.Contains(a.Ports, port) {
			continue
		}
		for _, h := range a.Hosts {
			if domain, err := wire.Wildcard(h); err == nil && wire.Below(host, domain) {
				near = max(near, len(domain))
			} else if h == host {
				return exactly
			}
		}
	}
	return near
}

// addressed is an entitlement that allows addresses which an action with a
// wildcard refuses: its own where that excludes, or any.
func (l *linter) addressed(e *Entitlement, a wire.Action) *Entitlement {
	for _, id := range slices.Sorted(maps.Keys(l.Entitlements)) {
		o := l.Entitlements[id]
		if o != e && (a.Effect == wire.EffectExclude || o.Site != e.Site) {
			continue
		}
		for _, b := range o.Actions {
			if b.Effect == wire.EffectAllow && overlap(a, b) && slices.ContainsFunc(b.Hosts, addresses) {
				return o
			}
		}
	}
	return nil
}

// bypass warns of a name that another entitlement of the site has too, where
// somebody is given the wildcard alone: for them it stands for that name as well.
func (l *linter) bypass(at resource.Place, e *Entitlement, a wire.Action, domain string) {
	for _, id := range slices.Sorted(maps.Keys(l.Entitlements)) {
		o := l.Entitlements[id]
		if o == e || o.Site != e.Site {
			continue
		}
		for _, b := range o.Actions {
			if b.Effect != wire.EffectAllow || !overlap(a, b) {
				continue
			}
			for _, h := range b.Hosts {
				if checkName(h) == "" && wire.Below(h, domain) && !excluded(e, b, h) && l.without(e.ID, id) {
					l.warn(at, "bypass", "who is given this entitlement and not %s reaches %s all the same, whatever %s asks for; give both by the same policies, or add an action here with effect: exclude and hosts: [%s]", id, h, id, h)
					return
				}
			}
		}
	}
}

// without says whether somebody may be given one entitlement and not another.
func (l *linter) without(has, lacks wire.EntitlementID) bool {
	if l.given == nil {
		l.given = l.gifts()
	}
	return slices.ContainsFunc(l.given, func(given map[wire.EntitlementID]bool) bool { return given[has] && !given[lacks] })
}

// gifts are the sets of entitlements that users may be given: one for all users with
// the same policies.
func (l *linter) gifts() []map[wire.EntitlementID]bool {
	all := []map[wire.EntitlementID]bool{}
	seen := map[string]bool{}
	for _, u := range l.Users {
		policies := make([]byte, len(l.Policies))
		for i, p := range l.Policies {
			if p.mayBe(u, "") {
				policies[i] = 1
			}
		}
		if seen[string(policies)] {
			continue
		}
		seen[string(policies)] = true
		given := map[wire.EntitlementID]bool{}
		for i, p := range l.Policies {
			for _, id := range p.Entitlements {
				given[id] = given[id] || policies[i] == 1
			}
		}
		all = append(all, given)
	}
	return all
}

// excluded says whether e takes a name out of what it allows, wherever b leads.
func excluded(e *Entitlement, b wire.Action, name string) bool {
	return !slices.ContainsFunc(b.Ports, func(port uint16) bool {
		return !slices.ContainsFunc(e.Actions, func(x wire.Action) bool {
			return x.Effect == wire.EffectExclude && x.Protocol == b.Protocol && slices.Contains(x.Ports, port) && slices.ContainsFunc(x.Hosts, func(h string) bool {
				domain, err := wire.Wildcard(h)
				return h == name || err == nil && wire.Below(name, domain)
			})
		})
	})
}

// overlap says whether two actions are about the same protocol and some port.
func overlap(a, b wire.Action) bool {
	return a.Protocol == b.Protocol && (a.Protocol == wire.ICMP || slices.ContainsFunc(a.Ports, func(p uint16) bool { return slices.Contains(b.Ports, p) }))
}

// addresses says whether a host of an action means addresses.
func addresses(h string) bool {
	_, err := netip.ParsePrefix(h)
	if err != nil {
		_, err = netip.ParseAddr(h)
	}
	return err == nil || strings.HasPrefix(h, "dns://")
}
