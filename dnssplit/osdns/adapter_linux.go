package osdns

import (
	"cmp"
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

// tunnelKinds are of links above another (ip-link(8)).
var tunnelKinds = map[string]bool{
	"tuntap": true, "tun": true, "wireguard": true, "ovpn": true, "ppp": true, "xfrm": true, "vti": true, "vti6": true,
	"ipip": true, "ip6tnl": true, "sit": true, "gre": true, "gretap": true, "ip6gre": true, "ip6gretap": true, "amneziawg": true,
}

// ownDevices is what the names of the client's own devices begin with.
const ownDevices = "tide"

// network is what the kernel says of links and routes.
type network struct {
	links  map[int]netlink.Link
	routes []netlink.Route // of the main table
	addrs  map[int]netip.Prefix
}

// survey asks the kernel, in the network namespace of the caller.
func survey() (network, error) {
	n := network{links: map[int]netlink.Link{}, addrs: map[int]netip.Prefix{}}
	// Without one it would open a socket for each list, which takes longer than all.
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return n, fmt.Errorf("open a netlink socket: %w", err)
	}
	defer kernel.Close()
	links, err := dump.Whole(kernel.LinkList)
	if err != nil {
		return n, fmt.Errorf("list the links: %w", err)
	}
	for _, l := range links {
		n.links[l.Attrs().Index] = l
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := dump.Whole(func() ([]netlink.Route, error) { return kernel.RouteList(nil, family) })
		if err != nil {
			return n, fmt.Errorf("list the routes: %w", err)
		}
		n.routes = append(n.routes, routes...)
		addrs, err := dump.Whole(func() ([]netlink.Addr, error) { return kernel.AddrList(nil, family) })
		if err != nil {
			return n, fmt.Errorf("list the addresses: %w", err)
		}
		for _, a := range addrs {
			p := prefix(a.IPNet)
			if _, ok := n.addrs[a.LinkIndex]; !ok && p.IsValid() && !p.Addr().IsLinkLocalUnicast() {
				n.addrs[a.LinkIndex] = p
			}
		}
	}
	return n, nil
}

func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), bits)
}

// tunnel says whether a link leads over others. A line that is dialled may be the
// only one to the network: lone is then true, and it is none.
func tunnel(l netlink.Link, lone bool) bool {
	switch kind := l.Type(); {
	case l.Attrs().EncapType == "ppp" || kind == "ppp":
		return !lone
	case tunnelKinds[kind]:
		return true
	case kind == "wwan" || kind == "device" || kind == "veth" || kind == "bridge":
		return false
	}
	return l.Attrs().EncapType == "none"
}

// usable says whether packets leave by a link that is no tunnel.
func usable(l netlink.Link, lone bool) bool {
	a := l.Attrs()
	const need = unix.IFF_UP | unix.IFF_RUNNING
	return a.RawFlags&need == need && a.Flags&net.FlagLoopback == 0 && !tunnel(l, lone)
}

// isDefault: the halves of everything, which some put above a default route, are
// none.
func isDefault(r netlink.Route) bool {
	if r.Type != unix.RTN_UNICAST && r.Type != 0 {
		return false
	}
	if r.Dst == nil {
		return true
	}
	ones, _ := r.Dst.Mask.Size()
	return ones == 0 && r.Dst.IP.IsUnspecified()
}

// Physical is the adapter that the network is reached by: that of the best default
// route over no tunnel, with a carrier. Where a VPN has replaced that route, it is
// last, so long as that is still in the same network, or else the adapter by which
// the VPN's own server is reached. The zero Adapter: there is none. It asks the
// kernel, in the network namespace of the caller.
func Physical(last Adapter) (Adapter, error) {
	n, err := survey()
	if err != nil {
		return Adapter{}, err
	}
	return n.physical(last), nil
}

func (n network) physical(last Adapter) Adapter {
	for _, lone := range []bool{false, true} {
		l, ok := n.links[last.Index]
		same := ok && l.Attrs().Name == last.Name && usable(l, lone) && n.addrs[last.Index] == last.Address
		a := n.best(lone)
		if of4 := last.Gateway.Is4() && a.Gateway.Is6(); a.Name != "" && !(same && of4) { // a VPN may have taken IPv4's alone
			return a
		}
		if same {
			last.Remembered = true
			return last
		}
		if a := n.left(lone); a.Name != "" {
			return a
		}
	}
	return Adapter{}
}

// best is the adapter of the best default route; IPv4's come first.
func (n network) best(lone bool) Adapter {
	var found []netlink.Route
	for _, r := range n.routes {
		hops := []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw}}
		if len(r.MultiPath) > 0 {
			hops = r.MultiPath
		}
		for _, h := range hops {
			if l, ok := n.links[h.LinkIndex]; ok && isDefault(r) && usable(l, lone) && r.Flags&unix.RTNH_F_LINKDOWN == 0 {
				r.LinkIndex, r.Gw = h.LinkIndex, h.Gw
				found = append(found, r)
			}
		}
	}
	if len(found) == 0 {
		return Adapter{}
	}
	r := slices.MinFunc(found, func(a, b netlink.Route) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Priority, b.Priority))
	})
	return n.adapter(r)
}

// left is the adapter of what a VPN's program has kept of the default route: that
// to its own server alone.
func (n network) left(lone bool) Adapter {
	for _, r := range n.routes {
		l, ok := n.links[r.LinkIndex]
		if !ok || r.Dst == nil || len(r.Gw) == 0 || !usable(l, lone) {
			continue
		}
		if ones, bits := r.Dst.Mask.Size(); ones == bits {
			a := n.adapter(r)
			a.Remembered = true
			return a
		}
	}
	return Adapter{}
}

func (n network) adapter(r netlink.Route) Adapter {
	a := Adapter{Name: n.links[r.LinkIndex].Attrs().Name, Index: r.LinkIndex, Address: n.addrs[r.LinkIndex]}
	if gw, ok := netip.AddrFromSlice(r.Gw); ok {
		a.Gateway = gw.Unmap()
	}
	return a
}

// lookAround is what the layers are judged by, of this machine and the network
// namespace of the caller.
func lookAround(last Adapter) (world, error) {
	n, err := survey()
	if err != nil {
		return world{}, err
	}
	w := world{adapter: n.physical(last), links: map[string]bool{}, egress: egress(n)}
	w.place = place{Boot: bootID(), Network: w.adapter.network()}
	for _, l := range n.links {
		name := l.Attrs().Name
		w.links[name] = tunnel(l, name == w.adapter.Name) && !strings.HasPrefix(name, ownDevices)
	}
	return w, nil
}

// bootID tells this boot from all others.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// egress asks for routes while the caller's network namespace is that of n. The
// client's own devices lead nowhere that a server of others' is.
func egress(n network) func(netip.Addr) string {
	return func(a netip.Addr) string {
		if a.IsLoopback() || a.IsUnspecified() || !a.IsValid() {
			return ""
		}
		if a.Zone() != "" {
			return a.Zone()
		}
		routes, err := netlink.RouteGet(a.AsSlice())
		if err != nil || len(routes) == 0 {
			return ""
		}
		l, ok := n.links[routes[0].LinkIndex]
		if !ok || strings.HasPrefix(l.Attrs().Name, ownDevices) {
			return ""
		}
		return l.Attrs().Name
	}
}
