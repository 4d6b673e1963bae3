//go:build linux

package stack

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/tunnel/front"
)

// A router may be done with a connection while it is being accepted yet: the
// stack is not, and has its place taken until the program is done as well.
func TestAcceptOutlivesCarry(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	device, program := os.NewFile(uintptr(fds[0]), "device"), os.NewFile(uintptr(fds[1]), "program")
	defer program.Close()
	answered, ended := make(chan struct{}), make(chan error, 1)
	r := &router{carry: func(ctx context.Context, o front.Offer) {
		go func() {
			c, err := o.Accept() // the program never answers
			if err == nil {
				c.Close()
			}
			ended <- err
		}()
		<-answered
	}}
	s := New(Options{Device: device, Router: r, Names: names{}})
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	syn := make([]byte, vnetHeader+40)
	ip := syn[vnetHeader:]
	ip[0], ip[8], ip[9] = 0x45, 64, protoTCP
	binary.BigEndian.PutUint16(ip[2:], 40)
	copy(ip[12:], local4.Addr().AsSlice())
	copy(ip[16:], addresses(1)[0].AsSlice())
	binary.BigEndian.PutUint16(ip[20:], 40000)
	binary.BigEndian.PutUint16(ip[22:], 80)
	ip[32], ip[33] = 5<<4, 2
	binary.BigEndian.PutUint16(ip[34:], 65535)
	if _, err := program.Write(syn); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 2048)
	if n, err := program.Read(answer); err != nil || answer[vnetHeader+33] != 0x12 {
		t.Fatalf("no SYN and ACK: % x, %v", answer[:n], err)
	}
	close(answered)
	time.Sleep(100 * time.Millisecond) // for what must not happen
	s.mu.Lock()
	streams := s.streams
	s.mu.Unlock()
	if streams != 1 {
		t.Errorf("%d connections are counted while one is accepted", streams)
	}
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second): // it was over; who says so may still have to run
		t.Error("the connection is still being accepted")
		<-ended
	}
}
