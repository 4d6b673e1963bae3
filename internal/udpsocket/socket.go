package udpsocket

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Buffer is the size in bytes that is asked for on each side of a socket; the
// kernel gives what it allows.
const Buffer = 7 << 20

// Socket is a UDP socket. A send that fails because there is no network just now
// counts as a packet lost, not as the end of the connection (quic-go closes on
// any error of a send): an interface is down for a second while a device roams,
// and QUIC recovers as from any loss.
type Socket struct {
	*net.UDPConn
	reader reader // where this system reads batches

	mu       sync.Mutex
	retired  bool
	released chan struct{} // closed when the one who reads a retired socket may go
	open     bool          // released is
}

// Listen opens a socket. A nil address binds it to none, so that the source of
// its packets follows the routes. The network is udp, udp4 or udp6.
func Listen(network string, at *net.UDPAddr) (*Socket, error) {
	c, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	// Less is slower, not wrong.
	c.SetReadBuffer(Buffer)
	c.SetWriteBuffer(Buffer)
	return &Socket{UDPConn: c, reader: newReader(c), released: make(chan struct{}), open: true}, nil
}

// Retire closes the socket and yet keeps up appearances: nothing is read until
// Close or SetReadDeadline is called, and what is written is lost. A QUIC
// connection that has moved to another socket lives on so: quic-go ends it with
// any socket that it was ever on.
func (s *Socket) Retire() {
	s.mu.Lock()
	s.retired = true
	s.mu.Unlock()
	s.UDPConn.Close()
}

// away says whether the socket is retired.
func (s *Socket) away() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired
}

// readError holds on to the error of a read while the socket is retired.
func (s *Socket) readError(err error) error {
	if err != nil && s.away() {
		<-s.released
	}
	return err
}

func (s *Socket) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		s.open = false
		close(s.released)
	}
}

// Close closes the socket.
func (s *Socket) Close() error {
	s.release()
	err := s.UDPConn.Close()
	if s.away() {
		return nil
	}
	return err
}

// SetReadDeadline is net.PacketConn's; quic-go ends reading by it.
func (s *Socket) SetReadDeadline(t time.Time) error {
	if s.away() {
		s.release()
		return nil
	}
	err := s.UDPConn.SetReadDeadline(t)
	if s.away() { // meanwhile
		s.release()
		return nil
	}
	return err
}

// ReadFrom is net.PacketConn's.
func (s *Socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := s.UDPConn.ReadFrom(b)
	return n, addr, s.readError(err)
}

// ReadMsgUDP is net.UDPConn's.
func (s *Socket) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, oobn, flags, addr, err = s.UDPConn.ReadMsgUDP(b, oob)
	return n, oobn, flags, addr, s.readError(err)
}

// WriteTo is net.PacketConn's.
func (s *Socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	n, err := s.UDPConn.WriteTo(b, addr)
	if err != nil && (Transient(err) || s.away()) {
		return len(b), nil
	}
	return n, err
}

// WriteMsgUDP is what quic-go sends with where it can.
func (s *Socket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (int, int, error) {
	n, oobn, err := s.UDPConn.WriteMsgUDP(b, oob, addr)
	if err != nil && (Transient(err) || s.away()) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

// Transient says whether a send failed for want of a network, or of leave to
// use it, which may be given again (a firewall that is loaded).
func Transient(err error) bool {
	for _, e := range transient {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
