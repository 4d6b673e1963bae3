//go:build !linux

package udpsocket

import (
	"net"

	"golang.org/x/net/ipv4"
)

// reader reads batches where the system knows them.
type reader struct{ conn *ipv4.PacketConn }

func newReader(c *net.UDPConn) reader { return reader{ipv4.NewPacketConn(c)} }

// ReadBatch reads packets, at most len(ms), and waits for one.
func (s *Socket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	n, err := s.reader.conn.ReadBatch(ms, flags)
	return n, s.readError(err)
}
