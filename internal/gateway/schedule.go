package gateway

import (
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// nextReevaluation is the first instant after now at which one of the
// reevaluation times has come, and the row of the table that it is: a time of
// day, where it is one. Zero: there are none.
func nextReevaluation(times []wire.Reevaluate, now time.Time) (at time.Time, row wire.Trigger) {
	take := func(t time.Time, trigger wire.Trigger) {
		if at.IsZero() || t.Before(at) || t.Equal(at) && trigger == wire.TriggerAtTime {
			at, row = t, trigger
		}
	}
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour) // UTC has no summer time
	for _, r := range times {
		for _, minute := range r.At {
			t := midnight.Add(time.Duration(minute) * time.Minute)
			if !t.After(now) {
				t = t.Add(24 * time.Hour)
			}
			take(t, wire.TriggerAtTime)
		}
		if every := r.Every.D(); every >= time.Minute {
			take(now.Truncate(every).Add(every), wire.TriggerPeriodic)
		}
	}
	return at, row
}
