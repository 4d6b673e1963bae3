//go:build linux

package stack

import (
	"context"
	"errors"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	gvisor "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// grudge is how long a refused flow answers by itself, before the router is
// asked again.
const grudge = time.Second

// datagram is given each datagram of no flow of ours, and begins one. What is
// beyond the bound is answered with "port unreachable", by gVisor.
func (s *Stack) datagram(id gvisor.TransportEndpointID, p *gvisor.PacketBuffer) bool {
	if id.LocalPort == 0 || id.RemotePort == 0 {
		return true
	}
	s.mu.Lock()
	if s.closing || s.flows >= s.o.Flows {
		defer s.mu.Unlock()
		return s.closing
	}
	s.flows++
	s.wg.Add(1)
	s.mu.Unlock()
	f := &flow{s: s, quote: quoteOf(p.NetworkHeader().Slice(), p.TransportHeader().Slice())}
	ep, err := udp.NewForwarderRequest(s.gvisor, id, p).CreateEndpoint(&f.wq)
	if err != nil {
		s.flowed()
		return true
	}
	f.ep = ep
	go func() {
		defer s.flowed()
		f.carry(id)
	}()
	return true
}

func (s *Stack) flowed() {
	s.mu.Lock()
	s.flows--
	s.mu.Unlock()
	s.wg.Done()
}

// flow is a program's UDP socket and one peer of it. What comes before the
// router has answered waits in the endpoint, whose buffer is bounded.
type flow struct {
	s     *Stack
	ep    tcpip.Endpoint
	wq    waiter.Queue
	quote quote
}

func (f *flow) carry(id gvisor.TransportEndpointID) {
	c := gonet.NewUDPConn(&f.wq, f.ep)
	defer c.Close()
	ctx, cancel := context.WithCancel(f.s.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })()
	t, known := f.s.target(id.LocalAddress, id.LocalPort, wire.UDP)
	if !known {
		f.refuse(c, noHost)
		return
	}
	p, err := f.s.o.Router.Packets(ctx, t)
	if err != nil {
		why := noPort
		if errors.Is(err, &wire.Problem{Code: wire.CodeAppUnreachable}) {
			why = noHost
		}
		f.refuse(c, why)
		return
	}
	defer p.Close()
	idle := time.AfterFunc(f.s.o.Idle, cancel)
	defer idle.Stop()
	back := make(chan struct{})
	go func() {
		defer close(back)
		defer cancel()
		f.receive(ctx, p, c, idle)
	}()
	f.send(p, c, idle)
	cancel()
	<-back
}

// send carries what the program sends, until its socket or ctx has ended.
func (f *flow) send(p front.Packets, c *gonet.UDPConn, idle *time.Timer) {
	b := make([]byte, 65535)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		idle.Reset(f.s.o.Idle)
		p.Send(b[:n]) // an error is a loss: where the flow has ended, Receive says so
	}
}

func (f *flow) receive(ctx context.Context, p front.Packets, c *gonet.UDPConn, idle *time.Timer) {
	for {
		b, err := p.Receive(ctx)
		if err != nil {
			return
		}
		idle.Reset(f.s.o.Idle)
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// refuse tells the program why not, for each of its datagrams, for a moment.
func (f *flow) refuse(c *gonet.UDPConn, why reason) {
	if f.s.ctx.Err() != nil {
		return
	}
	c.SetReadDeadline(time.Now().Add(grudge))
	defer context.AfterFunc(f.s.ctx, func() { c.SetReadDeadline(time.Now()) })()
	var b [1]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
		f.s.link.inject(denial(f.quote, why))
	}
}
