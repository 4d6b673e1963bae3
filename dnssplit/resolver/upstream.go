package resolver

import (
	"net/netip"
	"slices"
	"strings"
)

// Upstream are servers, and the adapter that leads to them.
type Upstream struct {
	// Servers are asked in this order; the one that answered last is asked first.
	Servers []netip.AddrPort
	// Device is the adapter's name, which sockets are bound to; empty: whichever
	// the routes say. A server on loopback is never bound to an adapter.
	Device string
	// Domains are asked here, with all below them; none: what no other has. In
	// lower case, without the last dot.
	Domains []string
}

// Match are those of the upstreams that are asked for a host: of the longest
// domain that the host is, or is below. The host is in lower case and without the
// last dot.
func Match(to []Upstream, host string) []Upstream {
	for suffix := host; ; {
		var found []Upstream
		for _, u := range to {
			if slices.Contains(u.Domains, suffix) || suffix == "" && len(u.Domains) == 0 {
				found = append(found, u)
			}
		}
		if found != nil || suffix == "" {
			return found
		}
		_, suffix, _ = strings.Cut(suffix, ".")
	}
}
