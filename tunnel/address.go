package tunnel

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxProbes bounds the search for an address that no other application has.
// With n applications a probe misses with a chance of n in four million.
const maxProbes = 64

// loopback derives an application's loopback address from the device and the
// application, in 127.64.0.0/10, so that it is the same after a restart and
// bookmarks stay true. The last byte is never 0 or 255. Where taken says that
// another application has the address, the next one of the same derivation
// is taken.
func loopback(device wire.DeviceID, app wire.AppID, taken func(netip.Addr) bool) netip.Addr {
	var a netip.Addr
	for probe := range maxProbes {
		sum := derive(device, app, byte(probe))
		a = netip.AddrFrom4([4]byte{127, 64 | sum[0]&63, sum[1], 1 + byte(binary.BigEndian.Uint16(sum[2:])%254)})
		if !taken(a) {
			break
		}
	}
	return a
}

// spare derives the port to listen on where the application's own cannot be
// had: above the privileged ports and below those that Linux hands out.
func spare(device wire.DeviceID, app wire.AppID) uint16 {
	sum := derive(device, app, 0)
	return 10000 + binary.BigEndian.Uint16(sum[4:])%20000
}

func derive(device wire.DeviceID, app wire.AppID, probe byte) [sha256.Size]byte {
	b := append([]byte("tidegate loopback\x00"), device...)
	b = append(append(b, 0), app...)
	return sha256.Sum256(append(b, 0, probe))
}
