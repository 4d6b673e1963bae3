package tunnel

import "golang.org/x/sys/windows"

// noNetwork are the errors of a send that end when there is a network again.
var noNetwork = []error{windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAEADDRNOTAVAIL, windows.WSAENETDOWN}
