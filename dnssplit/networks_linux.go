package dnssplit

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/dump"
)

// narrowest is how wide a network may be and still be somebody's own: wider ones
// are the routes to everything, whole or in halves.
const narrowest = 8

// networks are those that this machine is in or has routes to, but for those of
// our own devices.
func networks() ([]netip.Prefix, error) {
	links, err := dump.Whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	ours := map[int]bool{0: true} // what leads to no link leads nowhere
	for _, l := range links {
		if a := l.Attrs(); Own(a.Name) || a.Flags&net.FlagLoopback != 0 {
			ours[a.Index] = true
		}
	}
	addresses, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var taken []netip.Prefix
	take := func(ip []byte, ones int) {
		if a, ok := netip.AddrFromSlice(ip); ok && ones >= narrowest {
			taken = append(taken, netip.PrefixFrom(a.Unmap(), ones).Masked())
		}
	}
	for _, a := range addresses {
		if ones, _ := a.Mask.Size(); !ours[a.LinkIndex] {
			take(a.IP, ones)
		}
	}
	// Of all tables: VPNs have some of their own.
	routes, err := dump.Whole(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		if r.Type == unix.RTN_UNICAST && r.Dst != nil && !ours[r.LinkIndex] {
			ones, _ := r.Dst.Mask.Size()
			take(r.Dst.IP, ones)
		}
	}
	return taken, nil
}
