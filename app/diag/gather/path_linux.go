package gather

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// unfragmented has packets refused, or dropped on the way, that are too large:
// those of both families, of a socket that has either.
func unfragmented(c syscall.RawConn) error {
	var v4, v6 error
	if err := c.Control(func(fd uintptr) {
		v4 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		v6 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	}); err != nil {
		return err
	}
	if v4 != nil && v6 != nil {
		return os.NewSyscallError("set MTU discovery", errors.Join(v4, v6))
	}
	return nil
}
