package resolvedtest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

// AddTunnel has the machine have a persistent TUN device, by which a VPN's server is
// reached, whom nobody is told of. cut is the end of the VPN's program: the device
// stays, without a carrier; twice is once.
func (s *System) AddTunnel(name string) (side *Side, cut func()) {
	s.t.Helper()
	s.mu.Lock()
	s.vpns++
	net := byte(60 + s.vpns)
	s.mu.Unlock()
	return Tunnel(s.t, s.Space, name, net)
}

// Tunnel is AddTunnel for any machine: its network is 10.net.0.0/24.
func Tunnel(t testing.TB, space *netlab.Space, name string, net byte) (side *Side, cut func()) {
	t.Helper()
	far, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	side = &Side{Name: name, Space: far, Server: netip.AddrFrom4([4]byte{10, net, 0, 1}), Answer: netip.AddrFrom4([4]byte{203, 0, 113, net})}
	own, err := openTunnel(space, name, fmt.Sprintf("10.%d.0.2/24", net))
	if err != nil {
		t.Fatal(err)
	}
	other, err := openTunnel(far, "far", side.Server.String()+"/24")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	ended := make(chan struct{}, 2)
	for from, to := range map[*os.File]*os.File{own: other, other: own} {
		go func() {
			carry(from, to)
			ended <- struct{}{}
		}()
	}
	cut = func() {
		if own != nil {
			own.Close()
			other.Close()
			<-ended
			<-ended
			own = nil
		}
	}
	t.Cleanup(cut)
	if side.Index, err = index(space, name); err != nil {
		t.Fatal(err)
	}
	if side.wire, err = Sniff(far.Do, "far", side.see); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(side.wire.Close)
	if err := Serve(t, far.Do, netip.AddrPortFrom(side.Server, 53), side.answer); err != nil {
		t.Fatal(err)
	}
	return side, cut
}

// openTunnel makes a persistent device with an address, and is what its program
// holds.
func openTunnel(space *netlab.Space, name, address string) (f *os.File, err error) {
	err = space.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		r, err := unix.NewIfreq(name)
		if err == nil {
			r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
		}
		if err == nil {
			err = unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1)
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		f = os.NewFile(uintptr(fd), name)
		for _, args := range [][]string{{"address", "add", address, "dev", name}, {"link", "set", name, "up"}} {
			if out, failed := exec.Command("ip", args...).CombinedOutput(); failed != nil {
				err = errors.Join(err, fmt.Errorf("ip %v: %w: %s", args, failed, out))
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	return f, nil
}

// carry moves packets until one end is closed.
func carry(from, to *os.File) {
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); errors.Is(err, os.ErrClosed) {
			return
		}
	}
}
