package app

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// Replaceable is the instance of a profile, for its window: where it has died, another
// can take its place. It implements viewer.Instance.
type Replaceable struct {
	*local.Client
	Profile profile.Profile
}

// backPace is how often a window looks whether there is an instance again.
const backPace = 250 * time.Millisecond

// Back returns when an instance serves the profile.
func (r Replaceable) Back(ctx context.Context) error {
	c, err := r.served(ctx)
	if err == nil {
		c.Close()
	}
	return err
}

func (r Replaceable) served(ctx context.Context) (*local.Client, error) {
	tick := time.NewTicker(backPace)
	defer tick.Stop()
	for {
		if c, err := local.Dial(r.Profile); err == nil {
			return c, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Start starts this program again, as the instance, and has it show the window. It goes
// on when the caller ends.
func (r Replaceable) Start(ctx context.Context) error {
	cmd := program(context.WithoutCancel(ctx), r.Profile)
	if err := cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, claimTime, errors.New(lang.T("it does not answer")))
	defer cancel()
	ctx, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	go func() { // until this process ends
		if cmd.Wait() != nil {
			ended(errors.New(lang.T("it ended at once"))) // it said why on its standard error
		}
	}()
	c, err := r.served(ctx)
	if err == nil {
		defer c.Close()
		err = c.Do(ctx, session.ShowWindow{})
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
