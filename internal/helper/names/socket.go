//go:build linux

package names

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// sockets makes those that names are answered on: UDP's, and TCP's which listens.
func sockets() (fds []int, err error) {
	at := unix.SockaddrInet4{Port: int(protocol.DNSServer.Port()), Addr: protocol.DNSServer.Addr().As4()}
	for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_STREAM} {
		fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err == nil {
			fds = append(fds, fd)
			if kind == unix.SOCK_STREAM { // connections of the last one linger
				err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			} else { // a burst of lookups finds room
				err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
			}
		}
		if err == nil {
			err = unix.Bind(fd, &at)
		}
		if err == nil && kind == unix.SOCK_STREAM {
			err = unix.Listen(fd, 256)
		}
		if err != nil {
			CloseAll(fds)
			return nil, fmt.Errorf("open a socket at %v: %w", protocol.DNSServer, err)
		}
	}
	return fds, nil
}

// double makes descriptors of the same sockets.
func double(fds []int) (again []int, err error) {
	for _, fd := range fds {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			CloseAll(again)
			return nil, fmt.Errorf("double a socket: %w", err)
		}
		again = append(again, n)
	}
	return again, nil
}
