package tunnel

import (
	"errors"
	"net"
)

// socketBuffer is the size in bytes asked for on each side of a socket; the
// kernel gives what it allows.
const socketBuffer = 7 << 20

// udpSocket is a UDP socket on which a send that fails because there is no
// network just now counts as a packet lost, not as the end of the connection
// (quic-go closes on any error of a send): the interface is down for a second
// while a device roams, and QUIC recovers as from any loss.
type udpSocket struct{ *net.UDPConn }

// listenUDP opens a socket bound to no address, so that the source of its
// packets follows the routes.
func listenUDP(network string) (net.PacketConn, error) {
	c, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, err
	}
	// Less is slower, not wrong.
	c.SetReadBuffer(socketBuffer)
	c.SetWriteBuffer(socketBuffer)
	return &udpSocket{c}, nil
}

func (s *udpSocket) WriteTo(b []byte, addr net.Addr) (int, error) {
	n, err := s.UDPConn.WriteTo(b, addr)
	if transient(err) {
		return len(b), nil
	}
	return n, err
}

// WriteMsgUDP is what quic-go sends with where it can.
func (s *udpSocket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (int, int, error) {
	n, oobn, err := s.UDPConn.WriteMsgUDP(b, oob, addr)
	if transient(err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

// transient says whether a send failed for want of a network.
func transient(err error) bool {
	if err == nil {
		return false
	}
	for _, e := range noNetwork {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
