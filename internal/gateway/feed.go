package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// feed is a session's event stream: the session goes on without one only while
// it has flows that outlive their carriers. The zero value is none.
type feed struct {
	// latest holds the verdicts that have not been written yet.
	latest chan wire.Verdicts
	// over is closed when another feed has taken its place.
	over chan struct{}
	// hurry bounds how long what is being written may take from now on.
	hurry func()
}

// newFeed makes a feed. hurry may be nil.
func newFeed(hurry func()) *feed {
	if hurry == nil {
		hurry = func() {}
	}
	return &feed{latest: make(chan wire.Verdicts, 1), over: make(chan struct{}), hurry: hurry}
}

// feedOf is the feed that is written to w.
func feedOf(w http.ResponseWriter) *feed {
	return newFeed(func() { // an event that the client does not read holds nothing up then
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	})
}

// put replaces what has not been written yet. It is the session's alone.
func (f *feed) put(v wire.Verdicts) {
	select {
	case <-f.latest:
	default:
	}
	f.latest <- v
}

// stream writes verdicts, and nothing while none changes, until the session
// ends, another feed has taken its place, or the client is gone.
func (f *feed) stream(ctx context.Context, w http.ResponseWriter, s *session) {
	rc, quiet := http.NewResponseController(w), connectionIn(ctx).silence
	write := func(id, name string, v any) bool {
		quiet.begin()
		defer quiet.finish()
		e, err := wire.NewEvent(id, name, v)
		if err == nil {
			_, err = e.WriteTo(w)
		}
		return err == nil && rc.Flush() == nil
	}
	for {
		select {
		case v := <-f.latest:
			if !write(strconv.FormatUint(v.Revision, 10), wire.EventVerdicts, v) {
				return
			}
		case <-f.over:
			return
		case <-ctx.Done():
			return
		case <-s.done:
			if s.last.problem != nil {
				write("", wire.EventEnded, s.last.problem)
			}
			return
		}
	}
}
