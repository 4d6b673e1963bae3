package posture

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// netlinkSocket receives what the kernel tells groups of netlink. (The netlink
// library's own leaves a descriptor to be closed a second time where the kernel
// refuses a group, by when it may be another's.)
type netlinkSocket struct {
	file *os.File
	buf  []byte
}

// subscribe opens a socket in groups, each 1 or more.
func subscribe(protocol int, groups ...uint) (*netlinkSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	at := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	for _, g := range groups {
		at.Groups |= 1 << (g - 1)
	}
	if err := unix.Bind(fd, at); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("join a netlink group: %w", err)
	}
	return &netlinkSocket{file: os.NewFile(uintptr(fd), "netlink"), buf: make([]byte, 64<<10)}, nil
}

// control calls f with the descriptor.
func (s *netlinkSocket) control(f func(fd int) error) error {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = f(int(fd)) })
	return errors.Join(err, failed)
}

// receive waits for messages of the kernel's. That some were lost is an error,
// ENOBUFS, after which it goes on; after any other it does not.
func (s *netlinkSocket) receive() ([]syscall.NetlinkMessage, error) {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), s.buf, 0)
			return failed != unix.EAGAIN && failed != unix.EINTR
		})
		if err != nil {
			return nil, err
		}
		if failed != nil {
			return nil, failed
		}
		if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
			continue
		}
		if messages, err := syscall.ParseNetlinkMessage(s.buf[:n]); err == nil {
			return messages, nil
		}
	}
}

func (s *netlinkSocket) close() { s.file.Close() }
