package window

import (
	"context"
	"sync"
	"time"
)

// clock calls functions on Fyne's thread when their time has come: a countdown
// that is visible, a note that goes away. It ticks only for them.
type clock struct {
	mu   sync.Mutex
	due  []alarm
	wake chan struct{}
}

type alarm struct {
	at time.Time
	f  func()
}

// at calls f at t.
func (c *clock) at(t time.Time, f func()) {
	c.mu.Lock()
	c.due = append(c.due, alarm{t, f})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// next returns when the first alarm is due.
func (c *clock) next() (at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.due {
		if !ok || a.at.Before(at) {
			at, ok = a.at, true
		}
	}
	return at, ok
}

// take returns and forgets what is due at now.
func (c *clock) take(now time.Time) []func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var fs []func()
	kept := c.due[:0]
	for _, a := range c.due {
		if a.at.After(now) {
			kept = append(kept, a)
		} else {
			fs = append(fs, a.f)
		}
	}
	clear(c.due[len(kept):])
	c.due = kept
	return fs
}

// run waits for alarms until ctx ends; enter runs a function on Fyne's thread.
func (c *clock) run(ctx context.Context, now func() time.Time, enter func(func()) error) error {
	for {
		var ring <-chan time.Time
		var timer *time.Timer
		if at, ok := c.next(); ok {
			timer = time.NewTimer(at.Sub(now()))
			ring = timer.C
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-ring:
			for _, f := range c.take(now()) {
				if enter(f) != nil {
					break
				}
			}
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}
