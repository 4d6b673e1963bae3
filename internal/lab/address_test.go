package lab

import (
	"net"
	"net/netip"
	"strconv"
	"testing"
)

// A part that was stopped is started again at its address: nobody may have been
// given it meanwhile.
func TestAddressesAreNotTheKernels(t *testing.T) {
	low, high, err := ephemeralPorts()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		addr, err := freeAddress(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		if err != nil {
			t.Fatal(err)
		}
		_, p, _ := net.SplitHostPort(addr)
		if port, err := strconv.Atoi(p); err != nil || port >= low && port <= high {
			t.Fatalf("%s is one of those that the kernel hands out, %d to %d", addr, low, high)
		}
	}
}
