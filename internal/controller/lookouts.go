package controller

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// lookEvery is how often a device may have the controller look ahead in the long
	// run, lookBurst how often at once: a window asks when verdicts change, and a
	// person may ask by the command line beside it.
	lookEvery = 5 * time.Second
	lookBurst = 6
	// lookTime bounds one look, and lookWait how long it waits for those of others.
	lookTime = time.Second
	lookWait = 4 * time.Second
	// lookers are how many looks are made at the same time.
	lookers = 2
)

// lookouts bounds what looking ahead may cost: each device its rate, and all
// together few at a time. Safe for concurrent use; the zero value is not ready.
type lookouts struct {
	turns chan struct{}

	mu    sync.Mutex
	full  map[wire.DeviceID]time.Time // when a device will have its whole burst again; those that have are left out
	swept time.Time
}

func newLookouts() *lookouts {
	return &lookouts{turns: make(chan struct{}, lookers), full: map[wire.DeviceID]time.Time{}}
}

// begin waits for a turn, which done ends, or refuses one.
func (l *lookouts) begin(ctx context.Context, id wire.DeviceID, now time.Time) (done func(), p *wire.Problem) {
	if again := l.count(id, now); !again.IsZero() {
		p := refuse(wire.CodeOverload)
		p.Status, p.Title, p.Until = http.StatusTooManyRequests, "This device asks too often what is ahead; try again in a moment", again.UTC().Round(0)
		return nil, p
	}
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	select {
	case l.turns <- struct{}{}:
		return func() { <-l.turns }, nil
	case <-ctx.Done():
		return nil, refuse(wire.CodeOverload)
	}
}

// count counts a question, or says when the next one may be asked.
func (l *lookouts) count(id wire.DeviceID, now time.Time) (again time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept).Abs() > time.Minute {
		l.swept = now
		for id, at := range l.full {
			if !at.After(now) {
				delete(l.full, id)
			}
		}
	}
	full := l.full[id]
	if full.Before(now) || full.Sub(now) > lookEvery*lookBurst { // a clock that was set back locks nobody out
		full = now
	}
	full = full.Add(lookEvery)
	if over := full.Sub(now) - lookEvery*lookBurst; over > 0 {
		return now.Add(over)
	}
	l.full[id] = full
	return time.Time{}
}

// stopAt says when work is to stop: at an instant, or with its context.
func stopAt(ctx context.Context, end time.Time) func() bool {
	return func() bool { return ctx.Err() != nil || !time.Now().Before(end) }
}
