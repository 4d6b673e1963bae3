package window

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/internal/colorscheme"
)

// ErrClientEnded is returned by Run when the client's states end before ctx does.
var ErrClientEnded = errors.New("tidegate has ended; start it again")

// Run shows the client's states and sends the user's commands until ctx ends,
// which is no error, or the client does. It returns when every goroutine that
// it started has ended.
func (w *Window) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for s := range w.client.Watch(ctx) {
			if w.enter(ctx, func() { w.apply(s) }) != nil {
				break
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		return ErrClientEnded
	})
	g.Go(func() error { return w.send(ctx) })
	g.Go(func() error { return w.inquire(ctx, w.asks) })
	g.Go(func() error { return w.inquire(ctx, w.slow) })
	g.Go(func() error {
		return w.follow(ctx, func(*time.Location) { w.enter(ctx, func() { w.apply(w.state) }) })
	})
	g.Go(func() error {
		err := w.schemes(ctx, func(s colorscheme.Scheme) { w.enter(ctx, func() { w.prefer(s) }) })
		if err != nil && ctx.Err() == nil { // which is no reason to close
			w.options.Log.Warn("the desktop's light and dark are not followed", "error", err)
		}
		return nil
	})
	g.Go(func() error { return w.clock.run(ctx, w.options.Now, func(f func()) error { return w.enter(ctx, f) }) })
	return g.Wait()
}

// send carries commands to the client, one after the other.
func (w *Window) send(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-w.queue:
			err := w.client.Do(ctx, o.command)
			if w.enter(ctx, func() { o.done(err) }) != nil {
				return nil
			}
		}
	}
}

// inquire asks the client what the pages want to know, one after the other.
func (w *Window) inquire(ctx context.Context, questions <-chan question) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case q := <-questions:
			if then := q(ctx); then != nil && w.enter(ctx, then) != nil {
				return nil
			}
		}
	}
}

// enter runs f on Fyne's thread and waits for it. It is the only place here
// that gets there. Unlike fyne.DoAndWait it does not wait for ever when Fyne's
// loop has ended: it returns when ctx does, and f does not run after that.
func (w *Window) enter(ctx context.Context, f func()) error {
	ran := make(chan struct{})
	w.thread(func() {
		defer close(ran)
		if ctx.Err() == nil {
			f()
		}
	})
	select {
	case <-ran:
	case <-ctx.Done():
	}
	return ctx.Err()
}
