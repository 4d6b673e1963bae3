package viewer

import (
	"context"
	"time"
)

// linger ends when the window has stayed closed for long enough.
type linger struct {
	closed chan bool // holds the last that was set
}

// set notes that the window was closed, or is there again. It does not block.
func (l *linger) set(closed bool) {
	for {
		select {
		case l.closed <- closed:
			return
		default:
		}
		select {
		case <-l.closed:
		default:
		}
	}
}

// run returns when the window has been closed for that long, or ctx has ended.
func (l *linger) run(ctx context.Context, long time.Duration) {
	timer := time.NewTimer(long)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case closed := <-l.closed:
			timer.Stop()
			if closed {
				timer.Reset(long)
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
