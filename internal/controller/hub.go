package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// hub knows the live event streams, by the key of what they are about: a
// session's record, or a gateway's. A newer stream of the same replaces the older.
// It knows the live sessions too, and what they are owed; see notices.go.
type hub struct {
	mu        sync.Mutex
	listeners map[string]*listener
	sessions  map[string]*owed          // by the key of the record
	keys      map[wire.SessionID]string // of sessions
	runs      map[string]string         // the gateways' last, by name
}

type listener struct {
	key      string
	wake     chan struct{} // holds one: something may have changed
	replaced chan struct{} // closed by a newer stream
	suspend  bool          // guarded by the hub's mu: an order that was not sent yet
}

func (h *hub) join(key string) *listener {
	l := &listener{key: key, wake: make(chan struct{}, 1), replaced: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = map[string]*listener{}
	}
	if old := h.listeners[key]; old != nil {
		close(old.replaced)
		l.suspend = old.suspend
	}
	h.listeners[key] = l
	if o := h.sessions[key]; o != nil {
		o.anew(time.Now())
	}
	return l
}

func (h *hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[l.key] == l {
		delete(h.listeners, l.key)
	}
}

// ran notes a gateway's run, and says whether it is another than before. It is in memory
// alone: gateways that are cut off come again.
func (h *hub) ran(gateway, run string) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if run == "" || h.runs[gateway] == run {
		return false
	}
	if h.runs == nil {
		h.runs = map[string]string{}
	}
	h.runs[gateway] = run
	return true
}

// run is a gateway's last; "" where it has not come.
func (h *hub) run(gateway string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs[gateway]
}

func (h *hub) wake(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.listeners[key]; l != nil {
		l.nudge()
	}
}

// wakeKind wakes the streams of a kind of record; "" means all.
func (h *hub) wakeKind(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, l := range h.listeners {
		if kind == "" || len(key) > len(kind) && key[:len(kind)+1] == kind+"." {
			l.nudge()
		}
	}
}

func (h *hub) wakeAll() { h.wakeKind("") }

func (l *listener) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// watch wakes the streams that a change in the store concerns, until ctx ends.
// Streams read the store when they begin, so nothing is missed.
func (c *Controller) watch(ctx context.Context) error {
	sessions, err := c.store.Watch(ctx, kindSession, 0)
	var policies <-chan store.Entry
	if err == nil {
		policies, err = c.store.Watch(ctx, kindPolicy, 0)
	}
	if ctx.Err() != nil {
		return nil // asked to end before it began
	}
	if err != nil {
		return fmt.Errorf("watch what changes: %w", err)
	}
	ids := sessionIDs{}
	for {
		select {
		case e, ok := <-sessions:
			if !ok {
				return closedWatch(ctx)
			}
			switch id, over := ids.note(e); {
			case over:
				c.verdicts.drop(id)
				c.hub.ends(e.Key)
			case id != "":
				c.hub.lives(e.Key, id)
			}
			c.hub.wake(e.Key)
		case _, ok := <-policies:
			if !ok {
				return closedWatch(ctx)
			}
			c.hub.wakeKind(kindGateway)
		}
	}
}

func closedWatch(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("the store has closed")
}
