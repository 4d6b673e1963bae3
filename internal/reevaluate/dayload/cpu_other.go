//go:build !unix

package dayload

import (
	"errors"
	"time"
)

func cpuTime() (time.Duration, error) {
	return 0, errors.New("no process accounting on this system: measure on Linux")
}
