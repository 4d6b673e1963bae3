package resolvedtest

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

// sniffer notes the questions that are sent over a link.
type sniffer struct {
	file  *os.File
	ended chan struct{}
	mu    sync.Mutex
	seen  []string
}

// sniff listens on a link of a network.
func sniff(space *netlab.Space, device string) (*sniffer, error) {
	s := &sniffer{ended: make(chan struct{})}
	err := space.Do(func() error {
		// Packets come without their Ethernet header.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		i, err := net.InterfaceByName(device)
		if err == nil {
			// Nothing that comes in a burst is missed.
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20)
		}
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: i.Index})
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		s.file = os.NewFile(uintptr(fd), "sniffer")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sniff on %s: %w", device, err)
	}
	go s.run()
	return s, nil
}

func htons(n uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n)) }

func (s *sniffer) close() {
	s.file.Close()
	<-s.ended
}

func (s *sniffer) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *sniffer) run() {
	defer close(s.ended)
	b := make([]byte, 1<<16)
	for {
		n, err := s.file.Read(b)
		if err != nil {
			return
		}
		for _, name := range questions(b[:n]) {
			s.mu.Lock()
			s.seen = append(s.seen, name)
			s.mu.Unlock()
		}
	}
}

// questions are the names that a packet asks for. A question by TCP is looked for
// at the beginning of a segment.
func questions(packet []byte) (names []string) {
	b := payload(packet)
	for _, at := range []int{0, 2} {
		if len(b) < at+12 || b[at+2]&0x80 != 0 {
			continue
		}
		var m dns.Msg
		// What comes after the questions may be cut off.
		if m.Unpack(b[at:]); len(m.Question) == 0 || m.Opcode != dns.OpcodeQuery {
			continue
		}
		for _, q := range m.Question {
			names = append(names, canonical(q.Name))
		}
		break
	}
	return names
}

// payload is that of a UDP or TCP packet.
func payload(b []byte) []byte {
	var proto byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		proto, b = b[9], b[min(len(b), int(b[0]&15)*4):]
	case len(b) >= 40 && b[0]>>4 == 6:
		proto, b = b[6], b[40:]
	default:
		return nil
	}
	switch {
	case proto == unix.IPPROTO_UDP && len(b) >= 8:
		return b[8:]
	case proto == unix.IPPROTO_TCP && len(b) >= 20:
		return b[min(len(b), int(b[12]>>4)*4):]
	}
	return nil
}
