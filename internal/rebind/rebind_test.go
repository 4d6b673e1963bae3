package rebind

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDo(t *testing.T) {
	inUse := fmt.Errorf("listen: %w", &net.OpError{Op: "listen", Err: syscall.EADDRINUSE})
	for name, c := range map[string]struct {
		says  error
		until time.Duration // it says so, and then nothing
		want  error
		took  time.Duration
	}{
		"free":              {nil, 0, nil, 0},
		"in use for a time": {inUse, 12 * time.Millisecond, nil, 15 * time.Millisecond},
		"somebody's":        {inUse, time.Hour, inUse, patience},
		"something else":    {io.EOF, time.Hour, io.EOF, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := Do(func() error {
					if time.Since(began) < c.until {
						return c.says
					}
					return nil
				})
				if took := time.Since(began); err != c.want || took != c.took {
					t.Errorf("%v after %v, want %v after %v", err, took, c.want, c.took)
				}
			})
		})
	}
}
