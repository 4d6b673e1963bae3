package resolvedtest

import (
	"context"
	"net/netip"
	"os"
	"syscall"

	"github.com/godbus/dbus/v5"
)

const (
	resolve1 = "org.freedesktop.resolve1"
	path1    = dbus.ObjectPath("/org/freedesktop/resolve1")
)

// call calls a method of systemd-resolved's manager.
func (s *System) call(method string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	return s.bus.Object(resolve1, path1).CallWithContext(ctx, resolve1+".Manager."+method, 0, args...).Err
}

func (s *System) startResolved() {
	s.t.Helper()
	c := s.Release.command(s.t, "systemd/systemd-resolved")
	s.resolved = s.program(c[0], c[1:]...)
	s.eventually("systemd-resolved to come", func() bool {
		var has bool
		err := s.bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, resolve1).Store(&has)
		if err != nil || !has {
			return false
		}
		_, err = os.Stat(s.Root + "/run/systemd/resolve/stub-resolv.conf")
		return err == nil
	})
}

// StopResolved ends systemd-resolved as systemd does.
func (s *System) StopResolved() {
	s.t.Helper()
	if err := s.resolved.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.resolved.Wait()
}

// Restart ends systemd-resolved and starts it anew. What the network's own
// programs have told it of the sides is told again.
func (s *System) Restart() {
	s.t.Helper()
	s.StopResolved()
	s.StartResolved()
}

// StartResolved starts it after StopResolved.
func (s *System) StartResolved() {
	s.t.Helper()
	s.startResolved()
	s.mu.Lock()
	sides := s.sides
	s.mu.Unlock()
	for _, side := range sides {
		s.configure(side)
	}
}

// SetDomains plays whoever runs a side: what it wants to be asked for, "~." for
// everything; without "~" a name is also completed by it.
func (s *System) SetDomains(side *Side, domains ...string) {
	s.t.Helper()
	side.domains = domains
	s.configure(side)
}

type linkServer struct {
	Family  int32
	Address []byte
}

type linkDomain struct {
	Domain string
	Only   bool // it routes, and completes nothing
}

// configure tells systemd-resolved of a side's server, as NetworkManager does.
func (s *System) configure(side *Side) {
	s.t.Helper()
	domains := make([]linkDomain, 0, len(side.domains))
	for _, d := range side.domains {
		if d[0] == '~' {
			domains = append(domains, linkDomain{d[1:], true})
		} else {
			domains = append(domains, linkDomain{d, false})
		}
	}
	// It hears of links from the kernel in its own time.
	s.eventually("systemd-resolved to know "+side.Name, func() bool {
		return s.call("SetLinkDNS", int32(side.Index), []linkServer{{syscall.AF_INET, side.Server.AsSlice()}}) == nil
	})
	if err := s.call("SetLinkDomains", int32(side.Index), domains); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("systemd-resolved to use "+side.Name, func() bool {
		mask, err := s.scopes(side.Index)
		return err == nil && mask&1 != 0
	})
}

// scopes says what a link is used for; 1 is DNS.
func (s *System) scopes(index int) (mask uint64, err error) {
	var link dbus.ObjectPath
	if err := s.bus.Object(resolve1, path1).Call(resolve1+".Manager.GetLink", 0, int32(index)).Store(&link); err != nil {
		return 0, err
	}
	v, err := s.bus.Object(resolve1, link).GetProperty(resolve1 + ".Link.ScopesMask")
	if err != nil {
		return 0, err
	}
	err = v.Store(&mask)
	return mask, err
}

// Stub is where systemd-resolved answers programs.
var Stub = netip.MustParseAddrPort("127.0.0.53:53")
