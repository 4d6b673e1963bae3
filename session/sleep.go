package session

import "time"

const (
	// wallCheck is how often the wall clock is looked at where nobody tells that it
	// has made a step: timers stand still while the machine sleeps.
	wallCheck = 5 * time.Second
	// rarely is how often where somebody does.
	rarely = time.Minute
	// asleepFor is how far the wall clock must have run ahead of the monotonic
	// one to count as sleep; a clock set forward by as much is treated alike.
	asleepFor = 5 * time.Second
)

// sleepWatch tells that the machine has slept.
type sleepWatch struct {
	every      time.Duration // that it is to look
	wall, mono time.Time
}

func newSleepWatch(wall time.Time, told bool) sleepWatch {
	w := sleepWatch{every: wallCheck, wall: wall.Round(0), mono: time.Now()}
	if told {
		w.every = rarely
	}
	return w
}

// look returns for how long the machine has slept since the last look, if it has: by
// how far the wall clock was set back, less than zero, if it was.
func (s *sleepWatch) look(wall time.Time) time.Duration {
	asleep := wall.Round(0).Sub(s.wall) - time.Since(s.mono)
	s.wall, s.mono = wall.Round(0), time.Now()
	if asleep.Abs() < asleepFor {
		return 0
	}
	return asleep
}

// woke takes note that the machine has slept, or its clock was set back. Whatever
// connection stood is not known to be alive any more, and it told instants by another
// clock: it is made anew. The ride-through counts from before the sleep; where that was
// longer, access waits for the controller.
func (c *core) woke(now time.Time, asleep time.Duration) {
	c.o.Log.Info("the machine has slept, or its clock was set", "for", asleep)
	asleep = max(0, asleep)
	c.link.restart()
	c.lived.slept(now.Add(-asleep), now)
	if c.device.followed {
		c.o.Posture.Again()
	}
	if c.cookie == "" || !c.control.established {
		return
	}
	if c.snapshot == nil || asleep >= c.snapshot.Settings.RideThrough.D() {
		c.control = controlFact{since: now}
		return
	}
	c.control = controlFact{ever: true, since: now, lost: now.Add(-asleep)}
}

// passed is the time from since to now by whichever clock says more: the wall's
// goes on while the machine sleeps, and the monotonic is not set back.
func passed(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}
