package tunnel

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

const (
	// firstBackoff doubles with each attempt that failed, up to lastBackoff.
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 2 * time.Second
	// deadAfter is how long a carrier that was sent something may stay silent.
	deadAfter = 15 * time.Second
	// renewTimeout bounds a PUT of renewed tokens.
	renewTimeout = 15 * time.Second
)

// channel is the data channel of one site; its states are drawn at the
// package. The owner's, but for what is atomic.
type channel struct {
	last  atomic.Int64 // plane.clock of the last payload, or of the last demand
	quiet atomic.Bool  // suspended with its carrier: payload has to wake it

	p       *plane
	site    session.WantedSite
	state   session.ChannelState
	since   time.Time
	gateway string // the last that admitted us, while connected or suspended
	problem *wire.Problem

	dialing   *attempt
	link      *link
	failures  int
	notBefore time.Time
	next      int  // which gateway to try first
	stood     bool // a gateway of the site has admitted the session before

	verdicts map[wire.EntitlementID]wire.Verdict // replaced, never changed
	leases   map[wire.EntitlementID]time.Duration
	offset   time.Duration
	seq      uint64 // counts the verdicts that came
	torn     []torn

	alarm alarm
}

// attempt is one try to reach a gateway of the site.
type attempt struct{ cancel context.CancelFunc }

// grant lets a flow use a link; seq counts the verdicts known by then.
type grant struct {
	*link
	seq uint64
}

func newChannel(p *plane, s session.WantedSite) *channel {
	c := &channel{p: p, site: s}
	c.alarm = alarm{p: p, due: c.due}
	return c
}

func (c *channel) set(s session.ChannelState) {
	if c.state != s {
		c.state, c.since = s, time.Now()
		c.p.opt.Log.Info("data channel", "site", c.site.ID, "state", string(s), "gateway", c.gateway)
	}
	c.p.dirty = true
}

// configure takes the site's new gateways and tokens; review acts on the tokens.
func (c *channel) configure(s session.WantedSite) {
	c.site = s
	if c.link != nil && !slices.Contains(s.Gateways, c.link.gateway) {
		c.drop(errClosed, nil)
	}
}

// review does what a new configuration may have made possible, due or forbidden.
func (c *channel) review() {
	if !c.p.allowed {
		for f := range c.p.flows {
			if f.ch == c && f.phase == flowAsking {
				f.end(errClosed, notReached())
			}
		}
	}
	c.renew()
	c.report()
	c.proceed()
	c.release()
	c.rearm()
}

// demand gives f a link as soon as there is one. stale is one that f found unusable.
func (c *channel) demand(f *flow, stale *link) {
	if f.phase == flowEnded {
		return
	}
	f.link, f.phase = nil, flowAsking
	if c.p.channels[c.site.ID] != c || !c.p.allowed {
		f.end(errClosed, notReached())
		return
	}
	if stale != nil && c.link == stale {
		c.drop(errUnsent, lost(stale.gateway))
	}
	c.last.Store(int64(c.p.clock()))
	switch {
	case c.waits():
	case c.link != nil:
		c.wake()
		f.give(c.link, c.seq)
	case c.dialing == nil:
		c.connect()
	}
}

// connect begins an attempt: each gateway once, after what is left of the back-off.
func (c *channel) connect() {
	ctx, cancel := context.WithCancel(c.p.ctx)
	a := &attempt{cancel}
	c.dialing = a
	c.set(session.Connecting)
	wait, id := time.Until(c.notBefore), c.p.w.Identity
	n := len(c.site.Gateways)
	var gateways []wire.Gateway
	for i := range n {
		gateways = append(gateways, c.site.Gateways[(c.next+i)%n])
	}
	c.p.wg.Go(func() {
		l, err := c.p.dialAny(ctx, wait, gateways, id)
		c.p.do(func() { c.dialed(a, l, err) })
	})
}

// dialed takes what an attempt came to. The session is asked for and the flows
// that wait are let go in the same flight: the gateway holds them until it has
// judged the session.
func (c *channel) dialed(a *attempt, l *link, err error) {
	if c.dialing != a {
		if err == nil {
			c.p.wg.Go(l.close)
		}
		return
	}
	c.dialing.cancel()
	c.dialing = nil
	if err != nil {
		c.fail(l.gateway, err)
		return
	}
	c.link = l
	l.tokens = wire.SessionRequest{ClaimsToken: c.site.ClaimsToken, EntitlementToken: c.site.EntitlementToken,
		Device: c.p.w.Device, Resumed: c.stood}
	l.device = c.p.w.Device
	ctx, cancel := context.WithCancelCause(c.p.ctx)
	l.cancel = cancel
	tokens := l.tokens
	c.p.wg.Go(func() { c.serve(ctx, l, tokens) })
	c.proceed()
	c.rearm()
}

// fail notes that no gateway admitted us, and resets the flows that waited.
func (c *channel) fail(g wire.Gateway, err error) {
	c.failures++
	c.next++
	c.notBefore = time.Now().Add(min(firstBackoff<<min(c.failures-1, 10), lastBackoff))
	c.problem = unanswered(g, err)
	c.gateway = ""
	c.p.opt.Log.Warn("gateway not reached", "site", c.site.ID, "gateway", g.Name, "error", err)
	c.set(session.Disconnected)
	for f := range c.p.flows {
		if f.ch == c {
			f.end(err, c.problem)
		}
	}
	c.rearm()
}

// admitted notes that the gateway has accepted the session.
func (c *channel) admitted(l *link) {
	if c.link != l {
		return
	}
	l.admitted, c.stood = true, true
	c.failures, c.problem = 0, nil
	c.gateway = l.gateway.Name
	c.last.Store(int64(c.p.clock()))
	c.set(session.Connected)
	c.review()
}

// gone notes that a link has ended, or is to.
func (c *channel) gone(l *link, err error) {
	if c.link != l {
		return
	}
	var ended *wire.Problem
	switch {
	case !l.admitted:
		c.drop(err, unanswered(l.gateway, err))
		c.fail(l.gateway, err)
	case errors.As(err, &ended):
		c.verdicts, c.leases = nil, nil
		c.drop(err, ended)
		c.problem = ended
		c.proceed()
	default:
		c.p.opt.Log.Warn("data channel lost", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
		c.drop(err, lost(l.gateway))
		c.proceed()
	}
}

// drop closes the carrier and resets the flows on it.
func (c *channel) drop(cause error, problem *wire.Problem) {
	if l := c.link; l != nil {
		for f := range c.p.flows {
			if f.link == l {
				f.end(cause, problem)
			}
		}
		c.hangUp()
	}
	c.gateway = ""
	c.set(session.Disconnected)
	c.rearm()
}

// hangUp closes the carrier and nothing else.
func (c *channel) hangUp() {
	l := c.link
	c.link = nil
	c.quiet.Store(false)
	l.cancel(errClosed)
	c.p.wg.Go(l.close)
}

// close ends the channel for good.
func (c *channel) close(cause error) {
	if c.dialing != nil {
		c.dialing.cancel()
		c.dialing = nil
	}
	for f := range c.p.flows {
		if f.ch == c {
			f.end(cause, nil)
		}
	}
	c.verdicts, c.leases, c.torn = nil, nil, nil
	c.drop(cause, nil)
}

func (c *channel) fact() session.SiteFact {
	return session.SiteFact{
		State:    c.state,
		Since:    c.since,
		Gateway:  c.gateway,
		Verdicts: c.verdicts,
		Offset:   c.offset,
		Problem:  c.problem,
	}
}
