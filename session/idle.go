package session

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// leastIdle is the shortest idle time that a user can choose: less would have channels
// suspended and resumed all day.
const leastIdle = wire.Duration(time.Minute)

// idleSteps are what is put before the user, as far as the administrator allows.
var idleSteps = []wire.Duration{leastIdle, wire.Duration(5 * time.Minute), wire.Duration(15 * time.Minute),
	wire.Duration(30 * time.Minute), wire.Duration(time.Hour), wire.Duration(4 * time.Hour)}

// IdleSteps are the idle times to choose from, the shortest first; none where the
// administrator has fixed it.
func IdleSteps(fixed wire.Settings) []wire.Duration {
	if fixed.IdleMost == 0 {
		return nil
	}
	var all []wire.Duration
	for _, d := range idleSteps {
		if d < fixed.IdleMost {
			all = append(all, d)
		}
	}
	return append(all, fixed.IdleMost)
}

// IdleOf is the idle time that holds: the user's as far as the administrator allows
// one, and else the administrator's.
func (c Choices) IdleOf(fixed wire.Settings) wire.Duration {
	if c.Idle == 0 || fixed.IdleMost == 0 {
		return fixed.Idle
	}
	return max(min(c.Idle, fixed.IdleMost), min(leastIdle, fixed.IdleMost))
}

// mayIdle says whether the user may choose that idle time; zero is the administrator's,
// and always is.
func (c *core) mayIdle(d wire.Duration) error {
	switch {
	case d == 0:
		return nil
	case c.snapshot == nil:
		return says("whether you may choose the idle time is known once you are signed in; sign in first")
	}
	fixed := c.snapshot.Settings
	switch least := min(leastIdle, fixed.IdleMost); {
	case fixed.IdleMost == 0:
		return says("your administrator has fixed the idle time at %v; ask them to change it", fixed.Idle)
	case d > fixed.IdleMost:
		return says("your administrator allows an idle time of %v at most; choose that or less", fixed.IdleMost)
	case d < least:
		return says("the idle time is %v at least; choose that or more", least)
	}
	return nil
}
