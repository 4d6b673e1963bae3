package controller

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// events serves wire.PathEvents: a snapshot at once and with every change,
// whole, so a Last-Event-ID needs no memory of what was sent.
func (c *Controller) events(w http.ResponseWriter, r *http.Request) *wire.Problem {
	d, p := c.device(r)
	if p != nil {
		return p
	}
	_, key, p := c.session(r, d)
	if p != nil {
		return p
	}
	l := c.hub.join(key)
	defer c.hub.leave(l)
	f := &feed{c: c, d: d, key: key}
	if p := f.judge(r.Context()); p != nil {
		return p
	}
	f.stream = newStream(w)
	if err := f.run(r.Context(), l); err != nil {
		c.log.Debug("event stream ended", "session", f.session.ID, "error", err)
	}
	return nil
}

// feed is one event stream of a session. Only its handler uses it.
type feed struct {
	c       *Controller
	d       *device
	key     string
	stream  *stream
	session sessionRecord
	conf    *configured // behind the last snapshot
	tokens  issued
}

// judge reads the session anew and says whether it still lives, on a device
// that may.
func (f *feed) judge(ctx context.Context) *wire.Problem {
	var rec deviceRecord
	if p := f.c.deviceState(ctx, f.d.ID, f.d.Key, &rec); p != nil {
		return p
	}
	s, p := f.c.sessionState(ctx, f.key, f.d)
	if p == nil {
		f.session = s
	}
	return p
}

func (f *feed) run(ctx context.Context, l *listener) error {
	if err := f.update(nil); err != nil {
		return err
	}
	beat := time.NewTicker(wire.Heartbeat)
	defer beat.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		next := f.session.Expires
		for _, t := range []time.Time{f.tokens.claimsRenew, f.tokens.entRenew} {
			if t.Before(next) {
				next = t
			}
		}
		due.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return nil
		case <-f.c.closing:
			return nil
		case <-l.replaced:
			return nil
		case <-l.wake:
		case <-due.C:
		case <-beat.C:
			if err := f.stream.heartbeat(); err != nil {
				return err
			}
		}
		before := f.session.Responses
		if p := f.judge(ctx); p != nil {
			if p.Code == wire.CodeInternal {
				return p // the client comes again
			}
			return f.stream.send("", wire.EventEnded, p)
		}
		if err := f.update(before); err != nil {
			return err
		}
	}
}

// update sends a snapshot if anything in it has changed.
func (f *feed) update(before map[wire.InteractionKind]time.Time) error {
	now := time.Now()
	conf := f.c.conf.Load()
	claims := conf != f.conf || !now.Before(f.tokens.claimsRenew) || !maps.EqualFunc(before, f.session.Responses, time.Time.Equal)
	entitlements := conf != f.conf || !now.Before(f.tokens.entRenew)
	if !claims && !entitlements {
		return nil
	}
	u := conf.Users[f.session.User]
	if u == nil {
		return nil // ended by the reload that removed the user; the wake follows
	}
	if claims {
		if err := f.c.issueClaims(&f.tokens, conf, f.session, u, f.d, now); err != nil {
			return err
		}
	}
	if entitlements {
		if err := f.c.issueEntitlements(&f.tokens, conf, f.session, u, f.d, now); err != nil {
			return err
		}
	}
	f.conf = conf
	s := wire.Snapshot{
		Revision:    f.c.epoch<<32 + f.c.snapshots.Add(1),
		At:          now.UTC(),
		Controller:  conf.Title,
		User:        u.Name,
		DisplayName: u.DisplayName,
		Session:     f.session.ID,
		Expires:     f.session.Expires,
		ClaimsToken: f.tokens.claims,
		Tokens:      f.tokens.entitlements,
		Settings:    conf.Settings,
	}
	return f.stream.send(strconv.FormatUint(s.Revision, 10), wire.EventSnapshot, s)
}
