//go:build linux

package names

import (
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Keep runs a worker, or another part, until the main process has gone, again and again: what it
// makes is started with fd, the worker's end, as descriptor 3.
func Keep(fd int, worker func() *exec.Cmd, log *slog.Logger) error {
	runtime.LockOSThread() // a worker is to end with this thread
	channel := os.NewFile(uintptr(fd), "names")
	defer channel.Close()
	unix.CloseOnExec(fd)
	for wait := first; ; {
		cmd := worker()
		cmd.ExtraFiles = []*os.File{channel}
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		began := time.Now()
		err := cmd.Run()
		if gone(fd) {
			return nil
		}
		log.Error("a part of the helper has ended, and is started again", "err", err)
		if time.Since(began) > most {
			wait = first
		}
		time.Sleep(wait)
		wait = min(2*wait, most)
	}
}

// first and most are the pauses before a worker is started again.
const (
	first = 50 * time.Millisecond
	most  = 5 * time.Second
)

// gone says whether the other end of a socket pair is closed.
func gone(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&unix.POLLHUP != 0
}
