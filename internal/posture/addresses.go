package posture

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxAddresses bounds the claim; a machine of more reports the lowest.
const maxAddresses = 64

// addressProbe finds out the machine's unicast addresses.
func addressProbe() probe {
	return probe{key: probeKey{builtin: "addresses"}, run: func(_ context.Context, c wire.DeviceClaims) {
		if all, err := net.InterfaceAddrs(); err == nil {
			c["addresses"] = addresses(all)
		}
	}}
}

// addresses are the global unicast ones, sorted: neither loopback nor
// link-local ones tell where a machine is.
func addresses(all []net.Addr) []string {
	var found []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if ip := p.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() {
			found = append(found, ip)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	found = slices.Compact(found)
	texts := []string{}
	for _, ip := range found[:min(len(found), maxAddresses)] {
		texts = append(texts, ip.String())
	}
	return texts
}
