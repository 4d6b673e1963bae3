package channel

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/tunnel"
	"github.com/tidegate/tidegate/tunnel/stack"
)

// runStack carries what programs send into a TUN of the role's namespace. Its
// addresses and routes are the caller's.
func runStack(ctx context.Context, name string, d *tunnel.Dataplane) (ended <-chan error, err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	r, err := unix.NewIfreq(name)
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	done := make(chan error, 1)
	s := stack.New(stack.Options{Device: os.NewFile(uintptr(fd), name), Router: d.Router()})
	go func() { done <- s.Run(ctx) }()
	return done, nil
}
