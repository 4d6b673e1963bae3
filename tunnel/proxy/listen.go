package proxy

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// The ports that are tried lie below those that systems give to outgoing
// connections, and above the privileged and most well-known ones.
const (
	firstPort = 21000
	ports     = 9000
	tries     = 4
)

// candidates are the ports to try, in order; the last, 0, is any.
func candidates(first uint16, profile string) []uint16 {
	var all []uint16
	if first != 0 {
		all = append(all, first)
	}
	for i := range tries {
		h := fnv.New32a()
		fmt.Fprintf(h, "%d/%s/%d", os.Getuid(), profile, i)
		all = append(all, uint16(firstPort+h.Sum32()%ports))
	}
	return append(all, 0)
}

// listen listens on the first of the ports that can be had, for IPv4 on loopback
// alone: what has no IPv6 reaches it too.
func listen(ctx context.Context, ports []uint16) (*net.TCPListener, error) {
	var err error
	for _, port := range ports {
		var l net.Listener
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
		l, err = (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp4", at.String())
		if err == nil {
			return l.(*net.TCPListener), nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			break
		}
	}
	return nil, err
}
