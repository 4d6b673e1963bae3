package controller

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/wire"
)

// destination is what an administrator asks about: a name or an address, on a
// port, or on any.
type destination struct {
	host string
	port uint16 // 0: any
}

// parseDestination reads host or host:port.
func parseDestination(s string) destination {
	d := destination{host: s}
	if host, port, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			d.host, d.port = host, uint16(n)
		}
	}
	d.host = strings.ToLower(strings.TrimSuffix(d.host, "."))
	if a, err := netip.ParseAddr(d.host); err == nil {
		d.host = a.Unmap().String()
	}
	return d
}

// exactly is nearer than any wildcard.
const exactly = 1 << 16

// naming is how an entitlement names a destination: by which host of its actions,
// and how closely, as gateways see it.
type naming struct {
	id      wire.EntitlementID
	host    string
	near    int // exactly, or the length of the longest domain that it is below
	refuses bool
}

// namings are those of some entitlements that decide about d: what refuses it, and
// what allows it the nearest. wider are those that would allow it, were it not for
// the nearer ones.
func namings(conf *config.Config, ids []wire.EntitlementID, d destination) (decide, wider []naming) {
	var all []naming
	for _, id := range ids {
		var best, refusal naming
		actions := conf.Entitlements[id].Actions
		for _, a := range actions {
			n := d.named(a)
			n.id = id
			switch {
			case n.near == 0 || a.Effect == wire.EffectExclude:
			case a.Effect != wire.EffectAllow:
				n.refuses = true
				refusal = n
			case n.near > best.near && !d.excluded(a, actions):
				best = n
			}
		}
		if refusal.near > 0 {
			decide = append(decide, refusal)
		}
		if best.near > 0 {
			all = append(all, best)
		}
	}
	if len(decide) > 0 && d.port != 0 {
		return decide, nil
	}
	slices.SortStableFunc(all, func(a, b naming) int { return b.near - a.near })
	for _, n := range all {
		if n.near == all[0].near {
			decide = append(decide, n)
		} else {
			wider = append(wider, n)
		}
	}
	return decide, wider
}

// named is how an action names d.
func (d destination) named(a wire.Action) (n naming) {
	if d.port != 0 && !slices.Contains(a.Ports, d.port) {
		return n
	}
	addr, err := netip.ParseAddr(d.host)
	for _, h := range a.Hosts {
		near := 0
		domain, werr := wire.Wildcard(h)
		p, perr := netip.ParsePrefix(h)
		switch {
		case h == d.host, err == nil && perr == nil && p.Contains(addr):
			near = exactly
		case err != nil && werr == nil && wire.Below(d.host, domain):
			near = len(domain)
		}
		if near > n.near {
			n = naming{host: h, near: near}
		}
	}
	return n
}

// excluded says whether d is taken out of all that an action allows of it.
func (d destination) excluded(a wire.Action, actions []wire.Action) bool {
	out := func(port uint16) bool {
		return slices.ContainsFunc(actions, func(x wire.Action) bool {
			return x.Effect == wire.EffectExclude && x.Protocol == a.Protocol && destination{d.host, port}.named(x).near > 0
		})
	}
	if d.port != 0 || a.Protocol == wire.ICMP {
		return out(d.port)
	}
	return !slices.ContainsFunc(a.Ports, func(port uint16) bool { return !out(port) })
}
