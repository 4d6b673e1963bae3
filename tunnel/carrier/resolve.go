package carrier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// resolve returns the addresses of a gateway, at most one of each family.
func resolve(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("read gateway port %q: %w", port, err)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), uint16(n))}, nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve gateway: %w", err)
	}
	var addrs []netip.AddrPort
	families := map[bool]bool{}
	for _, a := range all {
		a = a.Unmap()
		if !families[a.Is4()] {
			families[a.Is4()] = true
			addrs = append(addrs, netip.AddrPortFrom(a, uint16(n)))
		}
	}
	if len(addrs) == 0 {
		return nil, errors.New("resolve gateway: " + host + " has no address")
	}
	return addrs, nil
}

// network is udp4, udp6, tcp4 or tcp6.
func network(protocol string, addr netip.AddrPort) string {
	if addr.Addr().Is6() {
		return protocol + "6"
	}
	return protocol + "4"
}
