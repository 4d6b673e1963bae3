package openconnect

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes has the kernel end it with the thread that started it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// keepThread keeps the thread to the goroutine, with which it ends.
func keepThread() { runtime.LockOSThread() }

// The signals that openconnect knows (its manual's section SIGNALS).
const (
	signalStop      = syscall.SIGINT
	signalReconnect = syscall.SIGUSR2
)

// waits says whether it waits for a line on its standard input and has taken all
// that we have written; known is false where the kernel does not tell.
func (p *process) waits() (waits, known bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", p.process.Pid))
	if err != nil {
		return false, false
	}
	f := bytes.Fields(b)
	if len(f) < 2 { // "running"
		return false, true
	}
	call, err := strconv.Atoi(string(f[0]))
	if err != nil {
		return false, true
	}
	if call != unix.SYS_READ || string(f[1]) != "0x0" {
		return false, true
	}
	left, err := p.unread()
	if err != nil {
		return false, false
	}
	return left == 0, true
}

// unread is how much of what we wrote it has not taken.
func (p *process) unread() (n int, err error) {
	c, err := p.in.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = c.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	if err == nil {
		err = failed
	}
	return n, err
}
