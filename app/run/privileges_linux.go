package run

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Secure bits (capabilities(7)): user 0 has no privileges for being 0, for good.
const noRoot = 1<<0 | 1<<1

// renounce gives up all privileges in the namespaces, for this thread and what it
// execs: the program is no more there than it is outside, even as root. What a
// system's ping has by its file is left to be had: without, ping is not executed
// at all, and the device is all that it can reach.
func renounce() error {
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot, 0, 0, 0); err != nil {
		return fmt.Errorf("give up root's privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("give up ambient privileges: %w", err)
	}
	for c := uintptr(0); ; c++ {
		if c == unix.CAP_NET_RAW {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, syscall.EINVAL) {
			break // there are no more
		}
		if err != nil {
			return fmt.Errorf("give up privilege %d for good: %w", c, err)
		}
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		return fmt.Errorf("give up privileges: %w", err)
	}
	return nil
}
