package posture

import (
	"context"
	"time"
)

const (
	// wallCheck is how often the wall clock is looked at: timers stand still
	// while the machine sleeps, and nothing else tells.
	wallCheck = 5 * time.Second
	// asleepFor is how far the wall clock must have run ahead of the monotonic
	// one to count as sleep.
	asleepFor = 5 * time.Second
)

// pace says when to gather again. It is for one goroutine.
type pace struct {
	w          *Watcher
	tick, look *time.Ticker
	wall, mono time.Time // at the last look
}

func newPace(w *Watcher) *pace {
	p := &pace{w: w, tick: time.NewTicker(every), look: time.NewTicker(wallCheck)}
	p.slept()
	return p
}

func (p *pace) stop() {
	p.tick.Stop()
	p.look.Stop()
}

// await returns when the gathering after the one that began then is due, and
// false if ctx has ended before.
func (p *pace) await(ctx context.Context, began time.Time) bool {
	pause, due := time.Duration(0), false
	for !due {
		select {
		case <-ctx.Done():
			return false
		case <-p.tick.C:
			due = true
		case <-p.look.C:
			due = p.slept()
		case <-p.w.wake:
			if p.w.declaring() {
				return true
			}
			pause, due = settle, true
			continue
		}
		if due {
			p.w.announce(announcement{all: true})
		}
	}
	if pause = max(pause, apart-time.Since(began)); pause <= 0 {
		return true
	}
	over := time.After(pause)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return true
		case <-p.w.wake:
			if p.w.declaring() {
				return true
			}
		}
	}
}

// slept says whether the machine has slept since it was called last.
func (p *pace) slept() bool {
	wall := p.w.now().Round(0)
	asleep := wall.Sub(p.wall) - time.Since(p.mono)
	p.wall, p.mono = wall, time.Now()
	return asleep >= asleepFor
}
