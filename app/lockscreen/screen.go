package lockscreen

import (
	"maps"
	"time"
)

// fact is what one of those who know says of the screen.
type fact struct {
	bus, from string // without from: all of that bus
	on        bool
}

// asked is a fact's from that is an order and no state: somebody has the screen
// locked, or unlocked.
const asked = "asked"

// askedTime is how long an order to lock counts by itself. A locker that obeyed
// says so by then; one that does not say so will not say either when it ends.
const askedTime = 10 * time.Second

// screen is what is known of the screen. The zero screen is unlocked.
type screen struct {
	on    map[fact]bool // by a fact that is not on
	until time.Time     // of an order to lock
}

func (s *screen) take(f fact, now time.Time) {
	if s.on == nil {
		s.on = map[fact]bool{}
	}
	switch f.from {
	case "":
		maps.DeleteFunc(s.on, func(of fact, _ bool) bool { return of.bus == f.bus })
	case asked:
		s.until = time.Time{}
		if f.on {
			s.until = now.Add(askedTime)
		}
	default:
		if f.on { // that was the answer to the order
			s.until = time.Time{}
		}
		s.on[fact{bus: f.bus, from: f.from}] = f.on
	}
}

// locked says whether the screen is locked, and where the clock alone will change
// that, when.
func (s *screen) locked(now time.Time) (locked bool, until time.Time) {
	for _, on := range s.on {
		if on {
			return true, time.Time{}
		}
	}
	if now.Before(s.until) {
		return true, s.until
	}
	return false, time.Time{}
}
