package run

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The device's own addresses, which are in no other namespace. They lie in the
// networks of synthetic addresses, where no name leads to them.
var (
	ownIPv4 = net.IPv4(100, 96, 255, 0).To4()
	ownIPv6 = net.ParseIP("fd54:6964:6567:ffff::1")
)

// mtu is the device's: TCP ends in the tray process, so the link is a local one,
// and the largest packets are the fastest.
const mtu = 65500

// openDevice makes lo and a TUN device ready, and leads everything to it. It says
// whether there is IPv6 too.
func openDevice() (device *os.File, ipv6 bool, err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false, noDevice(err)
	}
	device = os.NewFile(uintptr(fd), "/dev/net/tun")
	defer func() {
		if err != nil {
			device.Close()
		}
	}()
	r, err := unix.NewIfreq("tidegate%d")
	if err != nil {
		return nil, false, noDevice(err)
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		return nil, false, noDevice(err)
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return nil, false, fmt.Errorf("bring lo up: %w", err)
	}
	link, err := netlink.LinkByName(r.Name())
	if err == nil {
		err = netlink.LinkSetMTU(link, mtu)
	}
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err == nil {
		err = lead(link, ownIPv4, 32)
	}
	if err != nil {
		return nil, false, fmt.Errorf("set the TUN device up: %w", err)
	}
	allowPing()
	ipv6 = lead(link, ownIPv6, 128) == nil // systems without IPv6 have none here
	if ipv6 {
		settle(ownIPv6)
	}
	return device, ipv6, nil
}

// settle waits, for a moment, until an address is this namespace's: Linux takes
// up IPv6's a little after they were given, and loses answers to them until then.
func settle(own net.IP) {
	for range 500 {
		routes, err := netlink.RouteGet(own)
		if err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// lead gives the device an address, and has everything of its family sent there.
func lead(link netlink.Link, own net.IP, bits int) error {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: own, Mask: net.CIDRMask(bits, bits)}, Flags: unix.IFA_F_NODAD}
	if err := netlink.AddrAdd(link, a); err != nil {
		return err
	}
	all := &net.IPNet{IP: make(net.IP, len(own)), Mask: net.CIDRMask(0, bits)}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: all, Src: own})
}

// allowPing lets programs ping without privilege, as most systems do; where that
// cannot be said, they cannot.
func allowPing() {
	gid := strconv.Itoa(os.Getegid())
	os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(gid+" "+gid), 0)
}
