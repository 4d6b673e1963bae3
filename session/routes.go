package session

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// routes are the destinations that an entitlement's actions name. What resolvers
// and scripts yield is the gateway's to know, and what an action blocks is its to
// refuse: only what leads there belongs here, and what is taken out of it.
func routes(site wire.SiteID, e wire.Entitlement) []WantedRoute {
	var rs []WantedRoute
	for _, a := range e.Actions {
		if a.Effect != wire.EffectAllow && a.Effect != wire.EffectExclude {
			continue
		}
		var hosts []string
		for _, h := range a.Hosts {
			if !strings.Contains(h, "://") {
				hosts = append(hosts, h)
			}
		}
		if len(hosts) > 0 {
			rs = append(rs, WantedRoute{Site: site, Entitlement: e.ID, Protocol: a.Protocol, Hosts: hosts,
				Ports: slices.Clone(a.Ports), Exclude: a.Effect == wire.EffectExclude})
		}
	}
	return rs
}
