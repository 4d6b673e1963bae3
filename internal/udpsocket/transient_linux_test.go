package udpsocket

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

// Routes that lead nowhere for a while, as VPNs set them, and an interface that
// has gone, lose packets and end nothing.
func TestNoNetworkIsTransient(t *testing.T) {
	near, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	err = near.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(lo); err != nil {
			return err
		}
		s, err := Listen("udp4", nil)
		if err != nil {
			return err
		}
		defer s.Close()
		to := &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2), Port: 443}
		for name, kind := range map[string]int{"unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT, "throw": unix.RTN_THROW} {
			p := netip.MustParsePrefix("10.9.0.0/24")
			if err := netlink.RouteReplace(&netlink.Route{Dst: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(24, 32)}, Type: kind}); err != nil {
				return err
			}
			if n, err := s.WriteTo([]byte("lost"), to); n != 4 || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		gone := (&ipv4.ControlMessage{IfIndex: 9999}).Marshal()
		if n, _, err := s.WriteMsgUDP([]byte("lost"), gone, to); n != 4 || err != nil {
			t.Errorf("from an interface that has gone: %d, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
