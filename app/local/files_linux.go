package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sendFiles sends descriptors with one byte (unix(7), SCM_RIGHTS).
func sendFiles(c *net.UnixConn, b byte, files ...*os.File) error {
	var fds []int
	for _, f := range files {
		raw, err := f.SyscallConn()
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }); err != nil {
			return err
		}
	}
	_, _, err := c.WriteMsgUnix([]byte{b}, unix.UnixRights(fds...), nil)
	return err
}

// receiveFiles receives one byte with so many descriptors, and nothing else.
func receiveFiles(c *net.UnixConn, want byte, count int) ([]*os.File, error) {
	data, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4*16))
	n, n2, flags, _, err := c.ReadMsgUnix(data, rights)
	if err != nil {
		return nil, err
	}
	var fds []int
	messages, err := unix.ParseSocketControlMessage(rights[:n2])
	for _, m := range messages {
		got, merr := unix.ParseUnixRights(&m)
		fds, err = append(fds, got...), errors.Join(err, merr)
	}
	if err != nil || n != 1 || data[0] != want || len(fds) != count || flags&unix.MSG_CTRUNC != 0 {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return nil, errors.Join(fmt.Errorf("%d descriptors came and not %d", len(fds), count), err)
	}
	var files []*os.File
	for _, fd := range fds {
		unix.SetNonblock(fd, true) // for the poller; where that fails, reading does too
		files = append(files, os.NewFile(uintptr(fd), "handed over"))
	}
	return files, nil
}

// untilExited returns when the process of a pidfd has exited, ctx has ended, or
// the file is none.
func untilExited(ctx context.Context, process *os.File) {
	raw, err := process.SyscallConn()
	if err != nil || process.SetReadDeadline(time.Time{}) != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { process.SetReadDeadline(time.Unix(1, 0)) })()
	raw.Read(func(fd uintptr) bool {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 0)
		return n != 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
}

// Keep leaves the connection to the program that this process becomes, as the
// first free descriptor from number on, and to all that inherit it.
func (a *Attachment) Keep(number int) error {
	raw, err := a.conn.SyscallConn()
	if err != nil {
		return err
	}
	var dup error
	if err := raw.Control(func(fd uintptr) {
		_, dup = unix.FcntlInt(fd, unix.F_DUPFD, number) // without close-on-exec
	}); err != nil {
		return err
	}
	if dup != nil {
		return fmt.Errorf("keep the connection to Tidegate: %w", dup)
	}
	return nil
}
