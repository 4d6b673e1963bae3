package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tidegate/tidegate/internal/wire"
)

// uplink is the gateway's side of its link to the controller: the signing keys
// and the policy down, audit up. The gateway works without it, by what it keeps
// on disk.
type uplink struct {
	base   string // https://host:port
	name   string
	run    string // the gateway's
	client *http.Client
	log    *slog.Logger
	state  folder
	audit  *auditor
	// keys, policy and scripts take what came; the latter two say why they refuse
	// it.
	keys    func(wire.Keys)
	policy  func(token string) error
	scripts func(token string) error
	// heard is called when a policy has come, and when the controller is not reached.
	heard func()
}

const (
	// A gateway that is away hears of no revocation: it comes back within a
	// second of the controller, and there are few gateways.
	backoffMin = 200 * time.Millisecond
	backoffMax = time.Second
	// askTimeout bounds a request that has an end.
	askTimeout = 10 * time.Second
	// hearWithin bounds how long a gateway that starts waits for the controller's
	// word before it goes by what it remembers: tokens may have been voided since.
	hearWithin = 3 * time.Second
	// lastWords bounds how long what happened until the end is reported behind it.
	lastWords = 2 * time.Second
)

// pause waits before try n (from 0), doubling, with full jitter.
func pause(ctx context.Context, n int) error {
	d := min(backoffMax, backoffMin<<min(n, 10))
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow holds the event stream until ctx is over.
func (u *uplink) follow(ctx context.Context) {
	for n := 0; ; n++ {
		began := time.Now()
		err := u.stream(ctx)
		u.heard()
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > backoffMax {
			n = 0
		}
		level := slog.LevelInfo
		if n > 0 { // it has been said
			level = slog.LevelDebug
		}
		u.log.Log(ctx, level, "the controller is not reached", "error", err)
		if pause(ctx, n) != nil {
			return
		}
	}
}

// stream fetches the keys and reads events until the stream ends. It always
// returns an error.
func (u *uplink) stream(ctx context.Context) error {
	if err := u.fetchKeys(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dead := time.AfterFunc(2*wire.Heartbeat, cancel)
	defer dead.Stop()
	res, err := u.do(ctx, http.MethodGet, wire.PathGatewayEvents+"?"+url.Values{wire.ParamRun: {u.run}}.Encode(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	events := wire.NewEventReader(res.Body)
	events.Alive = func() { dead.Reset(2 * wire.Heartbeat) }
	u.log.Info("the controller is reached")
	for {
		e, err := events.Next()
		if err != nil {
			return fmt.Errorf("read controller events: %w", err)
		}
		take := map[string]func(string) error{wire.EventPolicy: u.policy, wire.EventScripts: u.scripts}[e.Name]
		if take == nil {
			continue
		}
		var token string
		if err := json.Unmarshal(e.Data, &token); err != nil {
			return fmt.Errorf("read %s: %w", e.Name, err)
		}
		if err := take(token); err != nil {
			return err
		}
		if e.Name == wire.EventPolicy {
			u.heard()
		}
	}
}

func (u *uplink) fetchKeys(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := u.do(ctx, http.MethodGet, wire.PathGatewayKeys, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, wire.MaxBody))
	if err != nil {
		return fmt.Errorf("read controller keys: %w", err)
	}
	keys, err := parseKeys(b)
	if err != nil {
		return err
	}
	u.keys(keys)
	if err := u.state.write(fileKeys, b); err != nil { // a full disk must not keep revocations out
		u.log.Error("the controller's keys are not kept", "error", err)
	}
	return nil
}

// parseKeys reads a JWK set; a set without a usable key is an error.
func parseKeys(b []byte) (wire.Keys, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("read controller keys: %w", err)
	}
	keys := wire.Keys{}
	for _, k := range set.Keys {
		if k.Valid() && k.IsPublic() && k.KeyID != "" {
			keys[k.KeyID] = k.Key
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read controller keys: there is none")
	}
	return keys, nil
}

// report sends audit records until ctx is over; a batch that cannot be sent is
// kept and tried again while the queue behind it fills. What waits when ctx is
// over is sent then.
func (u *uplink) report(ctx context.Context) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, cancel) })()
	for records := u.audit.batch(ctx); len(records) > 0; records = u.audit.batch(ctx) {
		for n := 0; u.send(last, records) != nil; n++ {
			if pause(ctx, n) != nil {
				u.log.Warn("audit records are lost because the controller is not reached", "count", len(records)+len(u.audit.queue))
				return
			}
		}
		if n := u.audit.dropped.Swap(0); n > 0 {
			u.log.Warn("audit records were dropped because the controller was not reached", "count", n)
		}
	}
}

func (u *uplink) send(ctx context.Context, records []wire.AuditRecord) error {
	b, err := json.Marshal(wire.GatewayReport{Gateway: u.name, Records: records})
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := u.do(ctx, http.MethodPost, wire.PathGatewayReport, b)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// do asks the controller; an answer other than 2xx is an error.
func (u *uplink) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask controller: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := u.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask controller: %w", err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, fmt.Errorf("ask controller for %s: %w", path, wire.ReadProblem(res.StatusCode, res.Body))
	}
	return res, nil
}
