package udpsocket

import "golang.org/x/sys/windows"

// transient are the errors of a send that end by themselves.
var transient = []error{
	windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAEADDRNOTAVAIL, windows.WSAENETDOWN, windows.WSAEACCES, windows.WSAENOBUFS,
}
