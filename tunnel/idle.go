package tunnel

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// clockCheck is how often an alarm that is set looks at the clock: timers stand
// still while the machine sleeps.
const clockCheck = 15 * time.Second

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

// watch stands on a link from something sent until what was sent is answered,
// and is looked at deadAfter after at. It never changes; another replaces it.
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
	for {
		sent, received := l.packets()
		old := l.watch.Load()
		if old != nil && (received < old.received || received == old.received && old.sentSince(sent)) {
			return false
		}
		if l.watch.CompareAndSwap(old, &watch{now, sent, received}) {
			return old == nil
		}
	}
}

// put notes a PUT on its way. It starts no watch, so that a quiet flow outlives an
// outage; one that stands has to give it time.
func (l *link) put(now time.Duration) {
	if l.watch.Load() != nil {
		l.expect(now)
	}
}

// silent looks at the watch, where that is due, and says whether nothing has come
// back. Answers to a part of what was sent, and to what was sent before, look like
// any other: the link is watched on until it sends nothing more, as it would again
// and again, at growing intervals, what has not arrived.
func (l *link) silent(now time.Duration) bool {
	w := l.watch.Load()
	if w == nil || now < w.at+deadAfter {
		return false
	}
	sent, received := l.packets()
	switch {
	case !w.sentSince(sent):
		l.watch.CompareAndSwap(w, nil)
	case received == w.received:
		return true
	default:
		l.watch.CompareAndSwap(w, &watch{now, sent, received})
	}
	return false
}

// touch notes payload, or a flow's request, on its way. It is called by flows
// before they write, and after they have read.
func (c *channel) touch(l *link, up bool) {
	now := c.p.clock()
	c.last.Store(int64(now))
	if c.quiet.Load() && c.quiet.CompareAndSwap(true, false) {
		c.p.post(c.wake)
	}
	if up && l.expect(now) {
		c.p.post(func() {
			if c.link == l {
				c.rearm()
			}
		})
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
	var at time.Duration
	sooner := func(d time.Duration) {
		if at == 0 || d < at {
			at = d
		}
	}
	if c.link != nil && c.state == session.Connected {
		sooner(time.Duration(c.last.Load()) + c.p.idle())
	}
	if c.link != nil {
		if w := c.link.watch.Load(); w != nil {
			sooner(w.at + deadAfter)
		}
		if c.link.again != 0 {
			sooner(c.link.again)
		}
		if c.link.reporting && c.p.clock() < c.link.began+heardTime {
			sooner(c.link.began + heardTime)
		}
	}
	for _, end := range c.leases {
		sooner(end)
	}
	c.alarm.set(at)
}

// due looks at what the clock may have brought.
func (c *channel) due() {
	now := c.p.clock()
	if c.link != nil && c.link.silent(now) {
		c.gone(c.link, errSilent)
	}
	c.lapse(now)
	if c.link != nil && c.state == session.Connected && now >= time.Duration(c.last.Load())+c.p.idle() {
		c.suspend()
	}
	c.report()
	c.proceed()
	c.rearm()
}

// suspend makes the channel silent: without open flows it has no carrier any
// more; with quiet ones it keeps it, for them and for news to the gateway.
func (c *channel) suspend() {
	c.set(session.Suspended)
	if !c.used() {
		c.hangUp()
		return
	}
	last := c.last.Load()
	c.quiet.Store(true)
	if c.last.Load() != last && c.quiet.CompareAndSwap(true, false) {
		c.wake() // payload came in between, and saw no quiet
	}
}

// wake makes a suspended channel that kept its carrier a connected one.
func (c *channel) wake() {
	if c.link != nil && c.state == session.Suspended {
		c.quiet.Store(false)
		c.set(session.Connected)
		c.link.again = 0
		c.report()
		c.rearm()
	}
}

// stir keeps the carrier for another idle period: a flow has just been cut, and
// the verdict that says why is on its way.
func (c *channel) stir() {
	c.last.Store(int64(c.p.clock()))
	c.wake()
}

// used says whether the channel has a flow, in whatever phase.
func (c *channel) used() bool {
	for f := range c.p.flows {
		if f.ch == c {
			return true
		}
	}
	return false
}
