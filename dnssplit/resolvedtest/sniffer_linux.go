package resolvedtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Packet is one that a Sniffer has seen.
type Packet struct {
	// Data is the packet from its IP header on. It is another's when the function
	// that was given it has returned.
	Data []byte
	// Link is the index of the link, and Sent says that this side sends it there.
	Link int
	Sent bool
}

// Sniffer reads all packets of a link, or of all links of a network.
type Sniffer struct {
	file  *os.File
	ended chan struct{}

	mu   sync.Mutex // held while packets are read and noted
	note func(Packet)
	buf  []byte
}

// Sniff begins in the network that do runs things in: at device, or where it is
// empty at every link, whenever it comes up. Each packet is given to note, one
// after the other, until Close; note is called by any goroutine, and calls nothing
// of the Sniffer's.
func Sniff(do func(func() error) error, device string, note func(Packet)) (*Sniffer, error) {
	s := &Sniffer{ended: make(chan struct{}), note: note, buf: make([]byte, 1<<16)}
	err := do(func() error {
		index := 0
		if device != "" {
			i, err := net.InterfaceByName(device)
			if err != nil {
				return err
			}
			index = i.Index
		}
		// Packets come without their Ethernet header.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		// Nothing that comes in a burst is missed.
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: index})
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		s.file = os.NewFile(uintptr(fd), "sniffer")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sniff on %q: %w", device, err)
	}
	go s.run()
	return s, nil
}

func htons(n uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n)) }

// Close ends it: when it returns, note is not called any more.
func (s *Sniffer) Close() {
	s.file.Close()
	<-s.ended
}

// Catch returns when all that had come before is noted: what was answered has come.
func (s *Sniffer) Catch() error {
	return s.control(func(fd uintptr) error { s.read(fd); return nil })
}

// Missed is how many packets came too fast to be read since it was asked last.
func (s *Sniffer) Missed() (n int, err error) {
	err = s.control(func(fd uintptr) error {
		stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			n = int(stats.Drops)
		}
		return err
	})
	return n, err
}

func (s *Sniffer) control(f func(fd uintptr) error) (err error) {
	c, outer := s.file.SyscallConn()
	if outer == nil {
		outer = c.Control(func(fd uintptr) { err = f(fd) })
	}
	return errors.Join(err, outer)
}

func (s *Sniffer) run() {
	defer close(s.ended)
	c, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	c.Read(func(fd uintptr) bool { s.read(fd); return false }) // until Close
}

// read notes all that waits.
func (s *Sniffer) read(fd uintptr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		n, from, err := unix.Recvfrom(int(fd), s.buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		// A link that goes down is an error, and the others go on.
		if l, ok := from.(*unix.SockaddrLinklayer); ok && err == nil {
			s.note(Packet{Data: s.buf[:n], Link: l.Ifindex, Sent: l.Pkttype == unix.PACKET_OUTGOING})
		}
	}
}
