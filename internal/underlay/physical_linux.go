package underlay

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
)

// physical tells the physical adapter where a tunnel of others' leads to an address
// and it does, too; and where no tunnel does, and the routes lead out of it. It
// remembers the last, for a VPN may replace the route that names it. Both are for one
// goroutine at a time.
func physical() (adapter, out func(to netip.Addr) string) {
	var last osdns.Adapter
	ask := func(to netip.Addr, want bool) string {
		a, tunnel, err := osdns.Way(to, last)
		if err != nil || a.Name == "" {
			return ""
		}
		if last = a; tunnel != want || !leads(a.Name, to) {
			return ""
		}
		return a.Name
	}
	adapter = func(to netip.Addr) string { return ask(to, true) }
	out = func(to netip.Addr) string {
		name := ask(to, false)
		if routes, err := netlink.RouteGet(to.WithZone("").AsSlice()); err != nil || len(routes) == 0 || routes[0].LinkIndex != last.Index {
			return ""
		}
		return name
	}
	return adapter, out
}

// leads says whether a route leads to an address by an adapter. Without FIBMatch the
// kernel would take for a neighbour whom none leads to.
func leads(adapter string, to netip.Addr) bool {
	routes, err := netlink.RouteGetWithOptions(to.WithZone("").AsSlice(), &netlink.RouteGetOptions{Oif: adapter, FIBMatch: true})
	return err == nil && len(routes) > 0
}

// bind takes no privilege since Linux 5.7, for a socket that is bound to none.
func bind(c syscall.RawConn, adapter string) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = unix.BindToDevice(int(fd), adapter) }); err != nil {
		return err
	}
	return os.NewSyscallError("bind to device", failed)
}

// point takes no privilege, and may be taken back (IP_UNICAST_IF in ip(7)).
func point(c syscall.RawConn, to netip.Addr, adapter string) error {
	var index [4]byte
	if adapter != "" {
		d, err := net.InterfaceByName(adapter)
		if err != nil {
			return fmt.Errorf("find the adapter %s: %w", adapter, err)
		}
		binary.BigEndian.PutUint32(index[:], uint32(d.Index))
	}
	level, option := unix.IPPROTO_IP, unix.IP_UNICAST_IF
	if to.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_IF
	}
	var failed error
	if err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), level, option, int(int32(binary.NativeEndian.Uint32(index[:]))))
	}); err != nil {
		return err
	}
	return os.NewSyscallError("point to an adapter", failed)
}
