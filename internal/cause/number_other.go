//go:build !windows

package cause

import "syscall"

// The system's numbers for what can become of a connection.
var (
	refusals  = []syscall.Errno{syscall.ECONNREFUSED}
	routeless = []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL}
	resets    = []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE}
)
