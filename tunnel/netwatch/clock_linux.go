package netwatch

import (
	"time"

	"golang.org/x/sys/unix"
)

// clocks are two of the kernel's that nobody sets (clock_gettime(2)).
func clocks() (boot, awake time.Duration) {
	return read(unix.CLOCK_BOOTTIME), read(unix.CLOCK_MONOTONIC)
}

func read(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		panic(err) // every kernel that Go runs on has it
	}
	return time.Duration(t.Nano())
}
