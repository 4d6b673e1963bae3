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

// keepThread keeps the thread to the goroutine, with which it ends. What it starts is
// not ended by a SIGPIPE: openconnect (9.01) would be, where it has packets to send as
// the server's connection breaks, instead of connecting anew.
func keepThread() error {
	runtime.LockOSThread()
	var pipe unix.Sigset_t
	pipe.Val[0] = 1 << (unix.SIGPIPE - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &pipe, nil); err != nil {
		return fmt.Errorf("block SIGPIPE: %w", err)
	}
	return nil
}

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
	f := p.in
	if p.tty != nil {
		f = p.tty
	}
	err = control(f, func(fd int) (err error) { n, err = unix.IoctlGetInt(fd, unix.TIOCINQ); return err })
	return n, err
}

// hides says whether it does not want to have shown what is typed now; known is
// false where it is not asked at a terminal.
func (p *process) hides() (hides, known bool) {
	if p.tty == nil {
		return false, false
	}
	err := control(p.tty, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			hides = t.Lflag&unix.ECHO == 0
		}
		return err
	})
	return hides, err == nil
}

// terminal makes a terminal that nobody sits at: what is written to ours is what is
// typed at theirs, and nothing that is typed does anything but be typed.
func terminal() (ours, theirs *os.File, err error) {
	ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	err = control(ours, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		peer, _, failed := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
		if failed != 0 {
			return failed
		}
		theirs = os.NewFile(peer, "terminal")
		t := &unix.Termios{Cflag: unix.CS8 | unix.CREAD, Lflag: unix.ECHO}
		t.Cc[unix.VMIN] = 1
		return unix.IoctlSetTermios(int(peer), unix.TCSETS, t)
	})
	if err != nil {
		ours.Close()
		if theirs != nil {
			theirs.Close()
		}
		return nil, nil, err
	}
	return ours, theirs, nil
}

// control does something with a file's descriptor.
func control(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := c.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
