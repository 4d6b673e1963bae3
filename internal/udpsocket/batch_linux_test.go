package udpsocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// joinedTo sends b in packets of a size, which the kernel keeps together on
// loopback (UDP_SEGMENT).
func joinedTo(t testing.TB, from *net.UDPConn, to net.Addr, b []byte, size uint16) {
	t.Helper()
	oob := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], size)
	if _, _, err := from.WriteMsgUDP(b, oob, to.(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
}

func messages(n int) []ipv4.Message {
	ms := make([]ipv4.Message, n)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 1452)}
		ms[i].OOB = make([]byte, 128)
	}
	return ms
}

// What was joined comes apart again, with its source and what was told with it.
func TestBatch(t *testing.T) {
	s := open(t)
	conn, err := s.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
	})
	from, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	var want [][]byte
	add := func(packets, size, last int) {
		var all []byte
		for i := range packets {
			n := size
			if i == packets-1 {
				n = last
			}
			p := bytes.Repeat([]byte(fmt.Sprintf("%d.", len(want))), n)[:n]
			want, all = append(want, p), append(all, p...)
		}
		joinedTo(t, from, s.LocalAddr(), all, uint16(size))
	}
	add(20, 1200, 700)
	add(1, 100, 100)
	from.WriteTo(nil, s.LocalAddr()) // an empty one
	want = append(want, nil)
	add(13, 1452, 1452)
	s.UDPConn.SetReadDeadline(time.Now().Add(time.Minute))
	ms := messages(8)
	for len(want) > 0 {
		n, err := s.ReadBatch(ms, 0)
		if err != nil || n == 0 {
			t.Fatalf("%d, %v; %d packets are missing", n, err, len(want))
		}
		for _, m := range ms[:n] {
			if got := m.Buffers[0][:m.N]; !bytes.Equal(got, want[0]) {
				t.Fatalf("%d bytes %.20q, want %d %.20q", len(got), got, len(want[0]), want[0])
			}
			want = want[1:]
			if m.Addr.String() != from.LocalAddr().String() {
				t.Errorf("from %v", m.Addr)
			}
			told, err := unix.ParseSocketControlMessage(m.OOB[:m.NN])
			if err != nil || len(told) != 2 {
				t.Errorf("%d control messages, %v", len(told), err)
			}
		}
	}
}

func FuzzControlMessages(f *testing.F) {
	oob := make([]byte, unix.CmsgSpace(4))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_GRO
	h.SetLen(unix.CmsgLen(4))
	oob[unix.CmsgLen(0)] = 200
	f.Add(oob)
	f.Add(append(append([]byte(nil), oob...), oob[:17]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := len(b)
		others, size := segment(b)
		if size < 0 || len(others) > n {
			t.Errorf("size %d, %d of %d bytes left", size, len(others), n)
		}
	})
}
