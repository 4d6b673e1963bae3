// Package timezone is the time zone that the machine is set to, also after somebody
// has set another, as people who travel do: Go reads time.Local once in a process. The
// tray process and the window follow it, so that the instants they write are those of
// the clock beside them. What is judged by a policy's own zone has nothing to do with
// it. Its functions are safe for concurrent use.
package timezone

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/filewatch"
)

// another is the zone that has been set since the process began; nil: none.
var another atomic.Pointer[time.Location]

// Local is the zone that the machine is set to; until Follow has found another, what
// Go takes for it.
func Local() *time.Location {
	if zone := another.Load(); zone != nil {
		return zone
	}
	return time.Local
}

// In is t in Local.
func In(t time.Time) time.Time { return t.In(Local()) }

// Set makes zone Local, as Follow does, and nil what Go takes for it.
func Set(zone *time.Location) { another.Store(zone) }

// file is where the zone is set (localtime(5)), by a link or by a copy.
const file = "/etc/localtime"

// settles is how long after a change of file it is read: most programs that set it
// take the old one away first, and there is none for a moment.
const settles = 200 * time.Millisecond

// Follow keeps Local the zone that the machine is set to, and has set called with each
// new one, once Local is that; until ctx ends, which is no error. Where the variable TZ
// chooses the zone of the process, or the system does not tell of changes, it returns
// at once.
func Follow(ctx context.Context, set func(*time.Location)) error {
	if _, chosen := os.LookupEnv("TZ"); !chosen {
		held, _ := os.ReadFile(file)
		follow(ctx, file, held, func(zone *time.Location) {
			Set(zone)
			set(zone)
		})
	}
	return nil
}

// follow calls set with each zone that a file comes to hold after what it held, until
// ctx ends.
func follow(ctx context.Context, file string, held []byte, set func(*time.Location)) {
	ctx, cancel := context.WithCancel(ctx)
	changed, ended := make(chan struct{}, 1), make(chan struct{})
	defer func() {
		cancel()
		<-ended
	}()
	go func() {
		defer close(ended)
		defer cancel()
		filewatch.Watch(ctx, filepath.Dir(file), filepath.Base(file), func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	take(ctx, changed, held, func() ([]byte, error) { return os.ReadFile(file) }, set)
}

// take calls set with what read has come to hold whenever changed has told of it.
func take(ctx context.Context, changed <-chan struct{}, held []byte, read func() ([]byte, error), set func(*time.Location)) {
	quiet := time.NewTimer(0)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			quiet.Reset(settles)
		case <-quiet.C:
			data, err := read()
			zone, ok := parse(data, err)
			if ok && !bytes.Equal(data, held) {
				held = data
				set(zone)
			}
		}
	}
}

// parse is the zone of a file's bytes. Without a file the zone is UTC, as it is for Go
// and for the C library; one that is not to be read, or is half written, is none.
func parse(data []byte, err error) (zone *time.Location, ok bool) {
	if errors.Is(err, fs.ErrNotExist) {
		return time.UTC, true
	}
	if err != nil {
		return nil, false
	}
	zone, err = time.LoadLocationFromTZData("Local", data)
	return zone, err == nil
}
