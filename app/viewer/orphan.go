package viewer

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Instance is the tray process, as far as it is more than its states.
type Instance interface {
	// Gone returns nil when the process has ended, and none is in its place yet.
	Gone(ctx context.Context) error
	// Back returns nil when there is one in its place.
	Back(ctx context.Context) error
	// Start starts one, and returns when that has been asked to show a window.
	Start(ctx context.Context) error
}

const (
	// stay is how long the window of an instance that has died says so at most.
	stay = time.Minute
	// goneTime is how long one whose states have ended may take to be gone: more than
	// it gives its window to end.
	goneTime = 10 * time.Second
)

// orphan is the window of an instance whose states have ended.
type orphan struct {
	instance Instance
	thread   func(func()) // runs it on Fyne's thread, at once or later
	// stopped says in the window what is so, and tells whether anybody looks;
	// notStarted says why it is so still. Both are called on Fyne's thread.
	stopped    func(again func()) bool
	notStarted func(error)
}

// errLost is for the tray process, which starts another.
var errLost = errors.New("the window hears nothing of the tray process, which runs")

// run returns when the window is to end. An instance that ends by itself has its window
// end before: while that can be, nothing is said.
func (o orphan) run(ctx context.Context) error {
	if err := o.gone(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	looked, again := make(chan bool, 1), make(chan struct{}, 1)
	o.thread(func() { looked <- o.stopped(func() { again <- struct{}{} }) })
	back := make(chan struct{})
	wg.Go(func() {
		if o.instance.Back(ctx) == nil {
			close(back)
		}
	})
	timer := time.NewTimer(stay)
	defer timer.Stop()
	for {
		select {
		case looks := <-looked:
			if !looks {
				return nil
			}
		case <-again:
			err := o.instance.Start(ctx)
			if err == nil || ctx.Err() != nil {
				return nil
			}
			o.thread(func() { o.notStarted(err) })
			timer.Reset(stay)
		case <-back:
			return nil
		case <-timer.C:
			return nil
		case <-ctx.Done(): // the user closed the window, or the desktop ends
			return nil
		}
	}
}

// gone returns nil when the instance has died.
func (o orphan) gone(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	err := o.instance.Gone(waiting)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return errLost
	}
	return err
}
