//go:build linux

package sockets

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/netlab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is one of its own.
func machine(t *testing.T) *netlab.Space {
	t.Helper()
	s, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// opened are new sockets, the caller's to close.
func opened(t *testing.T, s *netlab.Space) (fds []int) {
	t.Helper()
	if err := s.Do(func() (err error) {
		fds, err = Open()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return fds
}

// They are had once at a time, and closed on exec.
func TestOpen(t *testing.T) {
	s := machine(t)
	fds := opened(t, s)
	again, err := Double(fds)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range append(again, fds...) {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%d is passed to other programs: %x, %v", fd, flags, err)
		}
	}
	CloseAll(fds)
	if err := s.Do(func() error {
		_, err := Open()
		return err
	}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("while another has them: %v", err)
	}
	udp, tcp, err := Take(again)
	if err != nil {
		t.Fatal(err)
	}
	if udp.LocalAddr().String() != protocol.DNSServer.String() || tcp.Addr().String() != protocol.DNSServer.String() {
		t.Errorf("they are at %v and %v", udp.LocalAddr(), tcp.Addr())
	}
	udp.Close()
	tcp.Close()
	CloseAll(opened(t, s))
}

// What is passed instead is refused, and closed.
func TestTakeOthers(t *testing.T) {
	s := machine(t)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, pick := range map[string]func(fds []int) []int{
		"none":          func(fds []int) []int { return nil },
		"one":           func(fds []int) []int { return fds[:1] },
		"the other way": func(fds []int) []int { return []int{fds[1], fds[0]} },
		"twice UDP":     func(fds []int) []int { return []int{fds[0], fds[0]} },
		"files":         func(fds []int) []int { return []int{int(null.Fd()), int(null.Fd())} },
	} {
		fds := opened(t, s)
		passed, err := Double(pick(fds))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Take(passed); err == nil {
			t.Errorf("%s: taken", name)
		}
		for _, fd := range passed {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
				t.Errorf("%s: %d is open still", name, fd)
			}
		}
		CloseAll(fds)
	}
}

// Who was given them and keeps them has nothing of what comes to the next ones.
func TestRevoke(t *testing.T) {
	s := machine(t)
	old := opened(t, s)
	kept, err := Double(old)
	if err != nil {
		t.Fatal(err)
	}
	defer CloseAll(kept)
	if err := Revoke(old); err != nil {
		t.Fatal(err)
	}
	CloseAll(old)
	udp, tcp, err := Take(opened(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	defer tcp.Close()
	var clients []net.Conn
	defer func() {
		for _, c := range clients {
			c.Close()
		}
	}()
	for _, fd := range kept { // what it may try
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 0)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err := unix.Listen(kept[1], 10); err == nil {
		t.Error("it listens again")
	}
	b := make([]byte, 100)
	for range 50 {
		if err := s.Do(func() error {
			for _, network := range []string{"udp4", "tcp4"} {
				c, err := net.DialTimeout(network, protocol.DNSServer.String(), time.Minute)
				if err != nil {
					return err
				}
				clients = append(clients, c)
				if _, err := c.Write([]byte("who?")); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		udp.SetReadDeadline(time.Now().Add(time.Minute))
		if _, _, err := udp.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
		tcp.SetDeadline(time.Now().Add(time.Minute))
		c, err := tcp.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if n, _, err := unix.Recvfrom(kept[0], b, unix.MSG_DONTWAIT); n > 0 || err == nil && n != 0 {
		t.Errorf("it has heard %q, %v", b[:n], err)
	}
	// Nobody else binds beside the new ones.
	if err := s.Do(func() error {
		_, err := Open()
		return err
	}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a third: %v", err)
	}
	if err := s.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.Bind(fd, &unix.SockaddrInet4{Port: 53, Addr: protocol.DNSServer.Addr().As4()}))
	}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("another program: %v", err)
	}
}
