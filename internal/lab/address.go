package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// The ports that a lab listens on: unprivileged ones.
const (
	firstPort = 10000
	lastPort  = 65535
)

// freeAddress finds a port of an address that is free for TCP and UDP. The
// kernel hands that port to nobody else meanwhile, so that a part which is
// stopped finds it free when it starts again.
func freeAddress(at netip.Addr) (string, error) {
	low, high, err := ephemeralPorts()
	if err != nil {
		return "", err
	}
	var last error
	for range 200 {
		port := firstPort + rand.N(lastPort-firstPort+1)
		if port >= low && port <= high {
			continue
		}
		addr := net.JoinHostPort(at.String(), strconv.Itoa(port))
		if last = free(addr); last == nil {
			return addr, nil
		}
	}
	return "", fmt.Errorf("no port outside the kernel's %d to %d is free for both TCP and UDP: %w", low, high, last)
}

// free says whether addr can be listened on.
func free(addr string) error {
	t, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	defer t.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	return u.Close()
}

// ephemeralPorts are those that the kernel gives to whoever asks for any (ip(7));
// none where it does not say.
func ephemeralPorts() (low, high int, err error) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	if err == nil {
		_, err = fmt.Sscan(string(b), &low, &high)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the kernel's port range: %w", err)
	}
	return low, high, nil
}
