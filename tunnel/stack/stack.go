//go:build linux

package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	gvisor "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// MTU is that of the devices: TCP ends here, so the link is a local one, and
// the largest packets are the fastest.
const MTU = 65500

// Names tells which hosts synthetic addresses stand for. Safe for concurrent
// use, and does not block.
type Names interface {
	Host(netip.Addr) (host string, ok bool)
}

// Options for New. Device and Router are needed; 0 is the default of a number.
type Options struct {
	// Device is a TUN with IFF_NO_PI and IFF_VNET_HDR, not blocking: each read
	// and each write is one packet behind a struct virtio_net_hdr. Run closes it.
	Device *os.File
	Router front.Router
	// Names, where set, are asked for each destination before its address is
	// taken for the host.
	Names Names
	// MTU of the device; 0: MTU.
	MTU int
	// Streams bounds TCP connections (8192): a SYN beyond is refused. Held
	// bounds those that wait for their answer (1024): a SYN beyond is dropped,
	// and comes again. Flows bounds UDP (1024), Echoes pings under way (64).
	Streams, Held, Flows, Echoes int
	// Idle ends a UDP flow that has carried nothing for so long (2 minutes,
	// which RFC 4787 asks for).
	Idle time.Duration
	// Log gets what is wrong with the device; nil discards it.
	Log *slog.Logger
}

// Stack is one device's. Make it with New.
type Stack struct {
	o    Options
	link *link

	gvisor *gvisor.Stack
	syns   *tcp.Forwarder
	echoes chan struct{} // holds a token for each echo under way

	ctx context.Context // of Run: what the router carries ends with it
	wg  sync.WaitGroup  // what carries

	mu      sync.Mutex
	closing bool
	held    map[gvisor.TransportEndpointID]quote
	streams int
	flows   int
}

// New makes a Stack. It starts nothing.
func New(o Options) *Stack {
	def := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	def(&o.MTU, MTU)
	def(&o.Streams, 8192)
	def(&o.Held, 1024)
	def(&o.Flows, 1024)
	def(&o.Echoes, 64)
	if o.Idle <= 0 {
		o.Idle = 2 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Stack{
		o:      o,
		echoes: make(chan struct{}, o.Echoes),
		held:   map[gvisor.TransportEndpointID]quote{},
	}
}

// Run carries until ctx ends or the device is gone, and closes the device. It
// returns why it ended.
func (s *Stack) Run(ctx context.Context) error {
	defer s.o.Device.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.ctx = ctx
	l, err := newLink(s.o.Device, s.o.MTU)
	if err != nil {
		return err
	}
	defer l.close()
	s.link = l
	if err := s.open(); err != nil {
		s.gvisor.Destroy()
		return err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		cancel(s.link.read(s.take))
	}()
	<-ctx.Done()
	s.end()
	s.link.close()
	<-read
	s.gvisor.Destroy()
	return context.Cause(ctx)
}

// end has all that carries end, and waits for it.
func (s *Stack) end() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.wg.Wait(); close(ended) }()
	// The router ends what it carries by itself; a handshake, or a write to a
	// program that does not read, ends by being aborted.
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-ended:
			return
		case <-again.C:
			for _, e := range s.gvisor.RegisteredEndpoints() {
				e.Abort()
			}
		}
	}
}

const nic = 1

// open makes the gVisor stack: one interface, whose every address is here.
func (s *Stack) open() error {
	s.gvisor = gvisor.New(gvisor.Options{
		NetworkProtocols:   []gvisor.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocolWithOptions(ipv6.Options{})},
		TransportProtocols: []gvisor.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	// A program and this stack share a machine: nothing is lost or late between
	// them, so windows are large, and the last segments need not be awaited long.
	sack, moderate := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	wait, linger, retries := tcpip.TCPTimeWaitTimeoutOption(time.Second), tcpip.TCPLingerTimeoutOption(30*time.Second), tcpip.TCPSynRetriesOption(3)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: 1 << 20, Max: 4 << 20}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: 1 << 20, Max: 4 << 20}
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &moderate, &wait, &linger, &retries, &receive, &send} {
		if err := s.gvisor.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return fmt.Errorf("configure tcp: %v", err)
		}
	}
	if err := s.gvisor.SetOption(tcpip.ReceiveBufferSizeOption{Min: 4 << 10, Default: 256 << 10, Max: 256 << 10}); err != nil {
		return fmt.Errorf("configure udp: %v", err)
	}
	if err := s.gvisor.CreateNIC(nic, s.link); err != nil {
		return fmt.Errorf("attach the device: %v", err)
	}
	if err := errors.Join(failed(s.gvisor.SetPromiscuousMode(nic, true)), failed(s.gvisor.SetSpoofing(nic, true))); err != nil {
		return fmt.Errorf("take all addresses: %w", err)
	}
	s.gvisor.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nic},
		{Destination: header.IPv6EmptySubnet, NIC: nic},
	})
	s.syns = tcp.NewForwarder(s.gvisor, receive.Default, 2*s.o.Held, s.stream)
	s.gvisor.SetTransportProtocolHandler(tcp.ProtocolNumber, s.segment)
	s.gvisor.SetTransportProtocolHandler(udp.ProtocolNumber, s.datagram)
	return nil
}

func failed(err tcpip.Error) error {
	if err == nil {
		return nil
	}
	return errors.New(err.String())
}

// take is given each packet that comes; it says whether gVisor gets it.
func (s *Stack) take(packet []byte) bool {
	switch sift(packet) {
	case forStack:
		return true
	case forEcho:
		s.echo(packet)
	}
	return false
}

// target is what a program wants to reach, and whether anybody is there at all.
func (s *Stack) target(addr tcpip.Address, port uint16, p wire.Protocol) (t front.Target, known bool) {
	a, _ := netip.AddrFromSlice(addr.AsSlice())
	t = front.Target{Host: a.String(), Port: port, Protocol: p}
	if s.o.Names != nil {
		if host, ok := s.o.Names.Host(a); ok {
			t.Host = host
			return t, true
		}
	}
	return t, s.o.Router.Covers(t)
}
