package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// silence is how long an event stream may say nothing, heartbeats included,
// before its connection is taken for dead.
const silence = 2*wire.Heartbeat + wire.Heartbeat/2

// firstWord is how long a stream's first answer may take: a controller that is
// going down may still take a connection and never serve it.
const firstWord = 4 * time.Second

var errSilent = errors.New("the controller has gone silent")

// Events holds the event stream until it ends; it always returns an error.
func (c *Client) Events(ctx context.Context, cookie session.Secret, on session.Heard) error {
	caller := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l, err := c.open(ctx)
	if err != nil {
		return err
	}
	// One timer watches from the request to the last event.
	watch := time.AfterFunc(firstWord, func() { cancel(errSilent) })
	defer watch.Stop()
	res, err := c.send(ctx, l, http.MethodGet, wire.PathEvents, cookie, nil)
	if err != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			c.drop(l)
		}
		return err
	}
	defer res.Body.Close()
	on.Established(l.name)
	r := wire.NewEventReader(res.Body)
	r.Alive = func() { watch.Reset(silence) }
	for {
		e, err := r.Next()
		if err != nil {
			if caller.Err() == nil { // else the lane is sound, and others may be on it
				c.drop(l)
			}
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("read the control channel: %w", err)
		}
		switch e.Name {
		case wire.EventSnapshot:
			var s wire.Snapshot
			if err := json.Unmarshal(e.Data, &s); err != nil {
				return fmt.Errorf("read snapshot: %w", err)
			}
			on.Snapshot(s)
		case wire.EventWake, wire.EventSuspend:
			var n wire.ChannelNotice
			if err := json.Unmarshal(e.Data, &n); err != nil {
				return fmt.Errorf("read notice: %w", err)
			}
			on.Notice(e.Name, n)
		case wire.EventEnded:
			p := &wire.Problem{}
			if err := json.Unmarshal(e.Data, p); err != nil {
				return fmt.Errorf("read the session's end: %w", err)
			}
			return p
		}
	}
}
