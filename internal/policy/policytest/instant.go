package policytest

import (
	"math/rand/v2"
	"time"
)

// Weeks begin two days before some zone's change of offset.
var Weeks = []time.Time{
	time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC), // Europe
	time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC), // America
	time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC), // Lord Howe, half an hour
	time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
}

// RandomInstant is within a week of it: anywhere, on a round time or beside
// it, or shortly before a zone changes its offset.
func RandomInstant(r *rand.Rand, week time.Time) time.Time {
	at := week.Add(time.Duration(r.Int64N(int64(7 * 24 * time.Hour))))
	switch r.IntN(4) {
	case 0:
		return at
	case 1:
		first := r.IntN(len(zones))
		for i := range zones {
			loc, err := time.LoadLocation(zones[(first+i)%len(zones)])
			if err != nil {
				panic(err)
			}
			if _, end := week.In(loc).ZoneBounds(); !end.IsZero() && end.Sub(week) < 7*24*time.Hour {
				return end.UTC().Add(-time.Duration(r.Int64N(int64(12 * time.Hour))))
			}
		}
	}
	unit := pick(r, time.Minute, 15*time.Minute, time.Hour, 24*time.Hour)
	return at.Truncate(unit).Add(time.Duration(pick(r, 0, 0, -1, 1)))
}
