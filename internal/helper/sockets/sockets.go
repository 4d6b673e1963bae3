//go:build linux

// Package sockets are those that names are answered on, UDP's and TCP's at
// protocol.DNSServer. They go from one process to another as descriptors, in this
// order: the helper makes them, and its standby or a user's client answers. Its
// functions keep no state.
package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// Open makes them; TCP's listens. EADDRINUSE: somebody has them.
func Open() (fds []int, err error) {
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

// Double makes other descriptors of the same sockets.
func Double(fds []int) (again []int, err error) {
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

// Take is what this process answers on. It closes the descriptors.
func Take(fds []int) (*net.UDPConn, *net.TCPListener, error) {
	if len(fds) != 2 {
		CloseAll(fds)
		return nil, nil, fmt.Errorf("take the sockets: there are %d", len(fds))
	}
	u, t := os.NewFile(uintptr(fds[0]), "udp"), os.NewFile(uintptr(fds[1]), "tcp")
	defer u.Close()
	defer t.Close()
	udp, err := net.FilePacketConn(u)
	if err != nil {
		return nil, nil, fmt.Errorf("take the sockets: %w", err)
	}
	tcp, err := net.FileListener(t)
	if err != nil {
		udp.Close()
		return nil, nil, fmt.Errorf("take the sockets: %w", err)
	}
	uc, ok := udp.(*net.UDPConn)
	tl, ok2 := tcp.(*net.TCPListener)
	if !ok || !ok2 {
		udp.Close()
		tcp.Close()
		return nil, nil, errors.New("take the sockets: they are others")
	}
	return uc, tl, nil
}

// CloseAll closes descriptors, of sockets or others.
func CloseAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
