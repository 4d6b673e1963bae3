//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// first is the first descriptor that systemd passes (sd_listen_fds(3)), own names
// one that this program passes to itself.
const (
	first = 3
	own   = "TIDEGATE_HELPER_SOCKET_FD"
)

// bySystemd says whether systemd has passed a socket to this process.
func bySystemd() bool {
	return os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") == "1"
}

// listen makes the socket where none was passed, and passes it on: what follows
// starts this program anew.
func listen(path string, gid int) error {
	if bySystemd() || os.Getenv(own) != "" {
		return nil
	}
	if path == "" {
		return errors.New("systemd passes no socket, and -socket names none")
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove an old socket: %w", err)
		}
	}
	old := unix.Umask(0o777) // nobody's until it is ours and the group's
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if gid < 0 {
		gid = 0
	}
	if err := os.Chown(path, 0, gid); err != nil {
		return fmt.Errorf("give the socket to the group: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return fmt.Errorf("open the socket to the group: %w", err)
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return fmt.Errorf("pass the socket on: %w", err)
	}
	var fd int
	var failed error
	err = raw.Control(func(own uintptr) { fd, failed = unix.Dup(int(own)) }) // this one stays open
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("pass the socket on: %w", err)
	}
	return errors.Join(l.Close(), os.Setenv(own, strconv.Itoa(fd)))
}

// passed is the socket that was passed.
func passed() (*net.UnixListener, error) {
	fd := first
	if !bySystemd() {
		var err error
		if fd, err = strconv.Atoi(os.Getenv(own)); err != nil {
			return nil, errors.New("no socket is passed")
		}
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("take the socket: %w", err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, errors.New("the socket that is passed is not Unix's")
	}
	return u, nil
}
