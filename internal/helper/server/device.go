//go:build linux

package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/dump"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// addrGenNone is IN6_ADDR_GEN_MODE_NONE.
const addrGenNone = 1

// mtu of the devices: the client ends TCP, so the link is a local one.
const mtu = 65500

// openTUN makes a device, which goes when the descriptor is closed.
func openTUN(name string) (fd int, err error) {
	fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	r, err := unix.NewIfreq(name)
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err == nil { // a client can have made the last one outlive it
		err = unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 0)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("make the device %s: %w", name, err)
	}
	return fd, nil
}

// configure brings a device up with its addresses. Without IPv6 on this machine
// the second is left out, and ok6 false.
func configure(name string, addr4, addr6 netip.Addr) (index int, ok6 bool, err error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return 0, false, fmt.Errorf("find the device %s: %w", name, err)
	}
	// The kernel gives it no address by itself, and asks for no router.
	if err := netlink.LinkSetIP6AddrGenMode(l, addrGenNone); err != nil && !without6(err) {
		return 0, false, fmt.Errorf("configure the device %s: %w", name, err)
	}
	if err := netlink.LinkSetMTU(l, mtu); err != nil {
		return 0, false, fmt.Errorf("set the size of packets of %s: %w", name, err)
	}
	if err := setAddress(l, addr4); err != nil {
		return 0, false, err
	}
	ok6 = true
	if err := setAddress(l, addr6); without6(err) {
		ok6 = false
	} else if err != nil {
		return 0, false, err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return 0, false, fmt.Errorf("bring the device %s up: %w", name, err)
	}
	if ok6 {
		settle(addr6)
	}
	return l.Attrs().Index, ok6, nil
}

// dress has a user's device be up, with its addresses: whoever has the desktop
// disconnect it takes both away.
func (c Config) dress(r record) error {
	l, err := netlink.LinkByIndex(r.Index)
	if err != nil {
		return fmt.Errorf("find the device %s: %w", r.name(), err)
	}
	addr4, addr6 := c.address(0, r.Slot), c.address(1, r.Slot)
	if l.Attrs().Flags&net.FlagUp != 0 && has(r.Index, addr4) && (has(r.Index, addr6) || !takes6(r.name())) {
		return nil
	}
	_, _, err = configure(r.name(), addr4, addr6)
	return err
}

// takes6 says whether a device takes addresses of IPv6.
func takes6(name string) bool {
	off, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6")
	return err == nil && strings.TrimSpace(string(off)) == "0"
}

// settle waits, for a moment, until an address is this machine's: Linux takes up
// IPv6's a little after they were given, and loses packets to them until then.
func settle(a netip.Addr) {
	for range 500 {
		routes, err := netlink.RouteGet(a.AsSlice())
		if err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func setAddress(l netlink.Link, a netip.Addr) error {
	err := netlink.AddrReplace(l, &netlink.Addr{IPNet: ipnet(netip.PrefixFrom(a, a.BitLen())), Flags: unix.IFA_F_NODAD})
	if err != nil {
		return fmt.Errorf("give the device %s its address: %w", l.Attrs().Name, err)
	}
	return nil
}

// without6 says whether err is how a kernel without IPv6 answers.
func without6(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT)
}

// alive says whether the user's device is there.
func alive(r record) bool {
	if r.Index == 0 {
		return false
	}
	l, err := netlink.LinkByIndex(r.Index)
	return err == nil && l.Attrs().Name == r.name()
}

// here are the networks that this machine is in, but for our devices', and that of
// the VPN of this name; a VPN that we have made is one, too.
func here(vpn string) ([]netip.Prefix, *protocol.Refusal) {
	fail := func(err error) *protocol.Refusal {
		return protocol.Refuse(protocol.Failed, "list this machine's addresses: %v", err)
	}
	links, err := dump.Whole(netlink.LinkList)
	if err != nil {
		return nil, fail(err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	all, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fail(err)
	}
	var prefixes []netip.Prefix
	for _, a := range all {
		name := names[a.LinkIndex]
		if vpn != "" && name == vpn || protocol.Opened(name) {
			continue
		}
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			ones, _ := a.Mask.Size()
			prefixes = append(prefixes, netip.PrefixFrom(ip.Unmap(), ones).Masked())
		}
	}
	return prefixes, nil
}

func ipnet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
