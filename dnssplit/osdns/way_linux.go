package osdns

import (
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
)

// Way says by which adapter the network is reached (see Physical), and whether a
// tunnel of another program leads to an address instead, or nothing does. It asks
// the kernel, in the network namespace of the caller, and needs no privilege.
func Way(to netip.Addr, last Adapter) (a Adapter, tunnelled bool, err error) {
	n, err := survey()
	if err != nil {
		return Adapter{}, false, err
	}
	a = n.physical(last)
	if a.Name == "" || !to.IsValid() || to.IsLoopback() {
		return a, false, nil
	}
	routes, err := netlink.RouteGet(to.WithZone("").AsSlice())
	if err != nil || len(routes) == 0 {
		return a, true, nil
	}
	l, ok := n.links[routes[0].LinkIndex]
	if !ok {
		return a, false, nil
	}
	name := l.Attrs().Name
	return a, tunnel(l, name == a.Name) && !applications(name), nil
}

// applications says whether a device is one that leads to applications: a client's
// classic VPN has another letter in its name.
func applications(name string) bool {
	rest, ok := strings.CutPrefix(name, ownDevices)
	return ok && rest != "" && strings.Trim(rest, "0123456789") == ""
}
