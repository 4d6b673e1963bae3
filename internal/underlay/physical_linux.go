package underlay

import (
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
)

// physical tells the physical adapter where a tunnel of others' leads to an
// address. It remembers the last, for a VPN may replace the route that names it.
func physical() func(to netip.Addr) string {
	var mu sync.Mutex
	var last osdns.Adapter
	return func(to netip.Addr) string {
		mu.Lock()
		defer mu.Unlock()
		a, tunnel, err := osdns.Way(to, last)
		if err != nil {
			return ""
		}
		if last = a; !tunnel {
			return ""
		}
		return a.Name
	}
}

// bind takes no privilege since Linux 5.7, for a socket that is bound to none.
func bind(c syscall.RawConn, adapter string) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = unix.BindToDevice(int(fd), adapter) }); err != nil {
		return err
	}
	return os.NewSyscallError("bind to device", failed)
}
