package clockset

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func watch(ctx context.Context) (set, ended <-chan struct{}) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return Nothing(ctx)
	}
	f := os.NewFile(uintptr(fd), "clock")
	raw, err := f.SyscallConn()
	if err == nil {
		err = neverExpire(raw)
	}
	if err != nil {
		f.Close()
		return Nothing(ctx)
	}
	out, done := make(chan struct{}, 1), make(chan struct{})
	stop := context.AfterFunc(ctx, func() { f.Close() })
	go func() {
		defer close(done)
		defer f.Close()
		defer stop()
		expired := make([]byte, 8)
		for {
			if _, err := f.Read(expired); !errors.Is(err, unix.ECANCELED) {
				return
			}
			err := neverExpire(raw) // first: what comes after this is told again
			select {
			case out <- struct{}{}:
			default:
			}
			if err != nil {
				return
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
