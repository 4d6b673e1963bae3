package policy

import "time"

// Stamp is the time stamp of a user response claim answered at now: the next
// multiple of rounding since the zero of the UTC clock. An answer exactly on
// it keeps it, and a rounding of 0 keeps every instant (seed 003: the next
// quarter of an hour).
func Stamp(now time.Time, rounding time.Duration) time.Time {
	now = now.UTC().Round(0)
	if rounding <= 0 {
		return now
	}
	at := now.Truncate(rounding)
	if at.Before(now) {
		at = at.Add(rounding)
	}
	return at
}
