package cause

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// The system's numbers for what can become of a connection.
var (
	refusals  = []syscall.Errno{windows.WSAECONNREFUSED}
	routeless = []syscall.Errno{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN, windows.WSAEADDRNOTAVAIL}
	resets    = []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED}
)
