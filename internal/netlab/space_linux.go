package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Space is a network namespace of its own.
type Space struct{ file *os.File }

// NewSpace makes one, with its loopback interface up.
func NewSpace() (*Space, error) {
	s := &Space{}
	err := apart(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		f, err := os.Open(here())
		if err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		s.file = f
		return up("lo")
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// here is the namespace of this thread.
func here() string { return fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()) }

// apart runs f on a thread that ends with it, whatever f made of it.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// Do runs f in the namespace: the sockets and devices that it opens, and the
// processes that it starts, belong there. What f starts on other goroutines does
// not.
func (s *Space) Do(f func() error) error {
	return apart(func() error {
		if err := unix.Setns(int(s.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		return f()
	})
}

// Start starts a program in the namespace.
func (s *Space) Start(c *exec.Cmd) error { return s.Do(c.Start) }

// Close lets the namespace go; it ends with the last process in it.
func (s *Space) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Sysctl sets a value below /proc/sys/net.
func (s *Space) Sysctl(name, value string) error {
	return s.Do(func() error { return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644) })
}

// Route leads a network to an interface; the zero prefix is the default route.
// via may be invalid.
func (s *Space) Route(to netip.Prefix, via netip.Addr, dev string) error {
	return s.Do(func() error {
		r, err := route(to, via, dev)
		if err != nil {
			return err
		}
		return netlink.RouteReplace(r)
	})
}

// Unroute takes a route away.
func (s *Space) Unroute(to netip.Prefix, via netip.Addr, dev string) error {
	return s.Do(func() error {
		r, err := route(to, via, dev)
		if err != nil {
			return err
		}
		return netlink.RouteDel(r)
	})
}

func route(to netip.Prefix, via netip.Addr, dev string) (*netlink.Route, error) {
	l, err := netlink.LinkByName(dev)
	if err != nil {
		return nil, fmt.Errorf("route over %s: %w", dev, err)
	}
	r := &netlink.Route{LinkIndex: l.Attrs().Index}
	if to.IsValid() {
		r.Dst = ipNet(to)
	} else {
		r.Dst = ipNet(netip.MustParsePrefix("0.0.0.0/0"))
	}
	if via.IsValid() {
		r.Gw = via.AsSlice()
	}
	return r, nil
}

// Address gives an interface an address, or takes it away.
func (s *Space) Address(dev string, a netip.Prefix, present bool) error {
	return s.Do(func() error {
		l, err := netlink.LinkByName(dev)
		if err != nil {
			return fmt.Errorf("address of %s: %w", dev, err)
		}
		if !present {
			return netlink.AddrDel(l, &netlink.Addr{IPNet: ipNet(a)})
		}
		return netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(a)})
	})
}

// Link takes an interface up or down.
func (s *Space) Link(dev string, isUp bool) error {
	return s.Do(func() error {
		if isUp {
			return up(dev)
		}
		l, err := netlink.LinkByName(dev)
		if err != nil {
			return fmt.Errorf("take %s down: %w", dev, err)
		}
		return netlink.LinkSetDown(l)
	})
}

func up(dev string) error {
	l, err := netlink.LinkByName(dev)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("take %s up: %w", dev, err)
	}
	return nil
}

// Wire is an end of a link: an interface with its address.
type Wire struct {
	Space   *Space
	Name    string
	Address netip.Prefix
}

// Connect joins two namespaces by a pair of Ethernet interfaces without delay.
func Connect(a, b Wire) error {
	return a.Space.Do(func() error {
		err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: a.Name}, PeerName: b.Name, PeerNamespace: netlink.NsFd(b.Space.file.Fd())})
		if err != nil {
			return fmt.Errorf("join %s and %s: %w", a.Name, b.Name, err)
		}
		return errors.Join(a.raise(), b.Space.Do(b.raise))
	})
}

// raise gives the interface its address, in its namespace.
func (w Wire) raise() error {
	l, err := netlink.LinkByName(w.Name)
	if err == nil {
		err = netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(w.Address)})
	}
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("take %s up: %w", w.Name, err)
	}
	return nil
}
