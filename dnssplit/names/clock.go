package names

import "time"

// clock counts seconds since it was begun for the first time, at the wall clock's
// Unix time then. While the process runs it goes by the monotonic clock; in between
// the wall clock says how much time has passed, and that is not less than none.
type clock struct {
	begun time.Time
	base  int64
}

// newClock goes on from what the clock was when the wall clock was that.
func newClock(last, wall int64, now time.Time) clock {
	return clock{time.Now(), last + max(0, now.Unix()-wall)}
}

// ahead is how far the wall clock is ahead.
func (c clock) ahead(wall time.Time) int64 { return wall.Unix() - c.now() }

func (c clock) now() int64 { return c.base + int64(time.Since(c.begun)/time.Second) }
