package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// link is a carrier with the session on it. The owner's, but for what stands
// above the blank line.
type link struct {
	carrier
	gateway wire.Gateway
	watch   atomic.Pointer[watch] // nil: nothing waits for an answer

	cancel   context.CancelCauseFunc // ends the session
	admitted bool
	renewing bool
	tokens   wire.SessionRequest // what the gateway has, or is being sent
	revision uint64              // of its last verdicts

	device    wire.DeviceClaims // what the gateway has of it
	reporting bool
	began     time.Duration // when the last report did
	again     time.Duration // when a report that was lost is tried again; 0: none was
}

// dialAny waits, and then tries the gateways one after the other. With an
// error the link only names the gateway that failed last.
func (p *plane) dialAny(ctx context.Context, wait time.Duration, gateways []wire.Gateway, id session.Identity) (*link, error) {
	if wait > 0 {
		select {
		case <-ctx.Done():
			return &link{}, ctx.Err()
		case <-time.After(wait):
		}
	}
	l, err := &link{}, error(&wire.Problem{
		Code:   wire.CodeNotEntitled,
		Title:  "No gateway is known for this application",
		Detail: "Ask your administrator.",
	})
	for _, l.gateway = range gateways {
		one, cancel := context.WithTimeout(ctx, p.opt.DialTimeout)
		l.carrier, err = p.dialer.dial(one, l.gateway, id)
		cancel()
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return l, err
}

// serve has the gateway admit the session, and reads what it has to say until
// the link ends.
func (c *channel) serve(ctx context.Context, l *link, tokens wire.SessionRequest) {
	err := c.follow(ctx, l, tokens)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	c.p.do(func() { c.gone(l, err) })
}

// follow reads the session's events; it always returns an error.
func (c *channel) follow(ctx context.Context, l *link, tokens wire.SessionRequest) error {
	patience := time.AfterFunc(c.p.opt.DialTimeout, func() { l.cancel(errSilent) })
	defer patience.Stop()
	body, err := l.admit(ctx, tokens)
	if err != nil {
		return err
	}
	defer body.Close()
	patience.Stop()
	c.p.post(func() { c.admitted(l) })
	events := wire.NewEventReader(body)
	for {
		e, err := events.Next()
		if err != nil {
			return fmt.Errorf("read session: %w", err)
		}
		switch e.Name {
		case wire.EventVerdicts:
			v, err := decodeVerdicts(e.Data)
			if err != nil {
				return err
			}
			at, clock := time.Now(), c.p.clock()
			c.p.post(func() { c.judged(l, v, at, clock) })
		case wire.EventEnded:
			return decodeEnded(e.Data)
		}
	}
}

// decodeVerdicts reads EventVerdicts. Verdicts without the gateway's clock are
// refused: their leases would mean nothing.
func decodeVerdicts(b []byte) (wire.Verdicts, error) {
	var v wire.Verdicts
	if err := json.Unmarshal(b, &v); err != nil {
		return wire.Verdicts{}, fmt.Errorf("decode verdicts: %w", err)
	}
	if v.At.IsZero() {
		return wire.Verdicts{}, errors.New("decode verdicts: the gateway's clock is missing")
	}
	return v, nil
}

// decodeEnded reads EventEnded; whatever it says, the session has ended.
func decodeEnded(b []byte) *wire.Problem {
	p := &wire.Problem{}
	if json.Unmarshal(b, p) != nil || p.Title == "" {
		return &wire.Problem{Code: wire.CodeInternal, Title: "The gateway ended the session"}
	}
	return p
}

// renew brings renewed tokens to the gateway, the latest if they change meanwhile.
// A suspended channel that has flows does so too; one that has none has no link.
func (c *channel) renew() {
	l := c.link
	tokens := wire.SessionRequest{ClaimsToken: c.site.ClaimsToken, EntitlementToken: c.site.EntitlementToken}
	if l == nil || !l.admitted || l.renewing || l.tokens.ClaimsToken == tokens.ClaimsToken && l.tokens.EntitlementToken == tokens.EntitlementToken {
		return
	}
	l.renewing, l.tokens = true, tokens
	l.put(c.p.clock())
	c.p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.p.ctx, renewTimeout)
		defer cancel()
		err := l.carrier.renew(ctx, tokens)
		c.p.post(func() { c.renewed(l, err) })
	})
}

// renewed goes on without the new tokens where the gateway refused them: the
// old ones' leases end by themselves.
func (c *channel) renewed(l *link, err error) {
	l.renewing = false
	if c.link != l {
		return
	}
	if err != nil {
		c.p.opt.Log.Warn("tokens not renewed", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
		c.problem = unanswered(l.gateway, err)
	} else {
		c.problem = nil
	}
	c.p.dirty = true
	c.renew()
}
