package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Relay is a network path in front of a server: it counts what passes, may drop
// UDP as some networks do, and may freeze TCP as one that has gone does.
type Relay struct {
	to      string
	udp     *net.UDPConn
	tcp     net.Listener
	packets atomic.Int64
	sent    atomic.Int64
	noUDP   atomic.Bool
	frozen  sync.RWMutex // locked: no byte passes over TCP
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu    sync.Mutex
	paths map[netip.AddrPort]*net.UDPConn // a socket per client keeps the answers apart
}

// NewRelay opens a path to a server, at one port for UDP and TCP.
func NewRelay(to string) (*Relay, error) {
	for try := 0; ; try++ {
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, fmt.Errorf("relay to %s: %w", to, err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err != nil { // the port is somebody else's for TCP
			udp.Close()
			if try < 20 {
				continue
			}
			return nil, fmt.Errorf("relay to %s: %w", to, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		r := &Relay{to: to, udp: udp, tcp: tcp, cancel: cancel, paths: map[netip.AddrPort]*net.UDPConn{}}
		r.wg.Go(r.serveUDP)
		r.wg.Go(func() { r.serveTCP(ctx) })
		return r, nil
	}
}

// Addr is where clients reach the server.
func (r *Relay) Addr() string { return r.udp.LocalAddr().String() }

// Packets is how many have passed, both ways; of TCP, pieces.
func (r *Relay) Packets() int64 { return r.packets.Load() }

// Sent is how many clients have sent to the server, whether they came to pass or
// not; of TCP, pieces, and connections.
func (r *Relay) Sent() int64 { return r.sent.Load() }

// DropUDP drops all of UDP from now on, or no longer.
func (r *Relay) DropUDP(yes bool) { r.noUDP.Store(yes) }

// Freeze stops all of TCP, until Thaw; what waits is not lost.
func (r *Relay) Freeze() { r.frozen.Lock() }

// Thaw ends a Freeze.
func (r *Relay) Thaw() { r.frozen.Unlock() }

// Close ends the path. A frozen one has to be thawed before.
func (r *Relay) Close() error {
	r.cancel()
	err := errors.Join(r.udp.Close(), r.tcp.Close())
	r.mu.Lock()
	for _, c := range r.paths {
		err = errors.Join(err, c.Close())
	}
	r.mu.Unlock()
	r.wg.Wait()
	return err
}
