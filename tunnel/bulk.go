package tunnel

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/tunnel/carrier"
)

const (
	// A flow is bulk that moves bulkBytes within bulkTime, and as fast from then on.
	bulkBytes = 128 << 10
	bulkTime  = 500 * time.Millisecond
	bulkRate  = float64(bulkBytes) / 0.5 // bytes a second
	// paceEvery is how often a bulk flow's pace is looked at, steadyLooks how often
	// it has to be found to be bulk before it moves, and slowLooks not to be.
	paceEvery   = 100 * time.Millisecond
	steadyLooks = 2
	slowLooks   = 10
	// trialTime is how long a lane is tried, and trialTrips round trips more.
	trialTime  = time.Second
	trialTrips = 10
	// gainsFor is how long the outcome holds where the lane is no slower, worseFor
	// where it is: that doubles each time, up to worseMost.
	gainsFor  = 10 * time.Minute
	worseFor  = 30 * time.Second
	worseMost = 8 * time.Minute
)

// pace is how fast a flow moves. What is atomic is not the owner's.
type pace struct {
	mark  atomic.Int64 // the payload from which is counted; negative: the owner looks
	since atomic.Int64 // plane.clock then; 0: never yet

	at     time.Duration // of the last look
	moved  int64
	rate   float64 // bytes a second, the least of the last two looks
	last   float64 // and of the last
	steady int     // looks in a row at which it was bulk
	slow   int     // and was not
	fast   bool    // it is to be on the other lane
	second bool    // it is to be on the second connection
}

// note is called with each payload.
func (p *pace) note(f *flow) {
	mark, since := p.mark.Load(), p.since.Load()
	if since == 0 {
		p.since.CompareAndSwap(0, max(int64(f.p.clock()), 1))
		return
	}
	moved := f.payload()
	if mark < 0 || moved < mark+bulkBytes {
		return
	}
	now := int64(f.p.clock())
	if time.Duration(now-since) > bulkTime {
		p.mark.CompareAndSwap(mark, moved)
		p.since.Store(now)
		return
	}
	if p.mark.CompareAndSwap(mark, -1) {
		f.p.post(func() { f.ch.lanes.begin(f) })
	}
}

// payload is how many bytes have moved, both ways, or are about to.
func (f *flow) payload() int64 { return f.up.Load() + f.down.Load() }

// progress is how many have arrived: what has been read from the program may wait
// in its End for long.
func (f *flow) progress() int64 { return f.payload() - int64(f.body.Status().Unacked) }

// begin looks at a flow that may be bulk, from now on.
func (n *lanes) begin(f *flow) {
	if f.phase == flowEnded {
		return
	}
	if n.bulk == nil {
		n.bulk = map[*flow]struct{}{}
	}
	n.bulk[f] = struct{}{}
	now, p := f.p.clock(), &f.pace
	p.at, p.moved, p.rate, p.last, p.steady, p.slow = now, f.progress(), 0, math.MaxFloat64, 0, 0
	if next := now + paceEvery; n.next == 0 || next < n.next {
		n.next = next
	}
	if l := f.ch.link; now < n.gains && f.p.lane() == "" && l != nil && l.carrier.Lane() == carrier.H3 {
		n.prepare(f.ch) // so that it is there when the flow is to move
	}
	f.ch.rearm()
}

// forget looks no more at a flow, until it is bulk again.
func (n *lanes) forget(f *flow) {
	delete(n.bulk, f)
	f.pace.since.Store(max(int64(f.p.clock()), 1))
	f.pace.mark.Store(f.payload())
}

// measure brings a flow's pace up to date.
func (p *pace) measure(f *flow, now time.Duration) {
	if now-p.at < paceEvery/2 {
		return
	}
	moved := f.progress()
	rate := float64(moved-p.moved) / (now - p.at).Seconds()
	p.at, p.moved = now, moved
	if rate < bulkRate {
		p.steady = 0
		p.slow++
	} else {
		p.steady++
		p.slow = 0
	}
	p.rate, p.last = min(rate, p.last), rate
}

// gather looks at the bulk flows, and moves those that the other lane gains, or
// may gain.
func (n *lanes) gather(c *channel, now time.Duration) {
	for f := range n.bulk {
		if f.phase == flowEnded {
			delete(n.bulk, f)
			continue
		}
		f.pace.measure(f, now)
		if f.pace.slow > slowLooks {
			n.forget(f)
		}
	}
	n.prune(c)
	if n.trial != nil && !n.judge(c, now) {
		return
	}
	looks := steadyLooks
	if now < n.gains {
		looks = 1
	}
	free := c.p.lane() == "" && now >= n.worse
	var move []*flow
	for f := range n.bulk {
		switch p := &f.pace; {
		case f.phase != flowOpen || f.link == nil || f.link.leaving || f.link.carrier.Lane() != carrier.H3 || p.steady < looks:
		case free:
			move = append(move, f)
		default:
			n.spread(c, f)
		}
	}
	switch {
	case len(move) == 0:
	case n.fast == nil:
		n.prepare(c)
	default:
		n.move(c, move, now)
	}
}

// prepare has the other lane made, for bulk.
func (n *lanes) prepare(c *channel) {
	if n.prune(c); n.fast == nil {
		n.join(c, carrier.H2, func(l *link) { n.fast = l })
	}
}

// trial is of a lane of which is not known whether it gains. It is judged by all
// the flows that it began with, so that one that others starve does not decide.
type trial struct {
	began, until time.Duration
	flows        map[*flow]tried
}

// tried is a flow on trial.
type tried struct {
	before float64 // bytes a second, on the lane it came from
	moved  int64   // when it left that
}

// move moves flows to the other lane; on trial, where it is not known to gain.
func (n *lanes) move(c *channel, flows []*flow, now time.Duration) {
	known := now < n.gains
	c.p.opt.Log.Info("bulk moves", "site", c.site.ID, "lane", string(n.fast.carrier.Lane()), "flows", len(flows), "known", known, "bytes_a_second", int64(flows[0].pace.rate))
	if !known {
		// All of it counts: when the flow resumes, what waits at the gateway for a slow
		// application appears at once, and nothing more for as long as that has to do.
		n.trial = &trial{began: now, until: now + trialTime + trialTrips*c.link.carrier.Stats().RTT, flows: map[*flow]tried{}}
	}
	for _, f := range flows {
		if !known {
			n.trial.flows[f] = tried{f.pace.rate, f.progress()}
		}
		f.pace.fast = true
		f.resume(n.fast)
	}
}

// judge says whether the trial is over, and draws the conclusion then. Only much
// less than before counts as slower: the machine and the network have other things
// to do as well.
func (n *lanes) judge(c *channel, now time.Duration) bool {
	t := n.trial
	for f := range t.flows {
		if _, looked := n.bulk[f]; !looked && f.phase == flowEnded || !f.pace.fast {
			delete(t.flows, f)
		}
	}
	switch {
	case n.fast == nil: // it broke
		n.slower(now)
		return true
	case len(t.flows) == 0:
		n.trial = nil // nobody is left to tell
		return true
	case now < t.until:
		return false
	}
	var before, after float64
	for f, d := range t.flows {
		before += d.before
		after += float64(f.progress()-d.moved) / (now - t.began).Seconds()
	}
	log := c.p.opt.Log.With("site", c.site.ID, "bytes_a_second", int64(after), "before", int64(before))
	if after < before/2 {
		log.Info("bulk moves back")
		n.slower(now)
		n.back(c)
		return true
	}
	log.Info("bulk stays")
	n.trial, n.strikes, n.gains = nil, 0, now+gainsFor
	return true
}

// slower notes that the other lane gains nothing, for a while.
func (n *lanes) slower(now time.Duration) {
	n.trial, n.gains = nil, 0
	n.worse = now + min(worseFor<<n.strikes, worseMost)
	n.strikes = min(n.strikes+1, 8)
}

// back moves bulk to the channel's link.
func (n *lanes) back(c *channel) {
	l := c.link
	for f := range c.flows {
		if !f.pace.fast {
			continue
		}
		f.pace.fast, f.pace.steady = false, 0
		if f.phase == flowOpen && f.link == n.fast && l != nil && l.judged && l.secured() {
			f.resume(l)
		}
	}
}

// unlearn forgets what is known of the paths, since they have changed.
func (n *lanes) unlearn() {
	n.trial, n.gains, n.worse, n.strikes, n.alone = nil, 0, 0, 0, 0
}
