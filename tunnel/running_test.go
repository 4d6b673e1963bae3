package tunnel

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// running is a data plane at work, and the last facts it reported.
type running struct {
	*Dataplane
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	facts   session.DataplaneFacts
	reports int
	limit   time.Duration
	changed chan struct{}
}

func startPlane(t testing.TB, d *Dataplane) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Dataplane: d, t: t, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}), limit: 30 * time.Second}
	go func() {
		defer close(r.done)
		err := d.Run(ctx, func(f session.DataplaneFacts) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.facts = f
			r.reports++
			close(r.changed)
			r.changed = make(chan struct{})
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	}()
	return r
}

func (r *running) stop() {
	r.cancel()
	<-r.done
}

// until waits until the facts are as ok wants them.
func (r *running) until(what string, ok func(session.DataplaneFacts) bool) session.DataplaneFacts {
	r.t.Helper()
	limit := time.After(r.limit)
	for {
		r.mu.Lock()
		f, changed := r.facts, r.changed
		r.mu.Unlock()
		if ok(f) {
			return f
		}
		select {
		case <-changed:
		case <-limit:
			r.t.Fatalf("never came: %s; the facts are %+v", what, f)
		}
	}
}

func (r *running) state(s session.ChannelState) session.DataplaneFacts {
	r.t.Helper()
	return r.until("state "+strconv.Quote(string(s)), func(f session.DataplaneFacts) bool { return f.Sites["site"].State == s })
}

// config is one site with one gateway and one application.
func config(p *pki, gatewayAddr, host string, port uint16) session.Wanted {
	return session.Wanted{
		Allowed: true, Session: "session1", Identity: p.device,
		Sites: []session.WantedSite{{
			ID: "site", Gateways: []wire.Gateway{{Name: "gw1", Address: gatewayAddr}},
			ClaimsToken: "claims1", EntitlementToken: "ent1",
		}},
		Apps: []session.WantedApp{{ID: "app", Site: "site", Entitlement: "e1", Host: host, Port: port}},
	}
}

var allow = wire.Verdict{Entitlement: "e1", Allow: true, Decision: "d-allow"}

func deny(ask ...wire.Interaction) wire.Verdict {
	return wire.Verdict{Entitlement: "e1", Decision: "d-deny", Reason: wire.Reason{Kind: wire.ReasonMFA, Detail: "a code is too old"}, Interactions: ask}
}
