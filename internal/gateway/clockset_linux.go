package gateway

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clockSet receives, until ctx is over, whenever somebody has set the system's
// clock, at once (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). Nil: that cannot
// be told here. ended is closed once nothing of it is left.
func clockSet(ctx context.Context) (set, ended <-chan struct{}) {
	out, done := make(chan struct{}, 1), make(chan struct{})
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		close(done)
		return nil, done
	}
	f := os.NewFile(uintptr(fd), "clock")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		close(done)
		return nil, done
	}
	stop := context.AfterFunc(ctx, func() { f.Close() })
	go func() {
		defer close(done)
		defer f.Close()
		defer stop()
		for neverExpire(raw) == nil {
			if _, err := f.Read(make([]byte, 8)); !errors.Is(err, unix.ECANCELED) {
				return
			}
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}()
	return out, done
}

// neverExpire sets the timer to when nobody waits any more: only that the clock
// is set ends a read.
func neverExpire(raw syscall.RawConn) error {
	var err error
	control := raw.Control(func(fd uintptr) {
		at := unix.ItimerSpec{Value: unix.Timespec{Sec: time.Now().AddDate(100, 0, 0).Unix()}}
		err = unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &at, nil)
	})
	return errors.Join(control, err)
}
