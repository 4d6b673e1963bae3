//go:build linux

// Package confine takes from a process what it does not need: every capability
// but those it keeps, the way back to more, other files to write, and the system
// calls of another program's life. cmd/tidegate-helper calls it first of all; it is
// not for concurrent use.
package confine

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// again marks a process that has been confined and started anew.
const again = "TIDEGATE_HELPER_CONFINED"

// Keep is what a process keeps.
type Keep struct {
	Capabilities []uintptr
	// Write are the files and folders that it writes to; nil: any. Where the
	// kernel has no Landlock they are any too.
	Write []string
	// User is whose it is from then on, and their group's alone; 0: whose it was. It
	// takes CAP_SETUID, CAP_SETGID and CAP_SETPCAP.
	User int
}

// Allow is what SystemCalls leaves of what it refuses otherwise.
type Allow struct {
	Programs bool // to start others, and to end them
	Files    bool // to say whose files are, and who may do what with them
	Internet bool // sockets of IPv4 and IPv6
}

// Capabilities has this process keep only so much, for good. All threads have to,
// and the runtime has several by now: so one thread drops the rest and executes
// the program anew, with the same arguments and descriptors. In the process that
// is so made, and in one that was started with nothing more and may write
// anywhere, it returns nil.
func Capabilities(k Keep) error {
	want := uint64(0)
	for _, c := range k.Capabilities {
		want |= 1 << c
	}
	left, err := confined(want, k.User)
	if err != nil {
		return err
	}
	if left == "" && (k.Write == nil || os.Getenv(again) != "") {
		return nil
	}
	if os.Getenv(again) != "" {
		return fmt.Errorf("drop privileges: %s is left", left)
	}
	runtime.LockOSThread() // never unlocked: this thread is the next program
	if err := drop(want, k.User); err != nil {
		return fmt.Errorf("drop privileges: %w", err)
	}
	if k.Write != nil {
		if err := files(k.Write); err != nil {
			return err
		}
	}
	return fmt.Errorf("start anew without privileges: %w", unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), again+"=1")))
}

// Available are those of the capabilities that this process has.
func Available(of ...uintptr) (have []uintptr, err error) {
	said, err := status()
	if err != nil {
		return nil, err
	}
	got, err := strconv.ParseUint(said["CapPrm"], 16, 64)
	if err != nil {
		return nil, fmt.Errorf("read the privileges: %w", err)
	}
	for _, c := range of {
		if got&(1<<c) != 0 {
			have = append(have, c)
		}
	}
	return have, nil
}

// status is what the kernel says of this process.
func status() (said map[string]string, err error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("read the privileges: %w", err)
	}
	said = map[string]string{}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			said[key] = strings.TrimSpace(value)
		}
	}
	return said, nil
}

// confined says what is left of more than want, of the user's; empty: nothing.
func confined(want uint64, user int) (left string, err error) {
	said, err := status()
	if err != nil {
		return "", err
	}
	if said["NoNewPrivs"] != "1" {
		return "NoNewPrivs", nil
	}
	for _, set := range []string{"CapEff", "CapPrm", "CapBnd"} {
		got, err := strconv.ParseUint(said[set], 16, 64)
		if err != nil {
			return "", fmt.Errorf("read the privileges: %w", err)
		}
		if got != want {
			return set, nil
		}
	}
	if user != 0 && os.Geteuid() != user {
		return "the user", nil
	}
	return "", nil
}

// drop takes from the calling thread what is not in want, and has it be the user's.
func drop(want uint64, user int) error {
	for c := uintptr(0); c < 64; c++ {
		if want&(1<<c) != 0 {
			continue
		}
		there, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, c, 0)
		if errno == unix.EINVAL {
			break // there are no more
		}
		if errno == 0 && there == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	if user != 0 && os.Geteuid() != user {
		if err := become(user); err != nil {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		set := uint32(want >> (32 * i))
		data[i] = unix.CapUserData{Effective: set, Permitted: set}
		if os.Geteuid() != 0 { // who is not root has them by inheriting
			data[i].Inheritable = set
		}
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("set capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear ambient capabilities: %w", err)
	}
	if os.Geteuid() != 0 { // root's come by being root
		for c := uintptr(0); c < 64; c++ {
			if want&(1<<c) == 0 {
				continue
			}
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
				return fmt.Errorf("keep capability %d: %w", c, err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("refuse new privileges: %w", err)
	}
	return nil
}

// become has the calling thread, and no other, be a user's, with what it may do. What
// it executes next may do what drop leaves it.
func become(user int) error {
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	id := uintptr(user)
	for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id}} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return fmt.Errorf("become user %d: %w", user, errno)
		}
	}
	return nil
}
