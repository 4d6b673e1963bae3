package udpsocket

import (
	"encoding/binary"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// largest is what the kernel joins at most (UDP_GRO), in bytes.
	largest = 64 << 10
	// joined is how many such are read at once.
	joined = 4
	// control is room for what quic-go asks to be told with each packet, and how
	// many were joined.
	control = 256
)

// reader reads packets that the kernel has joined, and parts them. It costs a
// fifth less of a processor than one packet at a time.
type reader struct {
	conn *ipv4.PacketConn // which is IPv6's as well, as far as reading goes
	gro  bool
	read []ipv4.Message // what the kernel gave, made with the first read
	next int            // of read
	n    int            // how many of read are filled
	rest []byte         // of read[next]
	size int            // of a packet in rest
	told []byte         // with each of them
}

func newReader(c *net.UDPConn) reader {
	r := reader{conn: ipv4.NewPacketConn(c)}
	raw, err := c.SyscallConn()
	if err != nil {
		return r
	}
	raw.Control(func(fd uintptr) {
		r.gro = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil
	})
	return r
}

// ReadBatch reads as many packets as there are, at most len(ms), and waits for
// one where there is none.
func (s *Socket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	r := &s.reader
	if !r.gro {
		n, err := r.conn.ReadBatch(ms, flags)
		return n, s.readError(err)
	}
	if r.read == nil {
		r.read = make([]ipv4.Message, joined)
		for i := range r.read {
			r.read[i].Buffers = [][]byte{make([]byte, largest)}
			r.read[i].OOB = make([]byte, control)
		}
	}
	if r.next == r.n {
		r.next, r.n = 0, 0
		n, err := r.conn.ReadBatch(r.read, flags)
		if err != nil {
			r.read = nil // a retired socket keeps its reader for long
			return 0, s.readError(err)
		}
		r.n = n
		r.open()
	}
	return r.part(ms), nil
}

// open begins with the next of what was read.
func (r *reader) open() {
	if r.next < r.n {
		m := &r.read[r.next]
		r.rest = m.Buffers[0][:m.N]
		r.told, r.size = segment(m.OOB[:m.NN])
		if r.size == 0 {
			r.size = len(r.rest)
		}
	}
}

// part gives out packets.
func (r *reader) part(ms []ipv4.Message) int {
	for i := range ms {
		if r.next == r.n {
			return i
		}
		m, into := &r.read[r.next], &ms[i]
		size := min(r.size, len(r.rest))
		into.N, into.NN = copy(into.Buffers[0], r.rest[:size]), 0
		if len(r.told) <= len(into.OOB) { // half a message cannot be read
			into.NN = copy(into.OOB, r.told)
		}
		into.Addr, into.Flags = m.Addr, m.Flags
		if r.rest = r.rest[size:]; len(r.rest) == 0 {
			r.next++
			r.open()
		}
	}
	return len(ms)
}

// segment takes from control messages what the size is of the packets that were
// joined to one; 0: it is one packet. The others are returned in place.
func segment(oob []byte) (others []byte, size int) {
	others = oob[:0]
	for len(oob) > 0 {
		h, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return others, size
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO {
			if len(body) >= 4 {
				size = max(0, int(int32(binary.NativeEndian.Uint32(body))))
			}
		} else {
			others = append(others, oob[:len(oob)-len(rest)]...)
		}
		oob = rest
	}
	return others, size
}
