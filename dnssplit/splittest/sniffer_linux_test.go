package splittest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

// sniffer reads all packets that come over a link.
type sniffer struct {
	file  *os.File
	ended chan struct{}

	mu      sync.Mutex
	packets int
	seen    map[string]int // how often a name was asked for
	leaks   []string       // packets with a name of ours anywhere in them
}

// sniff reads those of a link that want says, nil: all.
func sniff(space *netlab.Space, device string, want func(packet []byte) bool) (*sniffer, error) {
	s := &sniffer{ended: make(chan struct{}), seen: map[string]int{}}
	err := space.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		i, err := net.InterfaceByName(device)
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
		}
		if err == nil {
			all := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff})
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
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
	go s.run(want)
	return s, nil
}

func (s *sniffer) close() {
	s.file.Close()
	<-s.ended
}

// missed is how many packets came too fast to be read.
func (s *sniffer) missed() (n int, err error) {
	c, err := s.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = errors.Join(err, c.Control(func(fd uintptr) {
		var stats *unix.TpacketStats
		if stats, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			n = int(stats.Drops)
		}
	}))
	return n, err
}

func (s *sniffer) run(want func([]byte) bool) {
	defer close(s.ended)
	c, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	b := make([]byte, 1<<16)
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := c.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), b, 0)
			return !errors.Is(failed, unix.EAGAIN)
		})
		if err != nil {
			return
		}
		l, ok := from.(*unix.SockaddrLinklayer)
		if failed != nil || !ok || l.Pkttype == unix.PACKET_OUTGOING || want != nil && !want(b[:n]) {
			continue
		}
		s.note(b[:n])
	}
}

// traces are what a packet with a name of ours has in it: the end of the name as
// DNS writes it.
var traces = func() (all [][]byte) {
	for _, z := range zones {
		var b []byte
		for label := range strings.SplitSeq(z, ".") {
			b = append(append(b, byte(len(label))), label...)
		}
		all = append(all, append(b, 0))
	}
	return all
}()

func (s *sniffer) note(packet []byte) {
	lower := bytes.ToLower(packet)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets++
	for _, q := range questions(packet) {
		s.seen[canonical(q.Name)]++
	}
	for _, t := range traces {
		if bytes.Contains(lower, t) {
			s.leaks = append(s.leaks, fmt.Sprintf("%q", packet))
			return
		}
	}
}

// counts are how many questions were asked for names of ours and for others, and
// which those were.
func (s *sniffer) counts() (own, others int, names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.seen {
		if ours(name) {
			own += n
		} else {
			others += n
			names = append(names, name)
		}
	}
	return own, others, names
}

func (s *sniffer) leaked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaks
}

// questions are those of a packet; by TCP those at the beginning of a segment.
func questions(packet []byte) []dns.Question {
	b, tcp := payload(packet)
	if tcp && len(b) > 2 {
		b = b[2:]
	}
	var m dns.Msg
	// Whatever comes behind the questions may be cut off.
	if len(b) < 12 || b[2]&0x80 != 0 || m.Unpack(b) != nil && len(m.Question) == 0 {
		return nil
	}
	return m.Question
}

func payload(b []byte) (_ []byte, tcp bool) {
	var proto byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		proto, b = b[9], b[min(len(b), int(b[0]&15)*4):]
	case len(b) >= 40 && b[0]>>4 == 6:
		proto, b = b[6], b[40:]
	}
	switch {
	case proto == unix.IPPROTO_UDP && len(b) >= 8:
		return b[8:], false
	case proto == unix.IPPROTO_TCP && len(b) >= 20:
		return b[min(len(b), int(b[12]>>4)*4):], true
	}
	return nil, false
}

// toServer says whether a packet is for the client's name service.
func toServer(b []byte) bool {
	four := server.As4()
	return len(b) >= 24 && b[0]>>4 == 4 && bytes.Equal(b[16:20], four[:]) && binary.BigEndian.Uint16(b[int(b[0]&15)*4+2:]) == 53
}
