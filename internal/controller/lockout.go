package controller

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// lockMemory is how long failures are remembered after the last.
const lockMemory = time.Hour

var errLocked = errors.New("locked out")

// attempt counts a try at a secret of the user's before it is judged, so that
// tries at the same time count as well, and judges it. A try that succeeds
// clears the count, but without a one-time code in it not that of the wrong
// ones: whoever knows the password alone could guess them for ever. The try that
// completes the count is answered with the lock-out. Whatever was wrong, the
// answer is the Problem of the given code, with how many more tries there are.
func (c *Controller) attempt(ctx context.Context, d *device, code wire.Code, withCode bool, judge func() (bool, error)) *wire.Problem {
	key := recordKey(kindLock, d.User, string(d.ID))
	locks := records[lockRecord]{c.store}
	ttl := func(v lockRecord) time.Duration { return max(time.Until(v.Until), 0) + lockMemory }
	limit := c.config().Lockout
	codes := 0
	if withCode {
		codes = 1
	}
	lock, err := locks.change(ctx, key, ttl, func(v *lockRecord) error {
		now := time.Now()
		if now.Before(v.Until) {
			return errLocked
		}
		if !v.Until.IsZero() {
			*v = lockRecord{}
		}
		v.Codes += codes
		if v.Failures++; v.Failures >= limit.After {
			v.Until = now.Add(limit.For).UTC().Round(0)
		}
		return nil
	})
	if errors.Is(err, errLocked) {
		c.audit(record{kind: "locked-out", user: d.User, target: string(d.ID)})
		return lockedOut(lock.Until)
	}
	if err != nil {
		return c.internal("count attempt", err)
	}
	good, err := judge()
	if err != nil || good { // not judged does not count
		_, cerr := locks.change(ctx, key, ttl, func(v *lockRecord) error {
			switch {
			case !good:
				*v = lockRecord{Failures: max(v.Failures-1, 0), Codes: max(v.Codes-codes, 0)}
			case withCode:
				*v = lockRecord{}
			default:
				*v = lockRecord{Failures: v.Codes, Codes: v.Codes}
			}
			return nil
		})
		if cerr != nil {
			return c.internal("count attempt", cerr)
		}
	}
	switch {
	case err != nil && ctx.Err() == nil:
		c.log.Warn("attempt not judged", "error", err)
		return refuse(wire.CodeOverload)
	case err != nil:
		return c.internal("judge attempt", err)
	case good:
		return nil
	}
	c.audit(record{kind: string(code) + "-failed", user: d.User, target: string(d.ID)})
	if !lock.Until.IsZero() {
		return lockedOut(lock.Until)
	}
	p := refuse(code)
	p.Left = limit.After - lock.Failures
	return p
}
