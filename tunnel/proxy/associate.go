package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tidegate/tidegate/tunnel/front"
)

// Limits of one association. What is beyond them is dropped, as networks do.
const (
	maxDatagram   = 16 << 10
	maxFlows      = 128       // destinations at once
	maxQueued     = 256 << 10 // bytes that wait for their flows
	maxQueueOne   = 32        // datagrams that wait for one
	datagramIdle  = 2 * time.Minute
	refusalHolds  = 2 * time.Second // no destination is asked for more often
	checkedHolds  = time.Second     // whose socket a datagram came from is known so long
	maxFromOthers = 64              // datagrams of others are looked up so often a second
)

// association relays one program's datagrams (RFC 1928, section 7), while its
// connection stands.
type association struct {
	p    *Proxy
	udp  *net.UDPConn
	port uint16 // that the program will send from; 0: it did not say

	mu     sync.Mutex
	client netip.AddrPort // who sends; the first that is of this user
	flows  map[front.Target]*datagramFlow
	queued int
}

// datagramFlow is one destination's.
type datagramFlow struct {
	target front.Target
	queue  chan []byte
	moved  chan struct{} // holds one while something has come back
}

// associate serves a UDP ASSOCIATE, to its end.
func (p *Proxy) associate(ctx context.Context, c *conn, from front.Target) {
	defer c.Close()
	select {
	case p.associations <- struct{}{}:
		defer func() { <-p.associations }()
	default:
		c.reply(socksFailed, netip.AddrPort{})
		return
	}
	if errOwner != nil {
		c.reply(socksNoCommand, netip.AddrPort{})
		return
	}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		p.opt.Log.Warn("open a socket for datagrams", "error", err)
		c.reply(socksFailed, netip.AddrPort{})
		return
	}
	a := &association{p: p, udp: udp, port: from.Port, flows: map[front.Target]*datagramFlow{}}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	var wg sync.WaitGroup
	wg.Go(func() { a.read(ctx, &wg) })
	if c.reply(socksDone, udp.LocalAddr().(*net.UDPAddr).AddrPort()) == nil {
		io.Copy(io.Discard, io.LimitReader(c, maxHeader)) // nothing is to come but the end
	}
	cancel()
	stop()
	udp.Close()
	wg.Wait()
}

// read takes datagrams from the program until the socket is closed.
func (a *association) read(ctx context.Context, wg *sync.WaitGroup) {
	b := make([]byte, maxDatagram+3+1+1+255+2)
	var owner ownership
	for {
		n, from, err := a.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // what was sent before did not arrive
		}
		t, payload, err := parseDatagram(b[:n])
		if err != nil || len(payload) > maxDatagram || !a.known(&owner, from) || !a.p.opt.Router.Covers(t) {
			continue
		}
		a.take(ctx, wg, t, payload)
	}
}

// ownership remembers whose socket datagrams come from.
type ownership struct {
	checked time.Time // when the client was found to be ours
	second  time.Time // since when the others are counted
	others  int
}

// known says whether a datagram is of the program: of this user, and of one
// socket for the whole association.
func (a *association) known(o *ownership, from netip.AddrPort) bool {
	now := time.Now()
	a.mu.Lock()
	client := a.client
	a.mu.Unlock()
	switch {
	case client.IsValid() && from != client, a.port != 0 && from.Port() != a.port:
		return false
	case client == from && now.Sub(o.checked) < checkedHolds:
		return true
	}
	if now.Sub(o.second) > time.Second {
		o.second, o.others = now, 0
	}
	if o.others++; o.others > maxFromOthers {
		return false
	}
	if err := ownsUDP(from, a.udp.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
		a.p.opt.Log.Warn("datagram refused", "error", err)
		return false
	}
	o.checked, o.others = now, 0
	a.mu.Lock()
	a.client = from
	a.mu.Unlock()
	return true
}

// take queues a datagram for its flow, which it opens.
func (a *association) take(ctx context.Context, wg *sync.WaitGroup, t front.Target, payload []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queued+len(payload) > maxQueued {
		return
	}
	f := a.flows[t]
	if f == nil {
		if len(a.flows) >= maxFlows {
			return
		}
		f = &datagramFlow{target: t, queue: make(chan []byte, maxQueueOne), moved: make(chan struct{}, 1)}
		a.flows[t] = f
		wg.Go(func() { a.carry(ctx, f) })
	}
	select {
	case f.queue <- append([]byte(nil), payload...):
		a.queued += len(payload)
	default:
	}
}

// taken accounts for a datagram that has left its queue.
func (a *association) taken(b []byte) {
	a.mu.Lock()
	a.queued -= len(b)
	a.mu.Unlock()
}

// end forgets a flow. Nothing is queued for it any more.
func (a *association) end(f *datagramFlow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flows, f.target)
	for {
		select {
		case b := <-f.queue:
			a.queued -= len(b)
		default:
			return
		}
	}
}

// carry carries a flow until it has been idle.
func (a *association) carry(ctx context.Context, f *datagramFlow) {
	defer a.end(f)
	packets, err := a.p.opt.Router.Packets(ctx, f.target)
	if err != nil {
		select {
		case <-time.After(refusalHolds):
		case <-ctx.Done():
		}
		return
	}
	defer packets.Close()
	ctx, cancel := context.WithCancel(ctx)
	received := make(chan struct{})
	go func() {
		defer close(received)
		a.receive(ctx, packets, f)
	}()
	defer func() { cancel(); <-received }()
	idle := time.NewTimer(datagramIdle)
	defer idle.Stop()
	for {
		select {
		case b := <-f.queue:
			a.taken(b)
			if packets.Send(b) != nil {
				return
			}
			idle.Reset(datagramIdle)
		case <-f.moved:
			idle.Reset(datagramIdle)
		case <-idle.C:
			return
		case <-received:
			return
		case <-ctx.Done():
			return
		}
	}
}

// receive brings the program what comes back.
func (a *association) receive(ctx context.Context, packets front.Packets, f *datagramFlow) {
	for {
		b, err := packets.Receive(ctx)
		if err != nil {
			return
		}
		a.mu.Lock()
		client := a.client
		a.mu.Unlock()
		a.udp.WriteToUDPAddrPort(datagram(f.target, b), client) // lost, as networks lose
		select {
		case f.moved <- struct{}{}:
		default:
		}
	}
}
