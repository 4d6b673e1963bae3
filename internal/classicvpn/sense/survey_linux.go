package sense

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/dump"
)

// everywhere4 and everywhere6 are addresses of which nobody has a route of its own,
// in both halves of all that there are. Nothing is sent there.
var (
	everywhere4 = []netip.Addr{netip.MustParseAddr("23.192.0.1"), netip.MustParseAddr("198.41.0.4")}
	everywhere6 = []netip.Addr{netip.MustParseAddr("2001:503:ba3e::2:30"), netip.MustParseAddr("2a00:1450::1")}
)

// survey is what the kernel says of links and routes.
func survey() (p picture, err error) {
	links, err := dump.Whole(netlink.LinkList)
	if err != nil {
		return picture{}, fmt.Errorf("list the links: %w", err)
	}
	addresses := map[int][]netip.Prefix{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, family) })
		if err != nil && !without(family, err) {
			return picture{}, fmt.Errorf("list the addresses: %w", err)
		}
		for _, a := range all {
			if n := prefix(a.IPNet); n.IsValid() && !n.Addr().IsLinkLocalUnicast() {
				addresses[a.LinkIndex] = append(addresses[a.LinkIndex], n)
			}
		}
		routes, err := dump.Whole(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		})
		if err != nil && !without(family, err) {
			return picture{}, fmt.Errorf("list the routes: %w", err)
		}
		for _, r := range routes {
			p.routes = append(p.routes, routesOf(r, family)...)
		}
	}
	for _, l := range links {
		p.links = append(p.links, linkOf(l, addresses[l.Attrs().Index]))
	}
	return p, nil
}

// without says whether err is how a kernel without IPv6 answers.
func without(family int, err error) bool {
	return family == netlink.FAMILY_V6 && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT))
}

func linkOf(l netlink.Link, addresses []netip.Prefix) link {
	a := l.Attrs()
	kind := l.Type()
	if kind == "device" || kind == "generic" { // it has said none
		kind = ""
	}
	slices.SortFunc(addresses, netip.Prefix.Compare)
	return link{index: a.Index, name: a.Name, kind: kind, encap: a.EncapType, up: a.RawFlags&unix.IFF_UP != 0,
		slave: a.MasterIndex != 0, hardware: a.ParentDev != "" || kind == "wwan", addresses: addresses}
}

// routesOf is a route, one of each of its ways.
func routesOf(r netlink.Route, family int) []route {
	if r.Table == unix.RT_TABLE_LOCAL {
		return nil
	}
	n := route{to: prefix(r.Dst), link: r.LinkIndex, table: r.Table, metric: r.Priority, gateway: address(r.Gw)}
	if r.Dst == nil {
		n.to = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if family == netlink.FAMILY_V6 {
			n.to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	switch r.Type {
	case unix.RTN_UNICAST, 0:
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT:
		n.refuses, n.link = refusals[r.Type], 0
	default:
		return nil
	}
	if len(r.MultiPath) == 0 {
		return []route{n}
	}
	var all []route
	for _, hop := range r.MultiPath {
		n.link, n.gateway = hop.LinkIndex, address(hop.Gw)
		all = append(all, n)
	}
	return all
}

var refusals = map[int]string{unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit"}

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(address(n.IP), bits)
}

// leaves is by what packets to all of these leave.
func leaves(to []netip.Addr) (e egress) {
	for i, a := range to {
		routes, err := netlink.RouteGet(a.AsSlice())
		switch {
		case errors.Is(err, unix.EINVAL):
			return egress{refused: "a blackhole"}
		case errors.Is(err, unix.EACCES):
			return egress{refused: "prohibited"}
		case errors.Is(err, unix.EHOSTUNREACH):
			return egress{refused: "unreachable"}
		case err != nil || len(routes) == 0 || i > 0 && routes[0].LinkIndex != e.link:
			return egress{}
		}
		e.link = routes[0].LinkIndex
	}
	return e
}

// switchedOff says whether IPv6 is, on all devices.
func switchedOff() bool {
	b, err := os.ReadFile("/proc/sys/net/ipv6/conf/all/disable_ipv6")
	return err != nil || strings.TrimSpace(string(b)) == "1"
}
