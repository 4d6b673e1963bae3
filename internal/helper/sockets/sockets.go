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
	defer func() {
		if err != nil {
			CloseAll(fds)
			fds, err = nil, fmt.Errorf("open a socket at %v: %w", protocol.DNSServer, err)
		}
	}()
	// TCP's comes first: nobody else may listen, while what was revoked of UDP's may
	// be held still.
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
		fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fds, err
		}
		fds = append([]int{fd}, fds...)
		if err := reuse(fd, 1); err != nil { // connections of the last one linger
			return fds, err
		}
		if err := unix.Bind(fd, &at); err != nil {
			return fds, err
		}
		if kind == unix.SOCK_STREAM {
			err = unix.Listen(fd, 256)
		} else if err = reuse(fd, 0); err == nil { // a burst of lookups finds room
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
		}
		if err != nil {
			return fds, err
		}
	}
	return fds, nil
}

// reuse has others that say so, too, bind to the same address, or none.
func reuse(fd, value int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, value)
}

// Revoke has nothing more come to the sockets, for good, whoever keeps them: others
// may be made.
func Revoke(fds []int) error {
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	for _, fd := range fds {
		err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1)
		}
		if err == nil {
			err = reuse(fd, 1)
		}
		if err == nil { // TCP's listens no more; UDP's is not connected
			err = unix.Shutdown(fd, unix.SHUT_RDWR)
		}
		if err != nil && !errors.Is(err, unix.ENOTCONN) {
			return fmt.Errorf("take back a socket: %w", err)
		}
	}
	return nil
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
