package controller

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// step is the period of one-time codes (RFC 6238); one step before and after
// the present one is accepted, for clocks that differ.
const step = 30 * time.Second

// codeStep returns the time step whose code this is, or 0. Every step is
// compared, whichever it is.
func codeStep(secret, code string, now time.Time) uint64 {
	if secret == "" || len(code) != 6 {
		return 0
	}
	at := uint64(now.Unix()) / uint64(step/time.Second)
	var found uint64
	for _, s := range []uint64{at - 1, at, at + 1} {
		want, err := hotp.GenerateCodeCustom(secret, s, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = s
		}
	}
	return found
}

var errReplayed = errors.New("the one-time code was used already")

// useStep accepts a step's code once: never again, and no older one either.
// Of any number of callers at once one succeeds; the others get errReplayed.
func (c *Controller) useStep(ctx context.Context, user string, step uint64) error {
	_, err := records[stepRecord]{c.store}.change(ctx, recordKey(kindStep, user), nil, func(v *stepRecord) error {
		if step <= v.Step {
			return errReplayed
		}
		v.Step = step
		return nil
	})
	return err
}
