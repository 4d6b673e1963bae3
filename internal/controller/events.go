package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
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
	f := &feed{c: c, d: d, key: key, address: remoteHost(r), listener: l, texts: map[string]string{}}
	if p := f.judge(r.Context()); p != nil {
		return p
	}
	f.stream = newStream(w)
	if err := f.run(r.Context()); err != nil {
		c.log.Debug("event stream ended", "session", f.session.ID, "error", err)
	}
	return nil
}

// feed is one event stream of a session. It sends what stands in the session's
// record, and is what renews the tokens there when their time has come. Only
// its handler uses it.
type feed struct {
	c        *Controller
	d        *device
	key      string
	address  string // the client's; "" once the record has it
	listener *listener
	stream   *stream
	session  sessionRecord
	conf     *configured       // behind the last snapshot
	sent     tokenSet          // in it
	runs     map[string]string // in it
	texts    map[string]string // the tokens in it, by id
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

func (f *feed) run(ctx context.Context) error {
	if err := f.update(ctx); err != nil {
		return err
	}
	beat := time.NewTicker(wire.Heartbeat)
	defer beat.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		held, err := f.tell()
		if err != nil {
			return err
		}
		next := f.session.Expires
		for _, t := range []time.Time{f.session.Tokens.ClaimsRenew, f.session.Tokens.EntitlementsRenew, held} {
			if !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return nil
		case <-f.c.closing:
			return nil
		case <-f.listener.replaced:
			return nil
		case <-f.listener.wake:
		case <-timer.C:
		case <-beat.C:
			if err := f.stream.heartbeat(); err != nil {
				return err
			}
			if now := presentHost(ctx); now != "" && now != f.session.Address {
				f.address = now
			}
		}
		if p := f.judge(ctx); p != nil {
			if p.Code == wire.CodeInternal {
				return p // the client comes again
			}
			return f.stream.send("", wire.EventEnded, p)
		}
		if err := f.update(ctx); err != nil {
			return err
		}
	}
}

// errReplaced ends a stream that a newer one has taken the place of.
var errReplaced = errors.New("replaced by a newer stream")

// need is the first thing that the record lacks, or nothing. Another stream or
// another controller may have been faster: then there is nothing to do.
func (f *feed) need(s *sessionRecord, conf *configured, now time.Time) (need, error) {
	cert := wire.Thumbprint(f.d.cert.Raw)
	moved := f.address != "" && f.address != s.Address
	switch {
	case moved || s.Tokens.Certificate != cert:
		select {
		case <-f.listener.replaced: // the newer stream's address and certificate count
			return need{}, errReplaced
		default:
		}
	}
	if moved {
		s.Address = f.address
	}
	switch t := &s.Tokens; {
	case t.Certificate != cert: // the device has another certificate for its key
		t.Certificate = cert
		return need{trigger: wire.TriggerReconnect, policies: true, claims: true, entitlements: true, moved: moved}, nil
	case t.Revision < conf.revision || f.lost(t):
		return need{trigger: wire.TriggerRenewal, policies: true, claims: true, entitlements: true, moved: moved}, nil
	case moved:
		return need{trigger: wire.TriggerRoaming, policies: true, entitlements: true, moved: true}, nil
	case due(t.ClaimsRenew, now):
		return need{trigger: wire.TriggerClaimsToken, policies: true, claims: true}, nil
	case due(t.EntitlementsRenew, now):
		return need{trigger: wire.TriggerEntitlementToken, policies: true, entitlements: true}, nil
	}
	return need{}, errKeep
}

// lost says whether a token that the record names was looked for and not found.
func (f *feed) lost(t *tokenSet) bool {
	for _, id := range t.ids() {
		if text, known := f.texts[id]; known && text == "" {
			return true
		}
	}
	return false
}

func (t *tokenSet) ids() []string {
	ids := []string{t.Claims}
	for _, id := range t.Entitlements {
		ids = append(ids, id)
	}
	return ids
}

// fresh renews what is to be renewed and reads the tokens.
func (f *feed) fresh(ctx context.Context) error {
	for range 8 {
		var wants need
		s, err := f.c.renew(ctx, f.key, func(v *sessionRecord, conf *configured) (need, error) {
			n, err := f.need(v, conf, time.Now())
			wants = n
			return n, err
		})
		if err != nil {
			return err
		}
		if s.ID == "" || s.Ended != "" {
			return nil // the next judgement tells
		}
		f.session = s
		if !wants.none() {
			continue
		}
		f.address = ""
		if err := f.read(ctx); err != nil {
			return err
		}
		if !f.lost(&f.session.Tokens) {
			return nil
		}
	}
	return fmt.Errorf("session %s: its tokens do not settle", f.session.ID)
}

// read fetches the tokens that the record names. What is not there any more has
// been replaced meanwhile, or is lost.
func (f *feed) read(ctx context.Context) error {
	texts := map[string]string{}
	for _, id := range f.session.Tokens.ids() {
		if text, known := f.texts[id]; known && text != "" {
			texts[id] = text
			continue
		}
		v, err := f.c.tokens().get(ctx, recordKey(kindToken, id))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("read tokens: %w", err)
		}
		texts[id] = v.Token
	}
	f.texts = texts
	return nil
}

// update sends a snapshot if anything in it has changed.
func (f *feed) update(ctx context.Context) error {
	conf := f.c.conf.Load()
	u := conf.Users[f.session.User]
	if u == nil {
		return nil // ended by the reload that removed the user; the wake follows
	}
	if err := f.fresh(ctx); err != nil {
		return err
	}
	runs := f.c.runs(conf, &f.session.Tokens)
	if conf == f.conf && reflect.DeepEqual(f.sent, f.session.Tokens) && maps.Equal(f.runs, runs) || f.texts[f.session.Tokens.Claims] == "" {
		return nil
	}
	f.conf, f.sent, f.runs = conf, f.session.Tokens, runs
	s := wire.Snapshot{
		Revision:    f.c.epoch<<32 + f.c.snapshots.Add(1),
		At:          time.Now().UTC(),
		Controller:  conf.Title,
		User:        u.Name,
		DisplayName: u.DisplayName,
		Session:     f.session.ID,
		Expires:     f.session.Expires,
		ClaimsToken: f.texts[f.sent.Claims],
		Tokens:      map[wire.SiteID]string{},
		Settings:    conf.Settings,
		Gather:      conf.Gather,
		Runs:        runs,
	}
	for site, id := range f.sent.Entitlements {
		s.Tokens[site] = f.texts[id]
	}
	return f.stream.send(strconv.FormatUint(s.Revision, 10), wire.EventSnapshot, s)
}

// runs are those of the gateways that a session has tokens for.
func (c *Controller) runs(conf *configured, t *tokenSet) map[string]string {
	all := map[string]string{}
	for name, g := range conf.Gateways {
		if run := c.hub.run(name); run != "" && t.Entitlements[g.Site] != "" {
			all[name] = run
		}
	}
	return all
}
