package netwatch

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// beats comes each beat, every so long by the clock that includes sleep: at once
// after a longer one (timerfd_create(2)). stop waits for what it started.
func beats(every time.Duration) (each <-chan struct{}, stop func()) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return ticks(every)
	}
	at := unix.NsecToTimespec(int64(every))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: at, Value: at}, nil); err != nil {
		unix.Close(fd)
		return ticks(every)
	}
	f := os.NewFile(uintptr(fd), "timerfd")
	c, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		var expired [8]byte
		for {
			if _, err := f.Read(expired[:]); err != nil {
				return
			}
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}()
	return c, func() {
		f.Close()
		<-ended
	}
}
