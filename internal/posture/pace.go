package posture

import (
	"context"
	"time"
)

// pace says when to gather again. It is for one goroutine.
type pace struct {
	w    *Watcher
	tick *time.Ticker
}

func newPace(w *Watcher) *pace { return &pace{w: w, tick: time.NewTicker(every)} }

func (p *pace) stop() { p.tick.Stop() }

// await returns when the gathering after the one that began then is due, and
// false if ctx has ended before, or nobody follows the claims any more.
func (p *pace) await(ctx context.Context, began time.Time) bool {
	pause := time.Duration(0)
	select {
	case <-ctx.Done():
		return false
	case <-p.tick.C:
		p.w.announce(announcement{all: true})
	case <-p.w.wake:
		if now, goOn := p.w.hurry(); now {
			return goOn
		}
		pause = settle
	}
	if pause = max(pause, apart-time.Since(began)); pause <= 0 {
		return true
	}
	over := time.NewTimer(pause)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over.C:
			return true
		case <-p.w.wake:
			if now, goOn := p.w.hurry(); now {
				return goOn
			}
		}
	}
}
