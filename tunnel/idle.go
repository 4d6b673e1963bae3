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

// watch is on from the first thing sent until deadAfter later, and asks
// whether anything has come back since.
type watch struct {
	link     *link
	received uint64
	end      time.Duration
}

// touch notes payload, or a request, on its way. It is called by flows before
// they write, and after they have read.
func (c *channel) touch(l *link, up bool) {
	c.last.Store(int64(c.p.clock()))
	if c.quiet.Load() && c.quiet.CompareAndSwap(true, false) {
		c.p.post(c.wake)
	}
	if up && !c.watched.Load() && c.watched.CompareAndSwap(false, true) {
		received := l.received()
		c.p.post(func() {
			if c.link != l {
				c.watched.Store(false)
				return
			}
			c.watch = watch{l, received, c.p.clock() + deadAfter}
			c.rearm()
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
	if c.watch.end != 0 {
		sooner(c.watch.end)
	}
	if c.link != nil && c.link.again != 0 && c.state == session.Connected {
		sooner(c.link.again)
	}
	for _, end := range c.leases {
		sooner(end)
	}
	c.alarm.set(at)
}

// due looks at what the clock may have brought.
func (c *channel) due() {
	now := c.p.clock()
	if w := c.watch; w.end != 0 && now >= w.end {
		c.watch = watch{}
		c.watched.Store(false)
		if c.link == w.link && w.link.received() == w.received {
			c.gone(w.link, errSilent)
		}
	}
	c.lapse(now)
	if c.link != nil && c.state == session.Connected && now >= time.Duration(c.last.Load())+c.p.idle() {
		c.suspend()
	}
	c.report()
	c.rearm()
}

// suspend makes the channel silent: without open flows it has no carrier any
// more, with quiet ones it keeps it.
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
