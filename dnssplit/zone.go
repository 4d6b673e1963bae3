package dnssplit

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// zone is the pool as the resolver has it: without the names by which we reach the
// controller and the gateways ourselves, whatever domain they are in.
type zone struct {
	*names.Pool
	gates atomic.Pointer[map[string]bool]
}

// Below implements resolver.Zone.
func (z *zone) Below(host string) bool {
	if gates := z.gates.Load(); gates != nil && (*gates)[host] {
		return false
	}
	return z.Pool.Below(host)
}

// without leaves hosts out, from now on.
func (z *zone) without(hosts []string) {
	gates := map[string]bool{}
	for _, h := range hosts {
		gates[h] = true
	}
	z.gates.Store(&gates)
}

// zones are the names that the system is to ask us for: not those which we are
// reached by ourselves, nor a domain with one of them, which gate names. The hosts
// of such a domain that are known stand for it.
func (s *serving) zones() (zones []string, gate string) {
	w, gates := s.want(), s.gates()
	s.zone.without(gates)
	for _, z := range s.o.Pool.Zones() {
		if !protocol.Domain(z) {
			continue // no system can be told of it, nor of anything beside it
		}
		at := slices.IndexFunc(gates, func(g string) bool { return within(g, z) })
		if at < 0 {
			zones = append(zones, z)
			continue
		}
		gate = gates[at]
		for _, host := range w.hosts {
			if within(host, z) && protocol.Domain(host) && !slices.ContainsFunc(gates, func(g string) bool { return within(g, host) }) {
				zones = append(zones, host)
			}
		}
	}
	return zones, gate
}

// gates are the hosts that we are reached by ourselves.
func (s *serving) gates() []string {
	gates := s.want().gates
	controller, err := s.o.Controller()
	if err != nil {
		s.o.Log.Warn("the controller's address is not known", "error", err)
	}
	host := plain(hostOf(controller))
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return gates
	}
	return append(slices.Clone(gates), host)
}

// envelope is what a message has beside its domains, and then some; quoted is what
// each of them has beside its letters.
const (
	envelope = 256
	quoted   = 3
)

// beyond is for how many of the zones, the last, a message has no room.
func beyond(zones, reverse []string) int {
	room := protocol.MaxMessage - envelope
	for _, z := range reverse {
		room -= len(z) + quoted
	}
	for i, z := range zones {
		if room -= len(z) + quoted; room < 0 || i >= protocol.MaxDomains-len(reverse) {
			return len(zones) - i
		}
	}
	return 0
}
