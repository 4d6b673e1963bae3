package gateway

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// preferBBR has connections that l accepts use BBR, which stands loss better
// than the others, and says what they use.
func preferBBR(l net.Listener) string {
	const unknown = "unknown"
	c, ok := l.(syscall.Conn)
	if !ok {
		return unknown
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return unknown
	}
	name := unknown
	raw.Control(func(fd uintptr) {
		// It fails where the kernel has no BBR or this user may not choose it.
		unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "bbr")
		if s, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION); err == nil {
			name = s
		}
	})
	return name
}
