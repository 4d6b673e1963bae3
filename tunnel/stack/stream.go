//go:build linux

package stack

import (
	"errors"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	gvisor "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// segment is given each segment of no connection of ours. A SYN is held until
// its answer is known; what else comes is answered with a reset, by gVisor.
func (s *Stack) segment(id gvisor.TransportEndpointID, p *gvisor.PacketBuffer) bool {
	h := header.TCP(p.TransportHeader().Slice())
	if len(h) < header.TCPMinimumSize || h.Flags()&(header.TCPFlagSyn|header.TCPFlagAck|header.TCPFlagRst|header.TCPFlagFin) != header.TCPFlagSyn {
		return false
	}
	s.mu.Lock()
	_, again := s.held[id]
	switch {
	case s.closing || again || len(s.held) >= s.o.Held:
		s.mu.Unlock()
		return true
	case s.streams >= s.o.Streams:
		s.mu.Unlock()
		return false
	}
	s.held[id] = quoteOf(p.NetworkHeader().Slice(), h)
	s.streams++
	s.wg.Add(1)
	s.mu.Unlock()
	if !s.syns.HandlePacket(id, p) { // starts stream
		s.release(id)
		s.streamed()
		return false
	}
	return true
}

// release forgets a SYN that has its answer.
func (s *Stack) release(id gvisor.TransportEndpointID) (q quote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q = s.held[id]
	delete(s.held, id)
	return q
}

// streamed counts a connection that is over.
func (s *Stack) streamed() {
	s.mu.Lock()
	s.streams--
	s.mu.Unlock()
	s.wg.Done()
}

// stream carries one connection to its end.
func (s *Stack) stream(r *tcp.ForwarderRequest) {
	defer s.streamed()
	id := r.ID()
	t, known := s.target(id.LocalAddress, id.LocalPort, wire.TCP)
	y := &syn{s: s, r: r, id: id}
	if !known {
		y.refuse(&wire.Problem{Code: wire.CodeAppUnreachable})
		return
	}
	s.o.Router.Carry(s.ctx, front.Offer{Target: t, Via: front.ViaName, Accept: y.accept, Refuse: y.refuse})
	// For a router that has not answered; one that is answering yet is waited for.
	y.refuse(&wire.Problem{Code: wire.CodeInternal})
}

// syn is a program's SYN that waits for its answer.
type syn struct {
	s  *Stack
	r  *tcp.ForwarderRequest
	id gvisor.TransportEndpointID

	mu       sync.Mutex // held while the program is answered
	answered bool
}

var errAnswered = errors.New("the program has its answer already")

// accept completes the handshake. It fails where the program has given up.
func (y *syn) accept() (front.Conn, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.answered {
		return nil, errAnswered
	}
	y.answered = true
	defer y.s.release(y.id)
	var wq waiter.Queue
	ep, err := y.r.CreateEndpoint(&wq)
	y.r.Complete(false)
	if err != nil {
		return nil, errors.New("the program has given up: " + err.String())
	}
	return &conn{TCPConn: gonet.NewTCPConn(&wq, ep), ep: ep}, nil
}

// refuse tells the program why not: what cannot be reached is unreachable, and
// the rest is refused.
func (y *syn) refuse(p *wire.Problem) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.answered {
		return
	}
	y.answered = true
	away := p != nil && p.Code == wire.CodeAppUnreachable
	y.r.Complete(!away)
	if q := y.s.release(y.id); away {
		y.s.link.inject(denial(q, noHost))
	}
}

// conn is a program's connection, with what a *net.TCPConn has beyond gonet's.
type conn struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

// SetLinger implements front.Conn.
func (c *conn) SetLinger(sec int) error {
	c.ep.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: sec >= 0, Timeout: time.Duration(max(sec, 0)) * time.Second})
	return nil
}
