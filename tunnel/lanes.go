package tunnel

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

const (
	// probeEvery is how often HTTP/3 is tried while HTTP/2 carries a channel in use.
	probeEvery = time.Minute
	// bulkBytes is what a flow has to have moved before its pace is looked at, and
	// paceEvery how often that is.
	bulkBytes = 2 << 20
	paceEvery = 200 * time.Millisecond
	// A flow is bulk at bulkRate bytes a second. Above fastRate the processor
	// is what bounds HTTP/3; below, the network: it is looked at for bulkAge first.
	bulkRate = 256 << 10
	fastRate = 25 << 20
	bulkAge  = time.Second
	// trialTime is how long a lane is tried before the paces are compared, and
	// worseFor how long one that gained nothing is not tried again.
	trialTime = 1500 * time.Millisecond
	worseFor  = 5 * time.Minute
	// crowdOf flows on one QUIC connection are worth a second.
	crowdOf = 32
)

// lanes are what a channel knows of the ways to its gateway beside its link.
//
//	bulk on h3 ──► h2 joined ──► moved, on trial ──► as fast or faster: stays
//	    ▲                                  └─ slower ─┐
//	    └────── not tried again for a while ──────────┘
type lanes struct {
	fast    *link             // another lane, joined, for bulk
	second  *link             // another QUIC connection, joined, for many
	joining map[string]func() // ends what is being joined
	worse   time.Duration     // until when the other lane is known to gain nothing; 0: it may
	probe   time.Duration     // when HTTP/3 is tried again
	bulk    map[*flow]struct{}
	turn    bool          // which of two connections the next flow takes
	next    time.Duration // when there is something to look at; 0: never
}

// pace is how fast a flow moves. Only mark is not the owner's.
type pace struct {
	mark atomic.Int64 // the payload at which the owner is told; negative: it has been

	began  time.Duration // when the owner began to look
	at     time.Duration
	moved  int64
	rate   float64 // bytes a second, of late
	fast   bool    // it is to be on the other lane
	second bool    // it is to be on the second connection
	trial  time.Duration
	before float64 // its rate before the trial
	slow   int     // looks at which it hardly moved
}

// note is called with each payload.
func (p *pace) note(f *flow) {
	mark := p.mark.Load()
	if mark < 0 || f.up.Load()+f.down.Load() < mark+bulkBytes {
		return
	}
	if p.mark.CompareAndSwap(mark, -1) {
		f.p.post(func() { f.ch.lanes.begin(f) })
	}
}

// begin looks at a flow that may be bulk, from now on.
func (n *lanes) begin(f *flow) {
	if f.phase == flowEnded {
		return
	}
	if n.bulk == nil {
		n.bulk = map[*flow]struct{}{}
	}
	n.bulk[f] = struct{}{}
	now := f.p.clock()
	opened := f.pace.began
	moved := f.up.Load() + f.down.Load()
	f.pace.at, f.pace.moved, f.pace.slow = now, moved, 0
	if opened != 0 && now > opened {
		f.pace.rate = float64(moved) / (now - opened).Seconds()
	}
	f.pace.began = now
	n.consider(f.ch, f, now)
	f.ch.rearm()
}

// forget looks no more at a flow, until it has moved as much again.
func (n *lanes) forget(f *flow) {
	delete(n.bulk, f)
	f.pace.began, f.pace.rate = 0, 0
	f.pace.mark.Store(f.up.Load() + f.down.Load())
}

// due looks at the flows that move, and at the other lane.
func (n *lanes) due(c *channel, now time.Duration) {
	n.next = 0
	l := c.link
	if l == nil || c.state != session.Connected {
		return
	}
	for f := range n.bulk {
		if f.phase == flowEnded {
			delete(n.bulk, f)
			continue
		}
		n.measure(f, now)
		if f.pace.slow > 10 {
			n.forget(f)
			continue
		}
		n.consider(c, f, now)
	}
	if len(n.bulk) > 0 {
		n.next = now + paceEvery
	}
	n.look(c, now)
}

// look tries HTTP/3 now and then, where HTTP/2 carries the channel.
func (n *lanes) look(c *channel, now time.Duration) {
	if c.link.carrier.Lane() != carrier.H2 || c.p.lane() != "" {
		n.probe = 0
		return
	}
	switch {
	case n.probe == 0:
		n.probe = now + probeEvery*3/4 + rand.N(probeEvery/2)
	case now >= n.probe:
		n.probe = now + probeEvery*3/4 + rand.N(probeEvery/2)
		c.renewal("HTTP/3 may work again", carrier.H3)
	}
	if n.next == 0 || n.probe < n.next {
		n.next = n.probe
	}
}

// measure brings a flow's pace up to date.
func (n *lanes) measure(f *flow, now time.Duration) {
	p := &f.pace
	if now-p.at < paceEvery/2 {
		return
	}
	moved := f.up.Load() + f.down.Load()
	rate := float64(moved-p.moved) / (now - p.at).Seconds()
	p.rate = p.rate/2 + rate/2
	p.at, p.moved = now, moved
	if rate < bulkRate {
		p.slow++
	} else {
		p.slow = 0
	}
}

// consider moves a flow to where it is faster, and back where it is not.
func (n *lanes) consider(c *channel, f *flow, now time.Duration) {
	p := &f.pace
	if f.phase != flowOpen || f.link == nil || f.link.leaving {
		return
	}
	if p.fast {
		switch {
		case f.link == c.link: // the lane it was on is gone
			p.fast, p.trial = false, 0
		case p.trial != 0 && now >= p.trial+trialTime:
			p.trial = 0
			if p.rate < 0.8*p.before {
				n.worse = now + worseFor
				c.p.opt.Log.Info("bulk moves back", "site", c.site.ID, "bytes_a_second", int64(p.rate), "before", int64(p.before))
				n.back(c)
			}
		}
		return
	}
	gains := p.rate >= fastRate || p.rate >= bulkRate && now >= p.began+bulkAge && p.slow == 0
	if !gains || f.link.carrier.Lane() != carrier.H3 {
		return
	}
	if c.p.lane() == "" && now >= n.worse {
		if n.fast == nil {
			n.join(c, carrier.H2, func(l *link) { n.fast = l })
			return
		}
		c.p.opt.Log.Info("bulk moves", "site", c.site.ID, "lane", string(n.fast.carrier.Lane()), "bytes_a_second", int64(p.rate))
		p.fast, p.trial, p.before = true, now, p.rate
		f.resume(n.fast)
		return
	}
	n.spread(c, f)
}

// spread moves every other bulk flow of a QUIC connection to a second one.
func (n *lanes) spread(c *channel, f *flow) {
	here, there := 0, 0
	for other := range n.bulk {
		switch {
		case other.phase != flowOpen || other.link == nil:
		case other.link == n.second:
			there++
		case other.link == f.link:
			here++
		}
	}
	switch {
	case f.link != c.link || here < there+2:
	case n.second == nil:
		n.join(c, carrier.H3, func(l *link) { n.second = l })
	default:
		f.pace.second = true
		f.resume(n.second)
	}
}

// back moves bulk to the channel's link.
func (n *lanes) back(c *channel) {
	l := c.link
	for f := range n.bulk {
		f.pace.fast, f.pace.trial = false, 0
		if f.phase == flowOpen && f.link == n.fast && l != nil && l.judged && l.secured() {
			f.resume(l)
		}
	}
}

// prefers is the joined link that a flow is to be on; nil: the channel's link.
func (n *lanes) prefers(c *channel, f *flow) *link {
	for _, l := range []**link{&n.fast, &n.second} {
		if *l != nil && !c.has(*l) {
			*l = nil // it is gone
		}
	}
	switch {
	case f.pace.fast && n.fast != nil:
		return n.fast
	case f.pace.second && n.second != nil:
		return n.second
	}
	return nil
}

// crowd has a second QUIC connection made when there are many flows on one, and
// new flows take turns.
func (c *channel) crowd(l *link) {
	n := &c.lanes
	if l != c.link || l.carrier.Lane() != carrier.H3 || len(l.flows) < crowdOf {
		return
	}
	if n.second == nil {
		n.join(c, carrier.H3, func(l *link) { n.second = l })
	}
}

// deal is the link for a new flow.
func (n *lanes) deal(c *channel, f *flow) *link {
	if n.second != nil && c.has(n.second) {
		if n.turn = !n.turn; n.turn {
			f.pace.second = true
			return n.second
		}
	}
	return c.link
}

// join has a further carrier bound to the session.
func (n *lanes) join(c *channel, lane carrier.Lane, done func(*link)) {
	first := c.link
	if n.joining[string(lane)] != nil || first == nil || !first.judged || c.heir != nil {
		return
	}
	if n.joining == nil {
		n.joining = map[string]func(){}
	}
	ctx, cancel := context.WithTimeout(c.p.ctx, c.p.opt.DialTimeout)
	n.joining[string(lane)] = cancel
	id, g, request := c.p.w.Identity, first.gateway, c.request()
	c.p.wg.Go(func() {
		l := newLink(g)
		var err error
		if l.carrier, err = c.p.secure(ctx, g, id, lane); err == nil {
			if err = l.carrier.Join(ctx, request); err != nil {
				l.carrier.Close()
			}
		}
		cancelled := ctx.Err() != nil
		cancel()
		c.p.do(func() {
			delete(n.joining, string(lane))
			switch {
			case err != nil:
				if lane == carrier.H2 {
					n.worse = c.p.clock() + worseFor
				}
				c.p.opt.Log.Info("carrier not joined", "site", c.site.ID, "gateway", g.Name, "lane", string(lane), "error", err)
			case cancelled || c.link != first || c.closing:
				l.hangUp(c.p)
			default:
				c.joined(l)
				done(l)
				n.due(c, c.p.clock())
				c.settle()
			}
		})
	})
}

// joined takes a carrier that the session has been joined on.
func (c *channel) joined(l *link) {
	l.joined = true
	c.others[l] = struct{}{}
	done := make(chan struct{})
	var once sync.Once
	l.cancel = func(error) { once.Do(func() { close(done) }) }
	c.p.wg.Go(func() {
		select {
		case <-l.carrier.Done():
			c.p.post(func() { c.gone(l, carrier.ErrLost) })
		case <-done:
		}
	})
}
