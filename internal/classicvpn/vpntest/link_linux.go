package vpntest

import (
	"fmt"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

// link is the server's end of its clients' tunnels: one device for all of them.
type link struct {
	device *os.File
	mu     sync.Mutex
	to     map[netip.Addr]*wire
	wg     sync.WaitGroup
}

// newLink makes the device, whose addresses are the first of the clients'.
func newLink(s *netlab.Space) (*link, error) {
	const name = "pulse0"
	l := &link{to: map[netip.Addr]*wire{}}
	err := s.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		r, err := unix.NewIfreq(name)
		if err == nil {
			r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("make %s: %w", name, err)
		}
		l.device = os.NewFile(uintptr(fd), name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return s.Sysctl("ipv6/conf/"+name+"/accept_dad", "0") },
		func() error { return s.Address(name, netip.PrefixFrom(Clients4.Addr().Next(), Clients4.Bits()), true) },
		func() error { return s.Address(name, netip.PrefixFrom(Clients6.Addr().Next(), Clients6.Bits()), true) },
		func() error { return s.Link(name, true) },
	} {
		if err := step(); err != nil {
			l.device.Close()
			return nil, err
		}
	}
	l.wg.Go(l.run)
	return l, nil
}

// Close takes the device away.
func (l *link) Close() {
	l.device.Close()
	l.wg.Wait()
}

// run gives packets to those whose they are.
func (l *link) run() {
	b := make([]byte, maxFrame)
	for {
		n, err := l.device.Read(b)
		if err != nil {
			return // it is closed
		}
		if w := l.at(destination(b[:n])); w != nil {
			w.send(frame{vendorJuniper, juniperData, b[:n]}) // its own reader sees that it has gone
		}
	}
}

// send has the server forward a packet of a client.
func (l *link) send(packet []byte) {
	l.device.Write(packet) // what is no packet is lost
}

// destination is a packet's; invalid: it is none.
func destination(b []byte) (a netip.Addr) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		a, _ = netip.AddrFromSlice(b[16:20])
	case len(b) >= 40 && b[0]>>4 == 6:
		a, _ = netip.AddrFromSlice(b[24:40])
	}
	return a
}

func (l *link) at(a netip.Addr) *wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to[a]
}

func (l *link) add(a netip.Addr, w *wire) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to[a] = w
}

// remove takes an address from a client, unless another has it by now.
func (l *link) remove(a netip.Addr, w *wire) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to[a] == w {
		delete(l.to, a)
	}
}

// forget takes an address from whoever has it, and says who that was; nil: nobody.
func (l *link) forget(a netip.Addr) *wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.to[a]
	delete(l.to, a)
	return w
}

// count is how many clients there are.
func (l *link) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[*wire]struct{}{}
	for _, w := range l.to {
		n[w] = struct{}{}
	}
	return len(n)
}
