package gateway

import (
	"math/rand/v2"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// retryScript is how soon at the latest a script that failed is run again.
	retryScript = time.Minute
	// accessPause is how long after a run has begun the client causes no other.
	accessPause = time.Second
)

// task is a script in a session: its last value and when it is run again. It
// belongs to whoever owns the session.
//
//	wanted ──► running ──► value ──(refresh, a row of the table)──► wanted
//	                └────► failed: the last value stands for as long as Keep says
type task struct {
	key      string
	program  *program // nil: the controller has sent none of that name
	variable string   // of a criteria script; empty for an entitlement script

	running bool
	tried   bool // a run of this program has ended
	began   time.Time
	served  time.Time    // when the last run began that has ended
	turn    uint64       // the session's, when a run was wanted last
	again   wire.Trigger // another run is wanted when this one has ended

	// due is when it is run next, for why; zero: not by the clock.
	due time.Time
	why wire.Trigger

	known   bool // there is a value that counts
	value   any
	hosts   []string
	got     time.Time // when it came
	failing bool
}

// pending says that the first run is under way.
func (t *task) pending() bool { return !t.tried && (t.running || !t.due.IsZero()) }

// expires is when the value stops counting while runs fail; zero: it does not.
func (t *task) expires() time.Time {
	if !t.known || !t.failing {
		return time.Time{}
	}
	return t.got.Add(t.program.Keep.D())
}

// wake is when the task has something to do; zero: never.
func (t *task) wake() time.Time { return earlier(t.due, t.expires()) }

// plan sets when the task is run again by itself: criteria scripts when their
// value is no longer fresh, any script soon after it failed. The refresh comes a
// little early, not with everybody else's.
func (t *task) plan(now time.Time) {
	t.due, t.why = time.Time{}, wire.TriggerScript
	refresh := t.program.Refresh.D()
	if t.variable == "" {
		refresh = 0
	}
	if t.failing && (refresh == 0 || refresh > retryScript) {
		refresh = retryScript
	}
	if refresh > 0 {
		t.due = now.Add(refresh - rand.N(refresh/10+1))
	}
}

// earlier is the earlier of two instants, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
