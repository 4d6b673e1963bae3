package lockscreen

import (
	"context"
	"log/slog"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sync/errgroup"
)

// Options make a Watcher. Report is needed.
type Options struct {
	// Report is told of each change; the screen is unlocked to begin with.
	Report func(locked bool)
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Watcher watches the screen.
type Watcher struct{ o Options }

// New makes a Watcher; Run starts it.
func New(o Options) *Watcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{o: o}
}

// Run watches until ctx ends, and returns nil then. Buses and services may come
// late, and go and come again.
func (w *Watcher) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	facts := make(chan fact)
	tell := func(f fact) {
		select {
		case facts <- f:
		case <-ctx.Done():
		}
	}
	for _, b := range []bus{
		{name: "system", dial: dbus.SystemBusPrivate, watch: watchLogin, tell: tell, log: w.o.Log},
		{name: "session", dial: dbus.SessionBusPrivateNoAutoStartup, watch: watchSavers, tell: tell, log: w.o.Log},
	} {
		g.Go(func() error {
			b.run(ctx)
			return nil
		})
	}
	g.Go(func() error {
		w.own(ctx, facts)
		return nil
	})
	return g.Wait()
}

// own is the one goroutine that knows the screen.
func (w *Watcher) own(ctx context.Context, facts <-chan fact) {
	var s screen
	locked := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case f := <-facts:
			s.take(f, time.Now())
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil { // what is told then is told by nobody
			return
		}
		now, until := s.locked(time.Now())
		if !until.IsZero() {
			timer.Reset(time.Until(until))
		}
		if now != locked {
			locked = now
			w.o.Report(locked)
		}
	}
}
