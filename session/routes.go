package session

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// routes are the destinations that an entitlement's actions name. What they block
// belongs here as well: it is the gateway's to refuse, and to raise the alert that
// an action asks for. What resolvers and scripts yield is the gateway's to know.
func routes(site wire.SiteID, e wire.Entitlement) []WantedRoute {
	var rs []WantedRoute
	for _, a := range e.Actions {
		r := WantedRoute{Site: site, Entitlement: e.ID, Protocol: a.Protocol, Ports: slices.Clone(a.Ports)}
		switch a.Effect {
		case wire.EffectAllow:
		case wire.EffectExclude:
			r.Exclude = true
		case wire.EffectBlock, wire.EffectAlert:
			r.Refused = true
		default:
			continue
		}
		for _, h := range a.Hosts {
			if !strings.Contains(h, "://") {
				r.Hosts = append(r.Hosts, h)
			}
		}
		if len(r.Hosts) > 0 {
			rs = append(rs, r)
		}
	}
	return rs
}
