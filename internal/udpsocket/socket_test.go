package udpsocket

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func open(t testing.TB) *Socket {
	t.Helper()
	s, err := Listen("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A retired socket gives its descriptor back, and its reader stays.
func TestRetire(t *testing.T) {
	for name, end := range map[string]func(s *Socket){
		"until it is closed":      func(s *Socket) { s.Close() },
		"until it has a deadline": func(s *Socket) { s.SetReadDeadline(time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			at := s.LocalAddr().(*net.UDPAddr)
			read := make(chan error, 1)
			go func() {
				_, _, err := s.ReadFrom(make([]byte, 10))
				read <- err
			}()
			s.Retire()
			again, err := net.ListenUDP("udp4", at)
			if err != nil {
				t.Fatalf("the port is still taken: %v", err)
			}
			again.Close()
			if n, err := s.WriteTo([]byte("lost"), at); n != 4 || err != nil {
				t.Errorf("write: %d, %v", n, err)
			}
			if n, _, err := s.WriteMsgUDP([]byte("lost"), nil, at); n != 4 || err != nil {
				t.Errorf("write: %d, %v", n, err)
			}
			select {
			case err := <-read:
				t.Errorf("it read on: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			end(s)
			if err := <-read; err == nil {
				t.Error("it read something")
			}
		})
	}
}

func TestTransient(t *testing.T) {
	for _, err := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EPERM} {
		if !Transient(&net.OpError{Op: "write", Err: os.NewSyscallError("sendmsg", err)}) {
			t.Errorf("%v is not", err)
		}
	}
	for _, err := range []error{nil, net.ErrClosed, syscall.EMSGSIZE, syscall.EIO, errors.New("other")} {
		if Transient(err) {
			t.Errorf("%v is", err)
		}
	}
}
