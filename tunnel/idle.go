package tunnel

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

// clockCheck is how often an alarm that is set looks at the clock: timers stand
// still while the machine sleeps. The end of a sleep is told of, too, see roam.
const clockCheck = time.Minute

// alarm calls due, on the owner's goroutine, when the plane's clock reaches an
// instant, or every clockCheck until then. It is set for the earliest thing
// that may be due and not moved for every byte: due looks again.
type alarm struct {
	p   *plane
	due func()
	at  time.Duration
	t   *time.Timer
}

// set rings at at, or earlier if it was already to; 0 never.
func (a *alarm) set(at time.Duration) {
	switch {
	case at == 0:
		a.stop()
	case a.t != nil && a.at <= at:
	default:
		a.stop()
		a.at = at
		var t *time.Timer
		t = time.AfterFunc(min(at-a.p.clock(), clockCheck), func() {
			a.p.post(func() {
				if a.t == t {
					a.t = nil
					a.due()
				}
			})
		})
		a.t = t
	}
}

func (a *alarm) stop() {
	if a.t != nil {
		a.t.Stop()
		a.t = nil
	}
}

// deadAfter is how long a carrier that was sent something may stay silent.
const deadAfter = 15 * time.Second

// watch stands on a link from something sent until what was sent is answered.
// It never changes; another replaces it.
type watch struct {
	at             time.Duration // plane.clock
	sent, received uint64        // packets, by then
}

// sentSince says whether anything was sent that has to be answered. One packet
// may be a late acknowledgement; what is not answered is sent again, in two.
func (w *watch) sentSince(sent uint64) bool { return sent >= w.sent+2 }

// expect watches for the answer to what is about to be sent. What waits already,
// and has been answered nothing, goes on waiting. Safe for concurrent use.
func (l *link) expect(now time.Duration) (first bool) {
	old := l.watch.Load()
	if old != nil && now < old.at+fresh {
		return false // soon enough to ask the carrier again
	}
	s := l.carrier.Stats()
	for {
		if old != nil && (s.Received < old.received || s.Received == old.received && old.sentSince(s.Sent)) {
			return false
		}
		if l.watch.CompareAndSwap(old, &watch{now, s.Sent, s.Received}) {
			return old == nil
		}
		old = l.watch.Load()
	}
}

// fresh is how old a watch is before payload replaces it.
const fresh = 50 * time.Millisecond

// put notes a PUT on its way. It starts no watch; one that stands has to give it
// time.
func (l *link) put(now time.Duration) {
	if l.watch.Load() != nil {
		l.expect(now)
	}
}

// patience is how long the link may be silent before another is looked for. One
// of which nothing was ever heard has the head start of a first lane.
func (l *link) patience() time.Duration {
	if !l.secured() {
		return carrier.Head
	}
	return max(time.Second, 4*l.carrier.Stats().RTT)
}

// silence is for how long the link has been silent that was sent something; 0: it
// has not. Answers to a part of what was sent, and to what was sent before, look like
// any other: the link is watched on until it sends nothing more, as it would again
// and again, at growing intervals, what has not arrived.
func (l *link) silence(now time.Duration) time.Duration {
	w := l.watch.Load()
	if w == nil || now < w.at+l.patience() {
		return 0
	}
	s := l.carrier.Stats()
	switch {
	case !w.sentSince(s.Sent) && !l.probing:
		l.watch.CompareAndSwap(w, nil)
	case s.Received == w.received:
		return now - w.at
	default:
		l.watch.CompareAndSwap(w, &watch{now, s.Sent, s.Received})
	}
	return 0
}

// whySilent is why a link is looked for in the place of one that does not answer.
const whySilent = "nothing comes back"

// listen looks at what the links were sent and have answered.
func (c *channel) listen(now time.Duration) {
	for _, l := range c.all() {
		c.inquire(l, now)
		silence := l.silence(now)
		switch {
		case silence >= deadAfter:
			c.gone(l, errSilent)
		case silence > 0 && l != c.link:
			l.suspect = true
			if l.leaving || l.joined {
				c.gone(l, errSilent)
			}
		case silence > 0:
			l.suspect = true
			c.renewal(whySilent, carrier.H2, carrier.H3)
		case l.suspect:
			l.suspect = false
			if l == c.link && c.anew != nil && c.anew.why == whySilent {
				c.anew.cancel()
			}
		}
	}
}

// touch notes payload, or a request, on its way. It is called by flows before
// they write, and after they have read; l may be nil.
func (c *channel) touch(l *link, up bool) {
	now := c.p.clock()
	c.last.Store(int64(now))
	if l != nil && (up && l.expect(now) || !up && l.came(now)) {
		c.p.post(c.rearm)
	}
}

// watchOver watches for the answer to a request that is about to be sent, and is
// no payload. The owner's.
func (c *channel) watchOver(l *link) {
	if l.expect(c.p.clock()) {
		c.rearm()
	}
}

// stir keeps the carrier for another idle period: a flow has just been cut, and
// the verdict that says why is on its way.
func (c *channel) stir() {
	if c.link != nil {
		c.last.Store(int64(c.p.clock()))
	}
}

// idle is how long a channel may be without payload.
func (p *plane) idle() time.Duration {
	if p.w.Idle > 0 {
		return p.w.Idle
	}
	return wire.DefaultSettings().Idle.D()
}

// rearm sets the alarm to the earliest of what may be due.
func (c *channel) rearm() {
	if c.closing {
		c.alarm.stop()
		return
	}
	var at time.Duration
	sooner := func(d time.Duration) {
		if d != 0 && (at == 0 || d < at) {
			at = d
		}
	}
	now := c.p.clock()
	if c.state == session.Connected || c.state == session.Connecting && c.restful() {
		sooner(time.Duration(c.last.Load()) + c.p.idle())
	}
	for _, l := range c.all() {
		if w := l.watch.Load(); w != nil {
			at := w.at + l.patience()
			if l.suspect {
				at = max(at, now+suspectLook)
			}
			sooner(at)
		}
		sooner(c.quiet(l))
	}
	if l := c.link; l != nil {
		sooner(l.again)
		sooner(l.renewAt)
		if l.reporting && now < l.began+heardTime {
			sooner(l.began + heardTime)
		}
		for f := range c.flows {
			if f.phase == flowParked {
				sooner(f.again)
			}
		}
		sooner(c.lanes.next)
	}
	if c.resting() {
		sooner(c.rested + restFor)
	} else if c.state == session.Suspended {
		sooner(c.expiring())
	}
	for _, end := range c.leases {
		sooner(end)
	}
	if at != 0 && at <= now {
		at = now + minLook
	}
	c.alarm.set(at)
}

const (
	// minLook is the least time between two looks at what is due.
	minLook = 20 * time.Millisecond
	// suspectLook is how often a link is looked at that is silent.
	suspectLook = 200 * time.Millisecond
)

// due looks at what the clock may have brought.
func (c *channel) due() {
	now := c.p.clock()
	c.listen(now)
	c.lapse(now)
	if c.rested != 0 && !c.resting() {
		c.rested = 0
		c.awaken()
	}
	if now >= time.Duration(c.last.Load())+c.p.idle() && c.restful() {
		c.suspend()
	}
	if near := c.expiring(); c.state == session.Suspended && (near != 0 && near <= now || c.forgotten()) {
		c.rouse()
	}
	c.renew()
	c.report()
	c.lanes.due(c, now)
	c.proceed()
	c.settle()
}
