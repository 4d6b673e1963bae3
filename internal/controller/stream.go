package controller

import (
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// writeTimeout is how long a peer may take to accept an event.
const writeTimeout = 20 * time.Second

// stream writes an event stream.
type stream struct {
	w   http.ResponseWriter
	ctl *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return &stream{w: w, ctl: http.NewResponseController(w)}
}

// write does f and flushes, within writeTimeout where the server can.
func (s *stream) write(f func() error) error {
	s.ctl.SetWriteDeadline(time.Now().Add(writeTimeout)) // a recorder in a test cannot
	defer s.ctl.SetWriteDeadline(time.Time{})            // a deadline that passes idle would reset the stream
	if err := f(); err != nil {
		return err
	}
	return s.ctl.Flush()
}

func (s *stream) send(id, name string, v any) error {
	e, err := wire.NewEvent(id, name, v)
	if err != nil {
		return err
	}
	return s.write(func() error { _, err := e.WriteTo(s.w); return err })
}

func (s *stream) heartbeat() error {
	return s.write(func() error { return wire.WriteHeartbeat(s.w) })
}
