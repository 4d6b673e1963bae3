package virtual

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// latency is how long a packet takes.
const latency = 10 * time.Millisecond

// network carries datagrams between hosts, in order and without loss.
type network struct {
	mu    sync.Mutex
	hosts map[netip.Addr]*host
}

// host is a machine of the network. Its sockets are bound to no address: they
// go on from another one when it moves.
type host struct {
	network *network
	addr    netip.Addr
	down    bool
	lost    map[*host]bool // hosts that it does not reach, nor they it
	sockets map[uint16]*socket
	next    uint16
	sent    int // packets, arrived or not
}

func newNetwork() *network { return &network{hosts: map[netip.Addr]*host{}} }

func (n *network) host(addr string) *host {
	h := &host{network: n, addr: netip.MustParseAddr(addr), sockets: map[uint16]*socket{}, next: 40000}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[h.addr] = h
	return h
}

// at is the host at an address.
func (n *network) at(addr string) *host {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[netip.MustParseAddr(addr)]
}

// move gives the host another address; the old one is nobody's.
func (h *host) move(addr string) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	delete(h.network.hosts, h.addr)
	h.addr = netip.MustParseAddr(addr)
	h.network.hosts[h.addr] = h
}

// cut drops whatever the host sends or is sent, until it is told otherwise.
func (h *host) cut(down bool) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	h.down = down
}

// lose parts two hosts.
func (h *host) lose(other *host) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if h.lost == nil {
		h.lost = map[*host]bool{}
	}
	h.lost[other] = true
}

// listen opens a socket; port 0 takes a free one.
func (h *host) listen(port uint16) *socket {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if port == 0 {
		h.next++
		port = h.next
	}
	s := &socket{host: h, port: port, packets: make(chan packet, 4096), closed: make(chan struct{}), moved: make(chan struct{})}
	h.sockets[port] = s
	return s
}

// packet is under way until due.
type packet struct {
	from *net.UDPAddr
	data []byte
	due  time.Time
}

// socket is a UDP socket: a net.PacketConn.
type socket struct {
	host    *host
	port    uint16
	packets chan packet
	once    sync.Once
	closed  chan struct{}

	mu       sync.Mutex
	deadline time.Time     // for reading
	moved    chan struct{} // closed and replaced when the deadline is
}

func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	n := s.host.network
	n.mu.Lock()
	defer n.mu.Unlock()
	s.host.sent++
	at := to.(*net.UDPAddr).AddrPort()
	h := n.hosts[at.Addr().Unmap()]
	if h == nil || h.down || s.host.down || h.lost[s.host] || s.host.lost[h] || h.sockets[at.Port()] == nil {
		return len(b), nil
	}
	p := packet{net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.host.addr, s.port)), append([]byte(nil), b...), time.Now().Add(latency)}
	select {
	case h.sockets[at.Port()].packets <- p:
	default: // the queue is full
	}
	return len(b), nil
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		s.mu.Lock()
		deadline, moved := s.deadline, s.moved
		s.mu.Unlock()
		var passed <-chan time.Time
		if !deadline.IsZero() {
			if !time.Now().Before(deadline) {
				return 0, nil, os.ErrDeadlineExceeded
			}
			passed = time.After(time.Until(deadline))
		}
		select {
		case p := <-s.packets:
			time.Sleep(time.Until(p.due))
			return copy(b, p.data), p.from, nil
		case <-s.closed:
			return 0, nil, net.ErrClosed
		case <-passed:
		case <-moved:
		}
	}
}

func (s *socket) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.host.network.mu.Lock()
		defer s.host.network.mu.Unlock()
		if s.host.sockets[s.port] == s {
			delete(s.host.sockets, s.port)
		}
	})
	return nil
}

func (s *socket) LocalAddr() net.Addr {
	s.host.network.mu.Lock()
	defer s.host.network.mu.Unlock()
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.host.addr, s.port))
}

func (s *socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}

func (s *socket) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(time.Time) error { return nil }
func (s *socket) SetReadBuffer(int) error          { return nil }
func (s *socket) SetWriteBuffer(int) error         { return nil }
