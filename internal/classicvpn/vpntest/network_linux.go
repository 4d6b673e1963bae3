package vpntest

import (
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/internal/netlab"
)

// Network is the smallest one that a VPN can be tried in: a client's machine, with
// a default route, and a server's.
type Network struct {
	Client, Server *netlab.Space
	// Address is the server's, and Client4 the client's.
	Address, Client4 netip.Addr
}

// NewNetwork makes one, which ends with the test.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	n := &Network{Client: newSpace(t), Server: newSpace(t), Address: netip.MustParseAddr("10.50.0.1"), Client4: netip.MustParseAddr("10.50.0.2")}
	err := netlab.Connect(
		netlab.Wire{Space: n.Client, Name: "phys0", Address: netip.PrefixFrom(n.Client4, 24)},
		netlab.Wire{Space: n.Server, Name: "far", Address: netip.PrefixFrom(n.Address, 24)})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Client.Route(netip.Prefix{}, n.Address, "phys0"); err != nil {
		t.Fatal(err)
	}
	return n
}

func newSpace(t testing.TB) *netlab.Space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("networks of their own need root")
	}
	s, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	// Nobody else is there to have taken an address.
	if err := s.Sysctl("ipv6/conf/default/accept_dad", "0"); err != nil {
		t.Fatal(err)
	}
	return s
}

// keeper is a thread in a network that lasts as long as the test, for programs that
// are to end with it, however it ends.
type keeper struct{ do chan func() }

func newKeeper(t testing.TB, s *netlab.Space) *keeper {
	t.Helper()
	k := &keeper{do: make(chan func())}
	ready, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		err := s.Do(func() error {
			ready <- nil
			for f := range k.do {
				f()
			}
			return nil
		})
		if err != nil {
			ready <- err
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(k.do)
		<-ended
	})
	return k
}

// start starts a program there.
func (k *keeper) start(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	done := make(chan error, 1)
	k.do <- func() { done <- c.Start() }
	return <-done
}
