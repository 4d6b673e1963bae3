package tunnel

import (
	"context"
	"errors"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

// guest is what uses a channel and ends with its carrier: a flow of datagrams, or
// a ping. The fields behind the blank line are the owner's.
type guest struct {
	ch    *channel
	links chan *link // holds the one that it was given
	ended chan struct{}
	over  sync.Once
	why   error // of the end; readable after ended

	entitlement wire.EntitlementID
	link        *link
	opened      bool
}

// invite makes a guest, and waits until there is a link for it.
func (p *plane) invite(ctx context.Context, ch *channel, id wire.EntitlementID) (*guest, *link, error) {
	g := &guest{ch: ch, links: make(chan *link, 1), ended: make(chan struct{}), entitlement: id}
	p.post(func() { ch.receive(g) })
	select {
	case l := <-g.links:
		return g, l, nil
	case <-g.ended:
		return nil, nil, g.why
	case <-ctx.Done():
		g.leave()
		return nil, nil, ctx.Err()
	case <-p.over:
		return nil, nil, notRunning()
	}
}

// leave ends the guest's stay.
func (g *guest) leave() { g.ch.p.post(func() { g.end(errClosed) }) }

// receive takes a guest in. The owner's.
func (c *channel) receive(g *guest) {
	if c.closing || !c.p.allowed {
		g.end(notReached())
		return
	}
	c.guests[g] = struct{}{}
	c.last.Store(int64(c.p.clock()))
	c.rested = 0
	c.admitGuests()
	c.rearm()
}

// admitGuests gives those that wait the channel's link, and has it connect where
// there is none.
func (c *channel) admitGuests() {
	if c.waits() {
		return
	}
	for g := range c.guests {
		switch {
		case g.link != nil:
		case c.link == nil:
			c.connect()
		default:
			g.link = c.link
			c.touch(c.link, true)
			g.links <- c.link
		}
	}
}

// end ends a guest's stay. The owner's.
func (g *guest) end(why error) {
	delete(g.ch.guests, g)
	g.over.Do(func() {
		g.why = why
		close(g.ended)
	})
}

// cause is why the guest's stay has ended; err where it has not.
func (g *guest) cause(err error) error {
	select {
	case <-g.ended:
		return g.why
	default:
		return err
	}
}

// refuse ends a guest that has no link.
func (g *guest) refuse(p *wire.Problem) {
	if g.link == nil {
		g.end(p)
	}
}

// enforce ends a guest that no verdict allows any more. The owner's.
func (g *guest) enforce() {
	if v, known := g.ch.verdicts[g.entitlement]; g.opened && !v.Allow {
		if !known {
			v = wire.Verdict{Entitlement: g.entitlement, Reason: wire.Reason{Kind: wire.ReasonNotEntitled}}
		}
		g.end(denied(v))
	}
}

// endGuests ends all: their link is closed.
func (c *channel) endGuests(cause error) {
	for g := range c.guests {
		g.end(cause)
	}
}

// endGuestsOf ends those of a link.
func (c *channel) endGuestsOf(l *link) {
	for g := range c.guests {
		if g.link == l {
			g.end(carrier.ErrLost)
		}
	}
}

// datagrams is a flow of datagrams, opened again where its carrier has ended.
type datagrams struct {
	p           *plane
	ch          *channel
	authority   string
	entitlement wire.EntitlementID
	cancel      context.CancelFunc
	ctx         context.Context
	waiting     chan []byte // to be sent when there is a carrier

	mu      sync.Mutex
	now     carrier.Packets
	guest   *guest        // of now
	link    *link         // that now is on
	changed chan struct{} // closed and replaced when now is
	wanted  chan struct{} // holds one when there is something to send
	err     error
}

// waitingDatagrams bounds what is kept while a carrier is looked for.
const waitingDatagrams = 64

// open opens the CONNECT-UDP, and has it opened again until ctx ends.
func (p *plane) openDatagrams(ctx context.Context, ch *channel, to destination, authority string) (*datagrams, error) {
	d := &datagrams{p: p, ch: ch, authority: authority, entitlement: to.entitlement,
		waiting: make(chan []byte, waitingDatagrams), changed: make(chan struct{}), wanted: make(chan struct{}, 1)}
	d.ctx, d.cancel = context.WithCancel(p.ctx)
	g, err := d.open(ctx)
	if err != nil {
		d.cancel()
		return nil, err
	}
	if !p.track(func() { d.keep(g) }) {
		d.cancel()
		g.leave()
		return nil, notRunning()
	}
	return d, nil
}

// open opens it once.
func (d *datagrams) open(ctx context.Context) (*guest, error) {
	g, l, err := d.p.invite(ctx, d.ch, d.entitlement)
	if err != nil {
		return nil, err
	}
	packets, err := l.carrier.ConnectUDP(ctx, d.authority)
	if err != nil {
		g.leave()
		if errors.Is(err, carrier.ErrUnsent) {
			d.p.post(func() { d.ch.stale(l, err) })
		}
		return nil, g.cause(err)
	}
	d.p.post(func() { g.opened = true })
	d.set(packets, g, l, nil)
	return g, nil
}

func (d *datagrams) set(now carrier.Packets, g *guest, l *link, err error) {
	d.mu.Lock()
	old := d.now
	d.now, d.guest, d.link, d.err = now, g, l, err
	close(d.changed)
	d.changed = make(chan struct{})
	d.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// lost ends the stay of what has failed, if it is still the one.
func (d *datagrams) lost(now carrier.Packets) {
	d.mu.Lock()
	g := d.guest
	same := d.now == now
	d.mu.Unlock()
	if same && g != nil {
		d.p.post(func() { g.end(carrier.ErrLost) })
	}
}

func (d *datagrams) current() (now carrier.Packets, l *link, changed <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, d.link, d.changed, d.err
}

// keep opens it again when there is something to send and its carrier has ended.
func (d *datagrams) keep(g *guest) {
	defer d.cancel()
	for {
		select {
		case <-d.ctx.Done():
			g.leave()
			d.set(nil, nil, nil, errClosed)
			return
		case <-g.ended:
		}
		var refused *wire.Problem
		if errors.As(g.why, &refused) {
			d.set(nil, nil, nil, refused)
			return
		}
		d.set(nil, nil, nil, nil)
		select {
		case <-d.ctx.Done():
			d.set(nil, nil, nil, errClosed)
			return
		case <-d.wanted:
		}
		next, err := d.open(d.ctx)
		switch {
		case err == nil:
			g = next
		case errors.Is(err, carrier.ErrUnsent), errors.Is(err, carrier.ErrLost), errors.Is(err, errPaused):
			continue // with what is sent next
		default:
			d.set(nil, nil, nil, err)
			return
		}
		d.flush()
	}
}

// flush sends what has waited.
func (d *datagrams) flush() {
	now, _, _, _ := d.current()
	for now != nil {
		select {
		case b := <-d.waiting:
			now.Send(b) // lost like any other
		default:
			return
		}
	}
}

// Send sends a datagram, or keeps it until there is a carrier; what is too much
// is lost.
func (d *datagrams) Send(b []byte) error {
	now, l, _, err := d.current()
	if err != nil {
		return err
	}
	d.ch.touch(l, true)
	if now != nil {
		if err = now.Send(b); !errors.Is(err, carrier.ErrLost) && !errors.Is(err, carrier.ErrReset) {
			return err
		}
		d.lost(now)
	}
	select {
	case d.waiting <- append([]byte(nil), b...):
	default:
	}
	select {
	case d.wanted <- struct{}{}:
	default:
	}
	return nil
}

// Receive waits for a datagram.
func (d *datagrams) Receive(ctx context.Context) ([]byte, error) {
	for {
		now, l, changed, err := d.current()
		if err != nil {
			return nil, err
		}
		if now == nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		b, err := now.Receive(ctx)
		switch {
		case err == nil:
			d.ch.touch(l, false)
			return b, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		d.lost(now)
		select {
		case <-changed:
		case <-d.ctx.Done():
			return nil, errClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends the flow.
func (d *datagrams) Close() { d.cancel() }
