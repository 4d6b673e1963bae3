//go:build linux

package stack

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// nsEnv marks a test process that runs in a network namespace of its own.
const nsEnv = "TIDEGATE_TEST_NETNS"

// TestMain runs everything in a network namespace that ends with the process.
func TestMain(m *testing.M) {
	if os.Getenv(nsEnv) == "" {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			fmt.Fprintln(os.Stderr, "make a network namespace (these tests want root):", err)
			os.Exit(1)
		}
		err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), nsEnv+"=1"))
		fmt.Fprintln(os.Stderr, "run the tests in it:", err)
		os.Exit(1)
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bring lo up:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// What lies behind the device in tests.
var (
	pool4  = netip.MustParsePrefix("100.96.0.0/16")
	pool6  = netip.MustParsePrefix("fd54:6964:6567::/48")
	local4 = netip.MustParsePrefix("100.96.255.1/32")
	local6 = netip.MustParsePrefix("fd54:6964:6567:ffff::1/128")
)

// device makes a TUN that is up, with the routes of the pools.
func device(t testing.TB) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := unix.NewIfreq("stack%d")
	if err != nil {
		t.Fatal(err)
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "/dev/net/tun") // polls it, which works from here on
	t.Cleanup(func() { f.Close() })
	l, err := netlink.LinkByName(r.Name())
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(netlink.LinkSetMTU(l, MTU))
	must(netlink.LinkSetUp(l))
	for _, p := range []netip.Prefix{local4, local6} {
		a, err := netlink.ParseAddr(p.String())
		must(err)
		a.Flags = unix.IFA_F_NODAD
		must(netlink.AddrAdd(l, a))
	}
	for _, p := range []netip.Prefix{pool4, pool6} {
		d, err := netlink.ParseIPNet(p.String())
		must(err)
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: d}))
	}
	// Linux makes an IPv6 address this machine's a moment after it was given.
	eventually(t, "the address", func() bool {
		routes, err := netlink.RouteGet(local6.Addr().AsSlice())
		return err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL
	})
	return f
}
