package carrier

import (
	"context"
	"errors"
	"time"
)

// attempt is one way to open a carrier.
type attempt func(context.Context) (Carrier, error)

// race makes attempts in their order, each when the one before has failed or has
// taken this long, and returns the first that succeeds, and which it was. The
// others are ended, and when it returns nothing of them is left.
func race(ctx context.Context, delay time.Duration, attempts []attempt) (Carrier, int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		n   int
		c   Carrier
		err error
	}
	results := make(chan result, len(attempts))
	started, ended := 0, 0
	timer := time.NewTimer(delay)
	defer timer.Stop()
	start := func() {
		if n := started; n < len(attempts) && ctx.Err() == nil {
			started++
			timer.Reset(delay)
			go func() {
				c, err := attempts[n](ctx)
				results <- result{n, c, err}
			}()
		}
	}
	var failures []error
	var won result
	start()
	for ended < started {
		select {
		case <-timer.C:
			start()
			continue
		case r := <-results:
			ended++
			switch {
			case r.err != nil:
				failures = append(failures, r.err)
				if won.c == nil {
					start()
				}
			case won.c == nil:
				won = r
				cancel()
			default:
				r.c.Close()
			}
		}
	}
	if won.c != nil {
		return won.c, won.n, nil
	}
	return nil, 0, worst(ctx, failures)
}

// worst is the failure that says most: a refusal before an error, and an error
// before silence.
func worst(ctx context.Context, failures []error) error {
	var best error
	rank := -1
	for _, err := range failures {
		r := 1
		switch {
		case errors.Is(err, ErrCertificate), errors.Is(err, ErrDevice):
			r = 2
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), silent(err):
			r = 0
		}
		if r > rank {
			best, rank = err, r
		}
	}
	if best == nil {
		best = context.Cause(ctx)
	}
	return best
}

// silent says whether an error is for want of an answer.
func silent(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
