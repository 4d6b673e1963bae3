package tunnel

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The clock is the kernel's that goes on while the machine sleeps.
func TestClockCountsSleep(t *testing.T) {
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		t.Fatal(err)
	}
	if d := awake() - time.Duration(boot.Nano()); d < 0 || d > time.Minute {
		t.Errorf("it is %v off", d)
	}
}
