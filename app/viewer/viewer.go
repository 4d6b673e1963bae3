// Package viewer is the window process: it shows the window of the instance
// that runs beside it, and holds nothing but a connection to its socket, so
// that access never depends on it.
//
// The tray process starts one when package raise says so. The program gives it a
// fyne.App and calls Run on the main thread. After the user closed the window
// the process stays for a while, so that opening it again is instant; it ends
// at once with the instance, unless that has died and somebody looks: then the window
// says so for a minute, and starts it again if the user likes.
package viewer

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"fyne.io/fyne/v2"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/app/raise"
	"github.com/tidegate/tidegate/app/window"
	"github.com/tidegate/tidegate/session"
)

// Options for Run. App and Client are needed.
type Options struct {
	App    fyne.App
	Client window.Client
	// Instance is whom the client speaks to; nil: the window ends with it at once.
	Instance Instance
	// Linger is how long the process stays after the window was closed; 0
	// means five minutes.
	Linger time.Duration
	// Inspect is the path of a socket that tells end-to-end tests what the
	// window shows; empty: none.
	Inspect string
	// Force ends the process where Fyne's loop does not end within endTime of
	// being asked to; nil waits for it.
	Force func()
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// endTime is how long Fyne has to end: a window process that hangs would stay
// for ever, since nobody waits for it.
const endTime = 5 * time.Second

// quitDelay is what Fyne needs between the last window's going and its own
// end, or a pointer event that is on its way hits a window that is not there.
const quitDelay = 250 * time.Millisecond

// Run shows the window until ctx ends, the instance does, or the user has
// closed the window and not come back. Call it on the main thread.
func Run(ctx context.Context, o Options) error {
	if o.Linger == 0 {
		o.Linger = 5 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &linger{closed: make(chan bool, 1)}
	var w *window.Window
	client := observed{o.Client, func() {
		l.set(false)
		fyne.Do(func() { w.Show() })
	}}
	orphaned := false // on Fyne's thread
	w = window.New(o.App, client, window.Options{Log: o.Log, OnClose: func() {
		if orphaned {
			cancel()
		}
		l.set(true)
	}})
	g, ctx := errgroup.WithContext(ctx)
	started := make(chan struct{})
	o.App.Lifecycle().SetOnStarted(func() {
		w.Show()
		close(started)
	})
	g.Go(func() error {
		defer cancel()
		if !wait(ctx, started) {
			return nil
		}
		err := w.Run(ctx)
		if o.Instance == nil || !errors.Is(err, window.ErrClientEnded) {
			return err
		}
		return orphan{instance: o.Instance, thread: fyne.Do, notStarted: w.NotStarted, stopped: func(again func()) bool {
			orphaned = true
			return w.Stopped(again)
		}}.run(ctx)
	})
	g.Go(func() error {
		l.run(ctx, o.Linger)
		cancel()
		return nil
	})
	if o.Inspect != "" {
		g.Go(func() error {
			defer cancel()
			return inspect(ctx, o.Inspect, func() any { return w.Inspect() })
		})
	}
	ended, over := make(chan error, 1), make(chan struct{})
	go func() {
		err := g.Wait()
		if o.Force != nil {
			time.AfterFunc(endTime, func() {
				select {
				case <-over:
				default:
					o.Force()
				}
			})
		}
		quit(o.App, w, over)
		ended <- err
	}()
	o.App.Run()
	close(over)
	cancel()
	return <-ended
}

// quit ends Fyne's loop, unless it is over already: Fyne ends by itself at
// SIGTERM, and what is asked of it afterwards panics.
func quit(a fyne.App, w *window.Window, over <-chan struct{}) {
	select {
	case <-over:
		return
	default:
		fyne.Do(w.Hide)
	}
	select {
	case <-over:
	case <-time.After(quitDelay):
		fyne.Do(a.Quit)
	}
}

func wait(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// observed is the client as the window sees it: what needs the window brings
// it back.
type observed struct {
	window.Client
	needed func()
}

// Watch implements window.Client.
func (c observed) Watch(ctx context.Context) iter.Seq[session.State] {
	return func(yield func(session.State) bool) {
		var steps raise.Steps
		seen := false
		for s := range c.Client.Watch(ctx) {
			needed := steps.Needed(s) && seen
			seen = true
			if !yield(s) {
				return
			}
			if needed {
				c.needed()
			}
		}
	}
}
