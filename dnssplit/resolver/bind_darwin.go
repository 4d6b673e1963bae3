package resolver

import (
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// bindTo has a socket send and receive by one adapter only.
func bindTo(fd uintptr, network, device string) error {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("find adapter %s: %w", device, unix.ENODEV)
	}
	level, option := unix.IPPROTO_IP, unix.IP_BOUND_IF
	if strings.HasSuffix(network, "6") {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF
	}
	return os.NewSyscallError("bind to adapter", unix.SetsockoptInt(int(fd), level, option, i.Index))
}
