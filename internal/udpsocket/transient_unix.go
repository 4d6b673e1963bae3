//go:build !windows

package udpsocket

import "syscall"

// transient are the errors of a send that end by themselves.
var transient = []error{
	syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.ENETDOWN, syscall.ENODEV,
	syscall.EPERM, syscall.EACCES, syscall.ENOBUFS,
}
