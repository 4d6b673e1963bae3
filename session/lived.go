package session

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// livedBack is how far back is remembered how access was: the longest day.
	livedBack = 25 * time.Hour
	// mostLived bounds what is remembered of one entitlement, and of all together.
	mostLived = 24
	allLived  = 3000
)

// Lived is how access was, as the gateway's verdicts told in this run.
type Lived struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"` // in memory, zero while it goes on
	Outlook Outlook   `json:"outlook"`
}

// lived is how access to each entitlement was, the oldest first. There are gaps
// wherever no gateway had said: no data channel stood.
type lived struct {
	device wire.DeviceID
	of     map[wire.EntitlementID][]Lived
	awake  time.Time // what is told now is not of the time before
}

// slept takes that the machine slept from one instant to another: nobody told anything.
func (l *lived) slept(from, to time.Time) {
	for id, all := range l.of {
		if l.of[id] = ended(all, from); len(l.of[id]) == 0 {
			delete(l.of, id)
		}
	}
	l.awake = to
}

// note takes what is so from now on.
func (l *lived) note(s *State, now time.Time) {
	if l.of == nil || l.device != s.Enrolment.Device {
		l.device, l.of = s.Enrolment.Device, map[wire.EntitlementID][]Lived{}
	}
	told := make(map[wire.EntitlementID]bool, len(l.of))
	for i := range s.Apps {
		a := &s.Apps[i]
		if a.Since.IsZero() || a.Entitlement == "" || told[a.Entitlement] {
			continue
		}
		told[a.Entitlement] = true
		is := OutlookClosed
		switch {
		case a.Allowed:
			is = OutlookOpen
		case len(a.Cure) > 0:
			is = OutlookAsks
		}
		all := l.of[a.Entitlement]
		if n := len(all); n > 0 && all[n-1].To.IsZero() && all[n-1].Outlook == is && !all[n-1].From.After(now) {
			continue
		}
		all = ended(all, now)
		from := a.Since
		if from.Before(l.awake) {
			from = l.awake
		}
		if from.After(now) { // clocks do not agree to the second
			from = now
		}
		if n := len(all); n > 0 && all[n-1].To.After(from) {
			from = all[n-1].To
		}
		l.of[a.Entitlement] = append(all, Lived{From: from, Outlook: is})
	}
	for id, all := range l.of {
		if !told[id] && all[len(all)-1].To.IsZero() {
			l.of[id] = ended(all, now)
		}
		if l.of[id] = recent(l.of[id], now, max(1, min(mostLived, allLived/len(l.of)))); len(l.of[id]) == 0 {
			delete(l.of, id)
		}
	}
}

// ended is all with what went on ended now. What a clock that was set back has put
// ahead of now is left out.
func ended(all []Lived, now time.Time) []Lived {
	for n := len(all); n > 0; n = len(all) {
		last := &all[n-1]
		if last.From.Before(now) {
			if last.To.IsZero() || last.To.After(now) {
				last.To = now
			}
			break
		}
		all = all[:n-1]
	}
	return all
}

// recent are the last of all, at most so many, that are not over for too long.
func recent(all []Lived, now time.Time, most int) []Lived {
	all = all[max(0, len(all)-most):]
	for len(all) > 0 && !all[0].To.IsZero() && now.Sub(all[0].To) > livedBack {
		all = all[1:]
	}
	return all
}

// until is a copy for a State, in which nothing goes on beyond at; nil: nothing is
// known.
func (l *lived) until(at time.Time) map[wire.EntitlementID][]Lived {
	var out map[wire.EntitlementID][]Lived
	for id, all := range l.of {
		var copied []Lived
		for _, x := range all {
			if x.To.IsZero() || x.To.After(at) {
				x.To = at
			}
			if x.From.Before(x.To) {
				copied = append(copied, x)
			}
		}
		if copied != nil {
			if out == nil {
				out = map[wire.EntitlementID][]Lived{}
			}
			out[id] = copied
		}
	}
	return out
}

// stretch is x as one of a bar.
func (x Lived) stretch() Stretch {
	return Stretch{wire.ForecastSpan{From: x.From, To: x.To, Allow: x.Outlook == OutlookOpen}, x.Outlook}
}

// Days are the stretches of each entitlement: what is known of the time before At,
// and what is foreseen from there on.
func (a *Ahead) Days() map[wire.EntitlementID][]Stretch {
	days := map[wire.EntitlementID][]Stretch{}
	if a == nil {
		return days
	}
	for _, l := range a.Lines {
		ahead := stretchesOf(l)
		for _, id := range l.Entitlements {
			past := a.Past[id]
			if len(past) == 0 {
				days[id] = ahead
				continue
			}
			all := make([]Stretch, 0, len(past)+len(ahead))
			for _, x := range past {
				all = append(all, x.stretch())
			}
			days[id] = append(all, ahead...)
		}
	}
	return days
}
