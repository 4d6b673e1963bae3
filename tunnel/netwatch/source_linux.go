package netwatch

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// listener is a netlink socket in the groups that tell of links, addresses, routes
// and rules (rtnetlink(7)). It is opened here and not by the netlink library, which
// leaves a descriptor to be closed a second time where the kernel refuses a group.
type listener struct {
	ignore func(string) bool
	file   *os.File
	buf    []byte
	once   sync.Once
}

func openSource(ignore func(string) bool) (source, error) {
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
	return &listener{ignore: ignore, file: os.NewFile(uintptr(fd), "netlink"), buf: make([]byte, 64<<10)}, nil
}

func (l *listener) close() { l.once.Do(func() { l.file.Close() }) }

// next waits for a message that may matter.
func (l *listener) next() error {
	conn, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), l.buf, 0)
			return failed != unix.EAGAIN && failed != unix.EINTR
		})
		switch {
		case err != nil:
			return err
		case errors.Is(failed, unix.ENOBUFS): // some were lost
			return nil
		case failed != nil:
			return failed
		}
		if kernel, ok := from.(*unix.SockaddrNetlink); ok && kernel.Pid == 0 && matters(l.buf[:n]) {
			return nil
		}
	}
}

// matters says whether one of the messages may change the picture.
func matters(b []byte) bool {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return true // what cannot be read is looked at
	}
	for _, m := range messages {
		switch m.Header.Type {
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			if len(m.Data) < unix.SizeofRtMsg || unicast(m.Data) {
				return true
			}
		case unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_NEWADDR, unix.RTM_DELADDR, unix.RTM_NEWRULE, unix.RTM_DELRULE:
			return true
		}
	}
	return false
}

// picture asks the kernel for all there is: messages alone may have been lost.
func (l *listener) picture() (picture, error) {
	var all [4][]syscall.NetlinkMessage
	for i, what := range []int{unix.RTM_GETLINK, unix.RTM_GETADDR, unix.RTM_GETROUTE, unix.RTM_GETRULE} {
		b, err := syscall.NetlinkRIB(what, unix.AF_UNSPEC)
		if err == nil {
			all[i], err = syscall.ParseNetlinkMessage(b)
		}
		if errors.Is(err, unix.EINVAL) && what == unix.RTM_GETRULE {
			continue // a kernel without; the library hides what it says
		}
		if err != nil {
			return picture{}, fmt.Errorf("read the network's state: %w", err)
		}
	}
	return draw(all[0], all[1], all[2], all[3], l.ignore), nil
}
