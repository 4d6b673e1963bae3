package sense

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// neutral is where a datagram is tried to where no address of ZTA's is known. It is
// for documentation (RFC 5737): nobody has it.
var neutral = netip.MustParseAddrPort("198.51.100.1:443")

// try sends an empty datagram of one hop by the physical adapter, to controller or
// gateway, and tells when this machine itself does not let it out. It goes no
// further than the network's router.
func try(p picture, underlay []addr) *barred {
	k := knowledge{picture: p}
	adapter, ok := k.physical()
	if !ok {
		return nil
	}
	to := neutral
	for _, a := range underlay {
		if a.Addr().Is4() {
			to = a
			break
		}
	}
	err := send(adapter.name, to)
	if !errors.Is(err, unix.EPERM) {
		return nil
	}
	return &barred{adapter: adapter.name, to: to.Addr(), err: "operation not permitted"}
}

func send(adapter string, to addr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.BindToDevice(fd, adapter); err != nil {
		return nil // an old kernel, where this takes a privilege: nothing is known
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, 1); err != nil {
		return nil
	}
	return unix.Sendto(fd, nil, 0, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}
