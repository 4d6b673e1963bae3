package resolver

import (
	"errors"
	"net"
	"runtime"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	batch      = 32  // lookups read at once
	mostErrors = 100 // one after the other; then the socket is given up
)

// packets are datagrams, several at once.
type packets interface {
	ReadBatch(ms []ipv4.Message, flags int) (int, error)
	WriteBatch(ms []ipv4.Message, flags int) (int, error)
}

// single is a socket of which one datagram is read at a time.
type single struct{ net.PacketConn }

func (s single) ReadBatch(ms []ipv4.Message, _ int) (n int, err error) {
	ms[0].N, ms[0].Addr, err = s.ReadFrom(ms[0].Buffers[0])
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func (s single) WriteBatch(ms []ipv4.Message, _ int) (int, error) {
	if _, err := s.WriteTo(ms[0].Buffers[0], ms[0].Addr); err != nil {
		return 0, err
	}
	return 1, nil
}

func packetsOf(conn net.PacketConn) packets {
	if c, ok := conn.(*net.UDPConn); ok && runtime.GOOS == "linux" {
		return ipv4.NewPacketConn(c) // IPv6's as well
	}
	return single{conn}
}

// serveUDP answers datagrams until the socket is closed: what waits, in one read,
// and what is not to wait for others, in one write. One goroutine reads: several
// would find fewer at a time, and wake each other.
func (r *Resolver) serveUDP(conn net.PacketConn) error {
	var (
		p   = packetsOf(conn)
		in  = make([]ipv4.Message, batch)
		out = make([]ipv4.Message, batch)
		d   desk
	)
	for i := range batch {
		in[i].Buffers = [][]byte{make([]byte, queryMax)}
		out[i].Buffers = [][]byte{nil}
	}
	replies := make([][]byte, batch)
	for failed := 0; ; {
		n, err := p.ReadBatch(in, 0)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil { // that of a client that is gone, on some systems
			if failed++; failed == mostErrors {
				return err
			}
			time.Sleep(time.Millisecond)
			continue
		}
		failed = 0
		ready := 0
		for i := range n {
			m := &in[i]
			b, _ := r.handle(replies[ready][:0], m.Buffers[0][:m.N], asker{udp: conn, to: m.Addr}, &d)
			if len(b) == 0 {
				continue
			}
			replies[ready] = b
			out[ready].Buffers[0], out[ready].Addr = b, m.Addr
			ready++
		}
		for rest := out[:ready]; len(rest) > 0; {
			n, err := p.WriteBatch(rest, 0)
			if err != nil {
				n = max(n, 1) // who is gone, or does not read, asks again
			}
			rest = rest[n:]
		}
	}
}
