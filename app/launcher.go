package app

import (
	"context"
	"log/slog"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/app/raise"
	"github.com/tidegate/tidegate/session"
)

const (
	// unserved is how shortly before the window process's end a need may have
	// come for the process not to have served it: no less than it takes to end, of
	// which package viewer allows 5 s.
	unserved = 6 * time.Second
	// windowGrace is how long the window process gets to end by itself.
	windowGrace = 3 * time.Second
	// The pauses after a window process that crashed; the longest is also how
	// long one must have lasted to count as sound.
	firstPause, longestPause = time.Second, time.Minute
)

// launcher starts the window process when there is something to look at, one
// at a time. While one runs it raises itself.
type launcher struct {
	core    Core
	command func(context.Context) *exec.Cmd
	display func() error
	failed  func(error) // tells the user
	log     *slog.Logger

	ended   chan error // of the process that runs
	running bool
	started time.Time
	needed  time.Time // when the need that no process has served came; zero: none
	blind   bool      // it has been said that no window can be shown
	pause   time.Duration
	ready   time.Time // not before this may one start
}

func newLauncher(o Options, failed func(error)) *launcher {
	return &launcher{core: o.Core, command: o.Window, display: o.Display, failed: failed, log: o.Log, ended: make(chan error, 1)}
}

func (l *launcher) run(ctx context.Context) error {
	if l.command == nil {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	states := make(chan session.State)
	g.Go(func() error {
		for s := range l.core.Watch(ctx) {
			select {
			case states <- s:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	g.Go(func() error {
		l.own(ctx, states)
		return nil
	})
	return g.Wait()
}

// own is the one goroutine that starts and ends the process.
func (l *launcher) own(ctx context.Context, states <-chan session.State) {
	var steps raise.Steps
	var now session.State
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case now = <-states:
			if steps.Needed(now) {
				l.needed = time.Now()
			}
		case err := <-l.ended:
			if l.over(err) && steps.Lost(now) {
				l.needed = time.Now()
			}
		case <-timer.C:
		case <-ctx.Done():
			if l.running {
				<-l.ended // the context ends the process
			}
			return
		}
		if l.running || l.needed.IsZero() {
			continue
		}
		if wait := time.Until(l.ready); wait > 0 {
			timer.Reset(wait)
			continue
		}
		if !l.start(ctx) {
			timer.Reset(time.Until(l.ready))
		}
	}
}

// start starts the process; false: it did not start, and is to be tried again.
func (l *launcher) start(ctx context.Context) bool {
	if err := l.display(); err != nil {
		if !l.blind {
			l.log.Warn("the window cannot be shown: DISPLAY names no display")
			l.failed(err)
		}
		l.blind, l.needed = true, time.Time{}
		return true
	}
	cmd := l.command(ctx)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = windowGrace
	if err := cmd.Start(); err != nil {
		l.log.Error("start the window", "error", err)
		l.later()
		return false
	}
	l.running, l.started, l.needed = true, time.Now(), time.Time{}
	go func() { l.ended <- cmd.Wait() }() // own waits for it before it returns
	return true
}

// over notes the process's end. One that ended just when it was needed again is
// started again, after a crash with a pause. again: so is one that crashed, for what
// is asked already, unless it crashes on and on.
func (l *launcher) over(err error) (again bool) {
	l.running = false
	if time.Since(l.needed) > unserved {
		l.needed = time.Time{}
	}
	if err == nil {
		l.pause = 0
		return false
	}
	l.log.Warn("the window has crashed", "error", err)
	if time.Since(l.started) > longestPause {
		l.pause = 0
	}
	l.later()
	return l.pause < longestPause
}

func (l *launcher) later() {
	l.pause = min(max(2*l.pause, firstPause), longestPause)
	l.ready = time.Now().Add(l.pause)
}
