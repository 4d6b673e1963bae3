// Package rebind listens where this process listened a moment ago. A socket that was
// closed is open still in each child that was forked meanwhile, by whomever, until that
// has executed its program: to somebody who starts many programs, as a lab does, the
// address is in use now and then.
package rebind

import (
	"errors"
	"syscall"
	"time"
)

const (
	patience = 2 * time.Second
	pause    = 5 * time.Millisecond
)

// Do calls listen until its address is not in use any more, or for two seconds, and
// returns what it said last.
func Do(listen func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		if err := listen(); !errors.Is(err, syscall.EADDRINUSE) || !time.Now().Before(end) {
			return err
		}
	}
}
