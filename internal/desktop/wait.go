//go:build linux

package desktop

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience bounds each wait whose context has no deadline: a busy machine takes more
// than ten seconds to start a program with a window.
const patience = 30 * time.Second

// pace of the waits that no event ends.
const pace = 20 * time.Millisecond

var errPatience = errors.New("it did not happen in time")

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, patience, errPatience)
}

// poll calls try until it is satisfied. It gives up with ctx, when try fails,
// or when a program of the desktop has ended, and then says what it waited for
// and what try said last.
func (d *Desktop) poll(ctx context.Context, what string, try func() (ok bool, seen string, err error)) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		ok, seen, err := try()
		if ok {
			return nil
		}
		if err == nil {
			err = d.casualty()
		}
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			err := context.Cause(ctx)
			if seen != "" {
				return fmt.Errorf("wait for %s: %w; last seen: %s", what, err, seen)
			}
			return fmt.Errorf("wait for %s: %w", what, err)
		case <-tick.C:
		}
	}
}

// casualty is the error of a program that ended without being asked to.
func (d *Desktop) casualty() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing {
		return errors.New("the desktop is closed")
	}
	for _, p := range d.programs {
		select {
		case <-p.done:
			return p.fail(fmt.Errorf("%s has ended (%v)", p.name, p.err))
		default:
		}
	}
	return nil
}
