package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Relay is a network path in front of a UDP server: it delays each packet,
// counts them, and can be cut. One socket per client keeps the answers apart.
type Relay struct {
	// Delay is added to each packet, each way.
	delay   time.Duration
	front   *net.UDPConn
	to      *net.UDPAddr
	packets atomic.Int64
	cut     atomic.Bool
	wg      sync.WaitGroup

	mu    sync.Mutex
	paths map[netip.AddrPort]*net.UDPConn
}

// NewRelay opens a path to a server.
func NewRelay(to string, delay time.Duration) (*Relay, error) {
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return nil, fmt.Errorf("relay to %s: %w", to, err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("relay to %s: %w", to, err)
	}
	r := &Relay{delay: delay, front: front, to: addr, paths: map[netip.AddrPort]*net.UDPConn{}}
	r.wg.Go(r.serve)
	return r, nil
}

// Addr is where clients reach the server.
func (r *Relay) Addr() string { return r.front.LocalAddr().String() }

// Packets is how many have passed, both ways.
func (r *Relay) Packets() int64 { return r.packets.Load() }

// Cut drops everything from now on, or no longer.
func (r *Relay) Cut(yes bool) { r.cut.Store(yes) }

// Close ends the path.
func (r *Relay) Close() error {
	err := r.front.Close()
	r.mu.Lock()
	for _, c := range r.paths {
		err = errors.Join(err, c.Close())
	}
	r.mu.Unlock()
	r.wg.Wait()
	return err
}

func (r *Relay) serve() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		back, err := r.path(from)
		if err != nil {
			return
		}
		r.carry(buf[:n], func(b []byte) { back.Write(b) })
	}
}

// path is the socket that speaks to the server for one client.
func (r *Relay) path(from netip.AddrPort) (*net.UDPConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.paths[from]; ok {
		return c, nil
	}
	c, err := net.DialUDP("udp", nil, r.to)
	if err != nil {
		return nil, err
	}
	r.paths[from] = c
	r.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // the server is away: ICMP says so, and the path stays
			}
			r.carry(buf[:n], func(b []byte) { r.front.WriteToUDPAddrPort(b, from) })
		}
	})
	return c, nil
}

// carry delivers a packet after the delay. Equal delays keep the order, as
// timers of one duration fire in the order they were set.
func (r *Relay) carry(b []byte, deliver func([]byte)) {
	if r.cut.Load() {
		return
	}
	r.packets.Add(1)
	b = append([]byte(nil), b...)
	if r.delay == 0 {
		deliver(b)
		return
	}
	time.AfterFunc(r.delay, func() { deliver(b) })
}
