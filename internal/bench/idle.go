package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/session"
)

// idle measures what the signed-in tray process costs while nobody looks at it
// and nothing uses it: its data channel is suspended, and only the control
// channel lives.
func (b *bench) idle(ctx context.Context) error {
	_, err := b.rig.Wait(ctx, "its data channel is suspended", func(s *session.State) bool {
		return len(s.Sites) == 1 && s.Sites[0].State == session.Suspended
	})
	if err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	from, to, err := b.watch(ctx, b.hidden)
	if err != nil {
		return err
	}
	reportCost("idle", from, to)
	return nil
}

// unreachable measures the same while the controller does not answer: what grows
// then would grow all night. The second half of the time is compared with the
// first.
func (b *bench) unreachable(ctx context.Context) error {
	if err := b.lab.StopController(); err != nil {
		return fmt.Errorf("stop the controller: %w", err)
	}
	_, err := b.rig.Wait(ctx, "it knows that the controller is not reached", func(s *session.State) bool {
		return s.Control.Phase == session.ControlLost
	})
	if err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	from, middle, err := b.watch(ctx, b.away/2)
	if err != nil {
		return err
	}
	_, to, err := b.watch(ctx, b.away/2)
	if err != nil {
		return err
	}
	reportCost("unreachable", from, to)
	report("unreachable-cpu-growth", percent(middle, to)-percent(from, middle), "%")
	report("unreachable-rss-growth", to.rss-middle.rss, "MB")
	report("unreachable-sockets-growth", float64(to.sockets-middle.sockets), "sockets")
	return b.back(ctx)
}

// back has the controller come back, and the client find it.
func (b *bench) back(ctx context.Context) error {
	if err := b.lab.StartController(); err != nil {
		return fmt.Errorf("start the controller again: %w", err)
	}
	begin := time.Now()
	if _, err := b.rig.Wait(ctx, "it is active again", active); err != nil {
		return err
	}
	report("unreachable-back", time.Since(begin).Seconds(), "s")
	return nil
}

// settle lets what has just happened be over.
func (b *bench) settle(ctx context.Context) error {
	select {
	case <-time.After(min(b.hidden/4, 15*time.Second)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
