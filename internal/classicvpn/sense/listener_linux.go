package sense

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// listener is a netlink socket in the groups that tell of links, addresses, routes
// and rules (rtnetlink(7)). (The netlink library's own leaves a descriptor to be
// closed a second time where the kernel refuses a group.)
type listener struct {
	file *os.File
	once sync.Once
}

func listen() (*listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	at := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	for _, g := range []uint{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE} {
		at.Groups |= 1 << (g - 1)
	}
	if err := unix.Bind(fd, at); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("join a netlink group: %w", err)
	}
	return &listener{file: os.NewFile(uintptr(fd), "netlink")}, nil
}

// hear calls changed with whatever the kernel says, until it is closed.
func (l *listener) hear(changed func()) error {
	conn, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for {
		var from unix.Sockaddr
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			_, from, failed = unix.Recvfrom(int(fd), buf, 0)
			return failed != unix.EAGAIN && failed != unix.EINTR
		})
		switch {
		case err != nil:
			return err
		case failed != nil && !errors.Is(failed, unix.ENOBUFS): // lost news are news
			return failed
		}
		if kernel, ok := from.(*unix.SockaddrNetlink); failed != nil || ok && kernel.Pid == 0 {
			changed()
		}
	}
}

func (l *listener) close() { l.once.Do(func() { l.file.Close() }) }
