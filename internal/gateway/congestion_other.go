//go:build !linux

package gateway

import "net"

// preferBBR leaves the choice to the system.
func preferBBR(net.Listener) string { return "the system's" }
