// Package hook is what openconnect runs at each turn of a tunnel, in the place of a
// vpnc-script: the command `tidegate vpnc-hook`, the socket by which the command
// tells Tidegate, and the reading of what it tells. Package classicvpn serves the
// socket; the command changes nothing of the system.
//
// Parse is pure. A Server is for one goroutine, but for Close.
package hook
