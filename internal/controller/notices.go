package controller

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// wakeEvery is the least time between two wake-ups of a session for one
	// site: what comes sooner is one with the next.
	wakeEvery = 2 * time.Second
	// wakeAgain is how long after a wake-up a client that comes anew is told it
	// again: its last stream may have been dead already.
	wakeAgain = 30 * time.Second

	maxWake     = 4096 // sessions in one request
	maxWakeBody = 256 << 10
)

// owed is what a live session is to be told beside snapshots. It is in memory
// alone: a gateway asks again while it has something for a client.
type owed struct {
	id   wire.SessionID
	wake map[wire.SiteID]bool
	told map[wire.SiteID]time.Time // when a wake-up was last sent
}

// lives notes a live session and the key of its record.
func (h *hub) lives(key string, id wire.SessionID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions == nil {
		h.sessions, h.keys = map[string]*owed{}, map[wire.SessionID]string{}
	}
	if h.sessions[key] == nil {
		h.sessions[key] = &owed{id: id}
		h.keys[id] = key
	}
}

// ends drops what a session is owed, which is over.
func (h *hub) ends(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.sessions[key]; o != nil {
		delete(h.keys, o.id)
		delete(h.sessions, key)
	}
}

// key is that of a live session's record; "" where there is none.
func (h *hub) key(id wire.SessionID) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.keys[id]
}

// owe has a session told to resume its data channel to a site: now, or as soon
// as it is connected and that may be said again.
func (h *hub) owe(key string, sites ...wire.SiteID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.sessions[key]
	if o == nil {
		return
	}
	for _, site := range sites {
		if o.wake[site] {
			continue
		}
		if o.wake == nil {
			o.wake = map[wire.SiteID]bool{}
		}
		o.wake[site] = true
		if l := h.listeners[key]; l != nil {
			l.nudge()
		}
	}
}

// anew owes a client whose stream has just begun what the last one may have lost.
func (o *owed) anew(now time.Time) {
	for site, at := range o.told {
		if since := now.Sub(at); since >= 0 && since < wakeAgain {
			if o.wake == nil {
				o.wake = map[wire.SiteID]bool{}
			}
			o.wake[site] = true
		}
	}
}

// order has a session suspend its data channels, and says whether it is
// connected: whoever is not is told nothing later.
func (h *hub) order(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.listeners[key]
	if l == nil {
		return false
	}
	l.suspend = true
	l.nudge()
	return true
}

// take is what a stream is to send now: an order to suspend, and wake-ups. Where
// some are held back, held is when they may be sent. A stream that has been
// replaced has nothing to send.
func (h *hub) take(l *listener, now time.Time) (suspend bool, wake []wire.SiteID, held time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[l.key] != l {
		return false, nil, time.Time{}
	}
	suspend, l.suspend = l.suspend, false
	o := h.sessions[l.key]
	if o == nil {
		return suspend, nil, time.Time{}
	}
	for _, site := range slices.Sorted(maps.Keys(o.wake)) {
		at, ever := o.told[site]
		if since := now.Sub(at); ever && since >= 0 && since < wakeEvery {
			if again := at.Add(wakeEvery); held.IsZero() || again.Before(held) {
				held = again
			}
			continue
		}
		delete(o.wake, site)
		if o.told == nil {
			o.told = map[wire.SiteID]time.Time{}
		}
		o.told[site] = now
		wake = append(wake, site)
	}
	return suspend, wake, held
}

// tell sends what the session is owed, and returns when more is to be sent;
// zero: nothing. A wake-up that is lost with the stream is owed to the next one;
// an order is for who is connected.
func (f *feed) tell() (time.Time, error) {
	suspend, wake, held := f.c.hub.take(f.listener, time.Now())
	if suspend {
		if err := f.stream.send("", wire.EventSuspend, wire.ChannelNotice{}); err != nil {
			return held, err
		}
	}
	for _, site := range wake {
		if err := f.stream.send("", wire.EventWake, wire.ChannelNotice{Site: site}); err != nil {
			return held, err
		}
	}
	return held, nil
}

// gatewayWake serves wire.PathGatewayWake. A session that is not, or has nothing
// to do with the gateway's site, is passed over: which it is, is not told.
func (c *Controller) gatewayWake(w http.ResponseWriter, r *http.Request) *wire.Problem {
	g, p := c.gateway(r)
	if p != nil {
		return p
	}
	var q wire.GatewayWake
	if p := readBodyOf(w, r, maxWakeBody, &q); p != nil {
		return p
	}
	if len(q.Sessions) > maxWake {
		return badRequest(errors.New("the request names too many sessions"))
	}
	for _, id := range q.Sessions {
		key := c.hub.key(id)
		if key == "" {
			continue
		}
		s, err := c.sessions().get(r.Context(), key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return c.internal("read session", err)
		}
		if err == nil && s.ID == id && s.alive(time.Now()) && s.Tokens.Entitlements[g.Site] != "" {
			c.hub.owe(key, g.Site)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
