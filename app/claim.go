package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// claimTime bounds how long a start waits for another instance to answer, or
// to have ended.
const claimTime = 10 * time.Second

// claim makes this process the profile's instance. Where another one is, that
// one does cmd (nil: it raises the window), and the instance is nil. One that
// holds the profile and does not answer is starting or ending: claim waits for
// whichever it turns out to be.
func claim(ctx context.Context, p profile.Profile, cmd session.Command) (*local.Instance, error) {
	if cmd == nil {
		cmd = session.ShowWindow{}
	}
	waiting, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	for {
		instance, err := local.Claim(p)
		if !errors.Is(err, local.ErrRunning) {
			return instance, err
		}
		c, err := local.Dial(p)
		if err == nil {
			err = c.Do(waiting, cmd)
			c.Close()
		}
		var refusal *wire.Problem
		if err == nil || errors.As(err, &refusal) && refusal.Code != wire.CodeOverload {
			return nil, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("Tidegate is running but does not answer; end its process and start it again")
		}
	}
}
