//go:build linux

package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/dump"
)

// errForeign says that a device has the name of a user's, and is another's.
var errForeign = errors.New("it is not Tidegate's")

// makeVPN makes a device that stays, and that the user's processes may attach to,
// and nobody else's.
func makeVPN(name string, uid uint32, group int) (index int, err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if errors.Is(err, unix.EBUSY) {
		err = errForeign
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETOWNER, int(uid))
	}
	var l netlink.Link
	if err == nil {
		l, err = netlink.LinkByName(name)
	}
	if err == nil {
		err = netlink.LinkSetGroup(l, group)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1) // the last: without it the device goes now
	}
	if err != nil {
		return 0, fmt.Errorf("make the device %s: %w", name, err)
	}
	return l.Attrs().Index, nil
}

// device is the record's device; nil: it is not there, or another is in its place.
func (r vpnRecord) device() netlink.Link {
	if r.Name == "" {
		return nil
	}
	l, err := netlink.LinkByName(r.Name)
	if err != nil || r.Index != 0 && l.Attrs().Index != r.Index {
		return nil
	}
	tun, ok := l.(*netlink.Tuntap)
	if !ok || tun.Mode != netlink.TUNTAP_MODE_TUN || r.Index == 0 && (tun.Owner != r.UID || tun.NonPersist) {
		return nil
	}
	return l
}

// there says whether any device has the record's name, or may have.
func (r vpnRecord) there() bool {
	_, err := netlink.LinkByName(r.Name)
	var none netlink.LinkNotFoundError
	return !errors.As(err, &none)
}

// whole says whether a user's client can take the device over.
func (r vpnRecord) whole() bool {
	tun, ok := r.device().(*netlink.Tuntap)
	return ok && !tun.NonPersist && tun.Owner == r.UID
}

// lostVPN is a record for what was done by one that cannot be read: its device is known
// by name, owner and group.
func (c Config) lostVPN() vpnRecord {
	all, err := dump.Whole(netlink.LinkList)
	if err != nil {
		all = nil
	}
	for _, l := range all {
		if tun, ok := l.(*netlink.Tuntap); ok && tun.Name == vpnName(tun.Owner) && int(tun.Attrs().Group) == c.vpnGroup() {
			return vpnRecord{UID: tun.Owner, Name: tun.Name, Index: tun.Index}
		}
	}
	return vpnRecord{Name: vpnName(0)} // there are rules, perhaps
}

// configureVPN has the device be as the plan says, and up: its addresses are single
// ones, so that the kernel makes no routes of them. Without IPv6 on this machine, or
// in packets of that size, an address of it is left out.
func configureVPN(l netlink.Link, p vpnPlan, group int) error {
	name := l.Attrs().Name
	if len(p.Addresses) == 0 {
		if err := addressVPN(l, p); err != nil {
			return err
		}
		if err := netlink.LinkSetDown(l); err != nil {
			return fmt.Errorf("take the device %s down: %w", name, err)
		}
		return nil
	}
	if err := netlink.LinkSetIP6AddrGenMode(l, addrGenNone); err != nil && !without6(err) {
		return fmt.Errorf("configure the device %s: %w", name, err)
	}
	if err := netlink.LinkSetGroup(l, group); err != nil {
		return fmt.Errorf("configure the device %s: %w", name, err)
	}
	if l.Attrs().MTU != p.MTU {
		if err := netlink.LinkSetMTU(l, p.MTU); err != nil {
			return fmt.Errorf("set the size of packets of %s: %w", name, err)
		}
	}
	if err := addressVPN(l, p); err != nil {
		return err
	}
	if l.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("bring the device %s up: %w", name, err)
		}
	}
	for _, a := range p.Addresses {
		if a.Addr().Is6() && has(l.Attrs().Index, a.Addr()) {
			settle(a.Addr())
		}
	}
	return nil
}

// addressVPN has the device have exactly the plan's addresses.
func addressVPN(l netlink.Link, p vpnPlan) error {
	old, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", l.Attrs().Name, err)
	}
	has := func(o netlink.Addr, a netip.Prefix) bool { return o.IPNet != nil && o.IPNet.String() == a.String() }
	for _, o := range old {
		if slices.ContainsFunc(p.Addresses, func(a netip.Prefix) bool { return has(o, a) }) {
			continue
		}
		if err := netlink.AddrDel(l, &o); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("take the address %v from %s: %w", o.IPNet, l.Attrs().Name, err)
		}
	}
	for _, a := range p.Addresses {
		if slices.ContainsFunc(old, func(o netlink.Addr) bool { return has(o, a) }) || a.Addr().Is6() && p.MTU < minMTU6 {
			continue
		}
		if err := setAddress(l, a.Addr()); err != nil && !(a.Addr().Is6() && without6(err)) {
			return err
		}
	}
	return nil
}

// minMTU6 is the least that IPv6 takes (RFC 8200, section 5).
const minMTU6 = 1280

// removeDevice removes the record's device, if it is there.
func (r vpnRecord) removeDevice() error {
	l := r.device()
	if l == nil {
		return nil
	}
	if err := netlink.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove the device %s: %w", r.Name, err)
	}
	return nil
}
