package dnssplit

import (
	"sync/atomic"

	"github.com/tidegate/tidegate/dnssplit/names"
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
