package tunnel

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

const (
	// probeEvery is how often HTTP/3 is tried while HTTP/2 carries a channel in use.
	probeEvery = time.Minute
	// crowdOf flows on one QUIC connection are worth a second.
	crowdOf = 32
)

// lanes are what a channel knows of the ways to its gateway beside its link. Bulk
// goes where it is not slower:
//
//	bulk on h3 ──► h2 joined ──► moved, on trial ──► not much slower: stays, and the
//	    ▲                              │              next moves without a trial
//	    └── not tried for a while ─────┘
type lanes struct {
	fast    *link             // another lane, joined, for bulk
	second  *link             // another QUIC connection, joined, for many
	joining map[string]func() // ends what is being joined
	gains   time.Duration     // until when the other lane is known to be no slower; 0: it is not
	worse   time.Duration     // until when it is known to be; 0: it is not
	strikes int               // how often in a row it was found to be
	alone   time.Duration     // until when no second connection is to be had; 0: it may be
	trial   *trial            // nil: none is on
	probe   time.Duration     // when HTTP/3 is tried again
	bulk    map[*flow]struct{}
	turn    bool          // which of two connections the next flow takes
	next    time.Duration // when there is something to look at; 0: never
}

// due looks at the flows that move, and at the other lane.
func (n *lanes) due(c *channel, now time.Duration) {
	n.next = 0
	l := c.link
	if l == nil || c.state != session.Connected {
		return
	}
	n.gather(c, now)
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
		n.double(c)
	default:
		f.pace.second = true
		f.resume(n.second)
	}
}

// prune forgets the joined links that are gone.
func (n *lanes) prune(c *channel) {
	for _, l := range []**link{&n.fast, &n.second} {
		if *l != nil && !c.has(*l) {
			*l = nil
		}
	}
}

// prefers is the joined link that a flow is to be on; nil: the channel's link.
func (n *lanes) prefers(c *channel, f *flow) *link {
	n.prune(c)
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
		n.double(c)
	}
}

// double has a second QUIC connection made.
func (n *lanes) double(c *channel) {
	if c.p.clock() >= n.alone {
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
					n.slower(c.p.clock())
				} else {
					n.alone = c.p.clock() + worseFor
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
