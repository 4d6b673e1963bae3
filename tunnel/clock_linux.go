package tunnel

import (
	"time"

	"golang.org/x/sys/unix"
)

// awake is the time since the machine was started, its sleep included: a clock
// that nobody sets (clock_gettime(2), CLOCK_BOOTTIME).
func awake() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // every kernel that Go runs on has it
	}
	return time.Duration(t.Nano())
}
