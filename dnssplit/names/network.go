package names

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

var (
	// shared is the shared address space (RFC 6598), of which a Pool has one /16;
	// first is that which it begins with where it is not told.
	shared = netip.MustParsePrefix("100.64.0.0/10")
	first  = netip.MustParsePrefix("100.96.0.0/16")
	// devices has the addresses of the network devices themselves.
	devices = netip.MustParsePrefix("100.97.0.0/16")
	// unique is a unique local prefix (RFC 4193). Its first subnet is the names'.
	unique = netip.MustParsePrefix("fd54:6964:6567::/48")
)

// fits says whether a network can be a Pool's.
func fits(network netip.Prefix) bool {
	return network.Bits() == first.Bits() && shared.Contains(network.Addr()) && network == network.Masked() && network != devices
}

// Prefixes are the networks of the addresses: IPv4 and IPv6.
func (p *Pool) Prefixes() [2]netip.Prefix {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return [2]netip.Prefix{p.network, unique}
}

// Reverse are the zones of the addresses, for PTR.
func (p *Pool) Reverse() []string {
	p.mu.RLock()
	four := p.network.Addr().As4()
	p.mu.RUnlock()
	six := unique.Addr().As16()
	var b strings.Builder
	for i := unique.Bits()/8 - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "%x.%x.", six[i]&15, six[i]>>4)
	}
	return []string{fmt.Sprintf("%d.%d.in-addr.arpa", four[1], four[0]), b.String() + "ip6.arpa"}
}

// Move takes other addresses of IPv4 where the present ones overlap with taken:
// the first network of the shared address space that does not. Each name keeps
// its index. It says whether the addresses are others now.
func (p *Pool) Move(taken []netip.Prefix) bool {
	p.mu.Lock()
	from := p.network
	if slices.ContainsFunc(taken, from.Overlaps) {
		a := shared.Addr().As4()
		for range 1 << (16 - shared.Bits()) {
			next := netip.PrefixFrom(netip.AddrFrom4(a), 16)
			if fits(next) && !slices.ContainsFunc(taken, next.Overlaps) {
				p.network = next
				break
			}
			a[1]++
		}
	}
	moved := p.network != from
	p.mu.Unlock()
	if moved {
		p.stale.Store(true)
		p.save()
		p.tell()
	}
	return moved
}

// addrs are the addresses of an index.
func (p *Pool) addrs(index uint16) [2]netip.Addr {
	four, six := p.network.Addr().As4(), unique.Addr().As16()
	four[2], four[3] = byte(index>>8), byte(index)
	six[14], six[15] = four[2], four[3]
	return [2]netip.Addr{netip.AddrFrom4(four), netip.AddrFrom16(six)}
}

// index is that of an address, if it is one of addrs.
func (p *Pool) index(a netip.Addr) (index uint16, ok bool) {
	a = a.Unmap()
	switch {
	case a.Is4():
		b := a.As4()
		index = uint16(b[2])<<8 | uint16(b[3])
		return index, p.network.Contains(a)
	case a.Is6():
		b := a.As16()
		index = uint16(b[14])<<8 | uint16(b[15])
		return index, p.addrs(index)[1] == a
	}
	return 0, false
}
