//go:build linux

package server

import (
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// The networks of a machine are all but those of users' devices.
func TestHere(t *testing.T) {
	// A network for this thread, which ends with it.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	of := map[string]netip.Addr{}
	for n, name := range []string{"tide7", "tidev7", "tidepool", "tun0"} {
		fd, err := openTUN(name)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		of[name] = netip.AddrFrom4([4]byte{10, 5, byte(n), 1})
		if _, _, err := configure(name, of[name], netip.AddrFrom16([16]byte{0xfd, 5, byte(n), 15: 1})); err != nil {
			t.Fatal(err)
		}
	}
	for vpn, want := range map[string][]string{"": {"tidev7", "tidepool", "tun0"}, "tidev7": {"tidepool", "tun0"}} {
		nets, refusal := here(vpn)
		if refusal != nil {
			t.Fatal(refusal)
		}
		for name, a := range of {
			if slices.Contains(nets, single(a)) != slices.Contains(want, name) {
				t.Errorf("beside %q: %s is not as in %v: %v", vpn, name, want, nets)
			}
		}
	}
}
