//go:build !windows

package tunnel

import "syscall"

// noNetwork are the errors of a send that end when there is a network again.
var noNetwork = []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.ENETDOWN}
