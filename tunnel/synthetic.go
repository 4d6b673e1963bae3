package tunnel

import (
	"crypto/sha256"
	"maps"
	"net/netip"
	"slices"
	"sync"
)

// The networks of synthetic addresses: a part of the shared address space (RFC
// 6598) and a unique local prefix (RFC 4193).
var (
	SyntheticIPv4 = netip.MustParsePrefix("100.96.0.0/16")
	SyntheticIPv6 = netip.MustParsePrefix("fd54:6964:6567::/48")
)

// mostNames bounds how many names have addresses: the IPv4 network is half full
// by then. Those beyond have none.
const mostNames = 1 << 15

// Names are the hosts that are called by a name, and the synthetic addresses
// that stand for them on this device. An address is derived from its name alone,
// so that it is the same after a restart; where two names meet, the one that was
// there first keeps it for as long as the data plane runs. Safe for concurrent use.
type Names struct {
	mu    sync.RWMutex
	addrs map[string][2]netip.Addr
	hosts map[netip.Addr]string
}

func newNames() *Names {
	return &Names{addrs: map[string][2]netip.Addr{}, hosts: map[netip.Addr]string{}}
}

// Names are those of the latest configuration that Run has applied.
func (d *Dataplane) Names() *Names { return d.names }

// Addrs are the addresses of a host, IPv4 and IPv6. The host is in lower case
// and without a trailing dot.
func (n *Names) Addrs(host string) (addrs [2]netip.Addr, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	addrs, ok = n.addrs[host]
	return addrs, ok
}

// Host is the name that an address stands for.
func (n *Names) Host(a netip.Addr) (host string, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	host, ok = n.hosts[a.Unmap()]
	return host, ok
}

// All are all names with their addresses; the caller may keep it.
func (n *Names) All() map[string][2]netip.Addr {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return maps.Clone(n.addrs)
}

// set makes the names these. It takes them in order, so that a collision is
// resolved the same way in each run.
func (n *Names) set(hosts map[string]bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for host, addrs := range n.addrs {
		if !hosts[host] {
			delete(n.addrs, host)
			delete(n.hosts, addrs[0])
			delete(n.hosts, addrs[1])
		}
	}
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		if _, has := n.addrs[host]; has || len(n.addrs) >= mostNames {
			continue
		}
		addrs := n.derive(host)
		n.addrs[host] = addrs
		n.hosts[addrs[0]], n.hosts[addrs[1]] = host, host
	}
}

// derive is the first pair of addresses in the host's own order that is free.
// Half of the network is, so that the search ends.
func (n *Names) derive(host string) [2]netip.Addr {
	four, six := SyntheticIPv4.Addr().As4(), SyntheticIPv6.Addr().As16()
	for probe := uint32(0); ; probe++ {
		sum := sha256.Sum256(append([]byte("tidegate synthetic\x00"+host+"\x00"), byte(probe>>16), byte(probe>>8), byte(probe)))
		four[2], four[3] = sum[0], 1+sum[1]%254 // never what ends in 0 or 255
		copy(six[6:], sum[2:12])
		six[6], six[7] = 0, 0 // one subnet of the /48
		pair := [2]netip.Addr{netip.AddrFrom4(four), netip.AddrFrom16(six)}
		if n.hosts[pair[0]] == "" && n.hosts[pair[1]] == "" {
			return pair
		}
	}
}
