package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

// renewTimeout bounds a PUT of renewed tokens.
const renewTimeout = 15 * time.Second

// link is a carrier in use. The owner's, but for what stands above the blank line.
//
//	asked ──► admitted ──► judged          has the session's events
//	joining ──► joined                     carries flows beside it
//	any ──► leaving ──► closed             its flows move to another
type link struct {
	carrier carrier.Carrier
	gateway wire.Gateway
	watch   atomic.Pointer[watch] // nil: nothing waits for an answer
	heard   atomic.Int64          // plane.clock of the last payload that came; 0: none since it was asked

	cancel   context.CancelCauseFunc // ends the session's events
	flows    map[*flow]struct{}
	admitted bool
	judged   bool // verdicts came
	joined   bool
	leaving  bool
	stood    time.Duration // since when it is the channel's, and was admitted
	suspect  bool          // it was sent something and is silent
	probing  bool          // it is asked whether the gateway is there
	revision uint64        // of its last verdicts
	since    time.Time     // when the gateway's session began, said with them

	tokens   wire.SessionRequest // what the gateway has, or is being sent
	renewing bool
	renewAt  time.Duration // when a PUT that was lost is made again; 0: none was

	device    wire.DeviceClaims // what the gateway has of it
	reporting bool
	began     time.Duration // when the last report did
	again     time.Duration // when a report that was lost is tried again; 0: none was
}

func newLink(g wire.Gateway) *link {
	return &link{gateway: g, cancel: func(error) {}, flows: map[*flow]struct{}{}}
}

// secured says whether the handshake is complete: nothing is replayed any more.
func (l *link) secured() bool {
	select {
	case <-l.carrier.Secured():
		return true
	default:
		return false
	}
}

// hangUp closes the link.
func (l *link) hangUp(p *plane) {
	l.cancel(errClosed)
	p.wg.Go(l.carrier.Close)
}

// request is what admits a carrier now.
func (c *channel) request() wire.SessionRequest {
	return wire.SessionRequest{ClaimsToken: c.site.ClaimsToken, EntitlementToken: c.site.EntitlementToken,
		Device: c.p.w.Device, Resumed: c.stood, Instance: c.p.instance}
}

// ask has the gateway of a link admit the session there.
func (c *channel) ask(l *link) {
	l.tokens, l.device = c.request(), c.p.w.Device
	ctx, cancel := context.WithCancelCause(c.p.ctx)
	l.cancel = cancel
	tokens := l.tokens
	c.watchOver(l)
	c.p.wg.Go(func() { c.serve(ctx, l, tokens) })
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
	body, err := l.carrier.Admit(ctx, tokens)
	if err != nil {
		return err
	}
	defer body.Close()
	patience.Stop()
	c.p.post(func() { c.admitted(l) })
	c.p.wg.Go(func() {
		select {
		case <-l.carrier.Secured():
			c.p.post(c.settle)
		case <-ctx.Done():
		}
	})
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
			c.p.post(func() { c.judge(l, v, at, clock) })
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
// While the channel has no link they go with what makes one.
func (c *channel) renew() {
	l := c.link
	if l == nil || !l.admitted || l.renewing || l.renewAt > c.p.clock() {
		return
	}
	l.renewAt = 0
	tokens := wire.SessionRequest{ClaimsToken: c.site.ClaimsToken, EntitlementToken: c.site.EntitlementToken}
	if l.tokens.ClaimsToken == tokens.ClaimsToken && l.tokens.EntitlementToken == tokens.EntitlementToken {
		return
	}
	l.renewing, l.tokens = true, tokens
	l.put(c.p.clock())
	c.p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.p.ctx, renewTimeout)
		defer cancel()
		err := l.carrier.Renew(ctx, tokens)
		c.p.post(func() { c.renewed(l, err) })
	})
}

// renewed goes on without the new tokens where the gateway refused them: the
// old ones' leases end by themselves. What was lost is sent again.
func (c *channel) renewed(l *link, err error) {
	l.renewing = false
	if c.link != l {
		return
	}
	var refused *wire.Problem
	switch {
	case err == nil:
		c.problem = nil
	case errors.As(err, &refused):
		c.p.opt.Log.Warn("tokens refused", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
		c.problem = refused
	default:
		c.p.opt.Log.Info("tokens not renewed", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
		l.tokens = wire.SessionRequest{} // they may have come
		l.renewAt = c.p.clock() + lastBackoff
	}
	c.p.dirty = true
	c.renew()
	c.rearm()
}

var _ dialer = (*carrier.Dialer)(nil)
