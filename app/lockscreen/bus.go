package lockscreen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	// callTimeout bounds what is asked of a bus.
	callTimeout = 5 * time.Second
	// A login may start us before its bus, and a bus may end: it is looked for
	// again after firstPause, which doubles up to longestPause.
	firstPause, longestPause = time.Second, 10 * time.Minute
	// steady is how long a bus must have been watched to be looked for again soon.
	steady = time.Minute
)

// bus is one on which somebody knows of the screen.
type bus struct {
	name string
	dial func(...dbus.ConnOption) (*dbus.Conn, error)
	// watch tells what is told on it until the connection or ctx ends.
	watch func(ctx context.Context, conn *dbus.Conn, tell func(from string, on bool)) error
	tell  func(fact)
	log   *slog.Logger
}

// run watches the bus, and looks for it again when it has gone, until ctx ends.
func (b *bus) run(ctx context.Context) {
	for pause := time.Duration(0); ctx.Err() == nil; {
		began := time.Now()
		conn, err := b.connect(ctx)
		if err == nil {
			err = b.watch(ctx, conn, func(from string, on bool) { b.tell(fact{b.name, from, on}) })
			conn.Close()
			if ctx.Err() == nil {
				b.tell(fact{bus: b.name})
			}
		}
		if ctx.Err() != nil {
			return // which tells nothing of the screen
		}
		pause = after(pause, time.Since(began))
		b.log.Debug("nobody on the bus tells of the screen", "bus", b.name, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// after is the pause after one, when the bus was watched for so long. One that takes
// connections and refuses to tell, or ends them, is not asked each second.
func after(pause, watched time.Duration) time.Duration {
	if watched > steady {
		return firstPause
	}
	return min(max(2*pause, firstPause), longestPause)
}

// connect never starts a bus. The connection ends with ctx, and where the bus
// does not answer.
func (b *bus) connect(ctx context.Context) (conn *dbus.Conn, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	patience := time.AfterFunc(callTimeout, cancel)
	defer patience.Stop()
	if conn, err = b.dial(dbus.WithContext(ctx), inOrder()); err != nil {
		return nil, fmt.Errorf("find %s bus: %w", b.name, err)
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("greet %s bus: %w", b.name, err)
	}
	context.AfterFunc(conn.Context(), cancel)
	return conn, nil
}

// inOrder has signals come in the order in which they were sent however many wait: the
// library's own handler lets those overtake each other that find the channel full, and
// the last of the screen's would not be how it is.
func inOrder() dbus.ConnOption { return dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()) }

var errEnded = errors.New("the bus has ended")
