package tunnel

import (
	"errors"
	"net"
)

// CheckPeer returns nil for a TCP connection on loopback that a live process of
// this user has made, and an error for anyone else's and on any doubt. It is for
// listeners of other fronts.
func CheckPeer(c net.Conn) error {
	a, ok := c.(appConn)
	if !ok {
		return errors.New("look up the connecting process: not a TCP connection")
	}
	return checkPeer(a)
}
