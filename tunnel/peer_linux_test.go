package tunnel

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// pair is a connection of this process on loopback, and the end that was accepted.
func pair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); far.Close() })
	return c.(*net.TCPConn), far
}

// Whoever asks at the same time gets the answer to the own question.
func TestPeersAtOnce(t *testing.T) {
	_, a := pair(t)
	nobody := netip.MustParseAddrPort("127.0.0.1:1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if err := checkPeer(a); err != nil {
					t.Errorf("of a live peer: %v", err)
					return
				}
				if _, err := socketOwner(nobody, nobody); err == nil {
					t.Error("nobody's socket was found")
					return
				}
			}
		})
	}
	wg.Wait()
}

// A socket to the kernel that has failed is replaced, and nobody passes meanwhile.
func TestPeerSocketFails(t *testing.T) {
	_, a := pair(t)
	if err := checkPeer(a); err != nil {
		t.Fatal(err)
	}
	kernel.mu.Lock()
	other, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Dup3(other, kernel.fd, unix.O_CLOEXEC)
		unix.Close(other)
	}
	kernel.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPeer(a); err == nil {
		t.Error("a peer that nobody was asked for passed")
	}
	if err := checkPeer(a); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func BenchmarkCheckPeer(b *testing.B) {
	_, a := pair(b)
	for b.Loop() {
		if err := checkPeer(a); err != nil {
			b.Fatal(err)
		}
	}
}
