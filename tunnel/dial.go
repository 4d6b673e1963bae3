package tunnel

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

const (
	// firstBackoff doubles with each attempt that failed, up to lastBackoff, or
	// patientBackoff where only parked flows wait.
	firstBackoff   = 250 * time.Millisecond
	lastBackoff    = 2 * time.Second
	patientBackoff = 30 * time.Second
	// homeGrace is for how long only the gateway is tried that has our flows.
	homeGrace = 10 * time.Second
)

// dialer opens carriers; a *carrier.Dialer is one.
type dialer interface {
	Dial(ctx context.Context, g wire.Gateway, id session.Identity) (carrier.Carrier, error)
	DialLane(ctx context.Context, g wire.Gateway, id session.Identity, lane carrier.Lane) (carrier.Carrier, error)
	// Suspect says that a lane to a gateway went silent.
	Suspect(g wire.Gateway, lane carrier.Lane)
}

// dialing is how a channel comes by its links.
type dialing struct {
	attempt  *attempt // at a link where there is none
	anew     *attempt // at one that takes the place of the link
	failures int
	failed   time.Duration // when the last attempt did
	missed   time.Duration // since when the gateway that has our flows is away; 0: it is not
	next     int           // which gateway to try first
}

// attempt is one try to reach a gateway of the site.
type attempt struct {
	cancel context.CancelFunc
	begins time.Duration // when its back-off is over
	why    string        // of one that is made beside a link
}

func (d *dialing) stop() {
	for _, a := range []*attempt{d.attempt, d.anew} {
		if a != nil {
			a.cancel()
		}
	}
	d.attempt, d.anew = nil, nil
}

// backoff is how long to wait after the last failure.
func (d *dialing) backoff(most time.Duration) time.Duration {
	if d.failures == 0 {
		return 0
	}
	b := min(firstBackoff<<min(d.failures-1, 10), most)
	return b/2 + rand.N(b/2)
}

// connect begins an attempt, unless there is one or a link: each gateway once,
// after what is left of the back-off.
func (c *channel) connect() {
	if c.attempt != nil || c.link != nil || c.heir != nil || c.closing || c.p.w.Gathering {
		return
	}
	most := patientBackoff
	if c.asked() {
		most = lastBackoff
	}
	now := c.p.clock()
	wait := max(c.failed+c.backoff(most)-now, 0)
	ctx, cancel := context.WithCancel(c.p.ctx)
	a := &attempt{cancel: cancel, begins: now + wait}
	c.attempt = a
	c.set(session.Connecting)
	id, gateways := c.p.w.Identity, c.gateways()
	c.p.wg.Go(func() {
		l, err := c.p.dialAny(ctx, wait, gateways, id)
		c.p.do(func() { c.dialed(a, l, err) })
	})
}

// asked says whether anybody waits for the channel.
func (c *channel) asked() bool {
	for f := range c.flows {
		if f.phase == flowAsking {
			return true
		}
	}
	return len(c.guests) > 0
}

// hurry shortens the back-off of an attempt that has not begun, to what is
// bearable for somebody who waits.
func (c *channel) hurry() {
	if a := c.attempt; a != nil && a.begins > c.p.clock()+lastBackoff {
		a.cancel()
		c.attempt = nil
		c.failures = min(c.failures, 3)
	}
}

// gateways are those to try, in order: while one has flows of ours it comes
// first, and for a while alone.
func (c *channel) gateways() []wire.Gateway {
	n := len(c.site.Gateways)
	var all []wire.Gateway
	for i := range n {
		all = append(all, c.site.Gateways[(c.next+i)%n])
	}
	home := slices.IndexFunc(all, func(g wire.Gateway) bool { return g == c.home })
	if home < 0 || !c.parked() {
		return all
	}
	if c.missed == 0 || c.p.clock() < c.missed+homeGrace {
		return all[home : home+1]
	}
	return all
}

// dialAny waits, and then tries the gateways one after the other. With an
// error the link only names the gateway that failed last.
func (p *plane) dialAny(ctx context.Context, wait time.Duration, gateways []wire.Gateway, id session.Identity) (*link, error) {
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return &link{}, ctx.Err()
		case <-t.C:
		}
	}
	l, err := newLink(wire.Gateway{}), error(&wire.Problem{
		Code:   wire.CodeNotEntitled,
		Title:  "No gateway is known for this application",
		Detail: "Ask your administrator.",
	})
	for _, l.gateway = range gateways {
		l.carrier, err = p.dial(ctx, l.gateway, id, p.lane())
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return l, err
}

// lane is the one that is prescribed; empty: whichever is best.
func (d *Dataplane) lane() carrier.Lane {
	switch l := carrier.Lane(d.opt.Lane); l {
	case carrier.H2, carrier.H3:
		return l
	}
	return ""
}

// dial tries one gateway, by a lane or by whichever is first.
func (p *plane) dial(ctx context.Context, g wire.Gateway, id session.Identity, lane carrier.Lane) (carrier.Carrier, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opt.DialTimeout)
	defer cancel()
	if lane != "" {
		return p.dialer.DialLane(ctx, g, id, lane)
	}
	return p.dialer.Dial(ctx, g, id)
}

// secure is dial, and waits until the gateway has proved that it is there.
func (p *plane) secure(ctx context.Context, g wire.Gateway, id session.Identity, lane carrier.Lane) (carrier.Carrier, error) {
	c, err := p.dial(ctx, g, id, lane)
	if err != nil {
		return nil, err
	}
	t := time.NewTimer(p.opt.DialTimeout)
	defer t.Stop()
	select {
	case <-c.Secured():
		return c, nil
	case <-c.Done():
		err = carrier.ErrLost
	case <-t.C:
		err = errSilent
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.Close()
	return nil, err
}

// dialed takes what an attempt came to. The session is asked for and the flows
// that wait are let go in the same flight: the gateway holds them until it has
// judged the session.
func (c *channel) dialed(a *attempt, l *link, err error) {
	if c.attempt != a {
		if err == nil {
			c.p.wg.Go(l.carrier.Close)
		}
		return
	}
	c.attempt.cancel()
	c.attempt = nil
	if err != nil {
		c.fail(l.gateway, err)
		return
	}
	c.link = l
	c.ask(l)
	c.proceed()
	c.rearm()
}

// fail notes that no gateway admitted us, and resets the flows that waited. Those
// that are parked wait on.
func (c *channel) fail(g wire.Gateway, err error) {
	c.failures++
	c.next++
	c.failed = c.p.clock()
	if c.missed == 0 {
		c.missed = c.failed
	}
	c.problem = unanswered(g, err)
	c.gateway = ""
	c.p.opt.Log.Warn("gateway not reached", "site", c.site.ID, "gateway", g.Name, "error", err)
	for f := range c.flows {
		if f.phase == flowAsking || f.phase == flowTrying || f.phase == flowHeld {
			f.stop(err, c.problem)
		}
	}
	for g := range c.guests {
		g.refuse(c.problem)
	}
	if !c.parked() {
		c.set(session.Disconnected)
	}
	c.settle()
}

// renewal dials a link that is to take the place of the one there is: by these
// lanes at once, and whichever answers first. Nothing is done while one is
// under way.
func (c *channel) renewal(why string, lanes ...carrier.Lane) {
	l := c.link
	if c.anew != nil || c.heir != nil || l == nil || c.closing {
		return
	}
	if pinned := c.p.lane(); pinned != "" {
		lanes = []carrier.Lane{pinned}
	}
	ctx, cancel := context.WithCancel(c.p.ctx)
	a := &attempt{cancel: cancel, why: why}
	c.anew = a
	c.p.opt.Log.Info("data channel dials anew", "site", c.site.ID, "gateway", l.gateway.Name, "why", why)
	id, g := c.p.w.Identity, l.gateway
	c.p.wg.Go(func() {
		next := newLink(g)
		var err error
		next.carrier, err = c.p.first(ctx, g, id, lanes)
		c.p.do(func() { c.renewedBy(a, next, err) })
	})
}

// first dials by several lanes at once and returns the first carrier that stands.
func (p *plane) first(ctx context.Context, g wire.Gateway, id session.Identity, lanes []carrier.Lane) (carrier.Carrier, error) {
	type result struct {
		c   carrier.Carrier
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, len(lanes))
	for _, lane := range lanes {
		go func() {
			c, err := p.secure(ctx, g, id, lane)
			results <- result{c, err}
		}()
	}
	var won carrier.Carrier
	var all error
	for range lanes {
		switch r := <-results; {
		case r.err != nil:
			all = errors.Join(all, r.err)
		case won == nil:
			won = r.c
			cancel()
		default:
			r.c.Close()
		}
	}
	if won != nil {
		return won, nil
	}
	return nil, all
}

// renewedBy takes what renewal came to.
func (c *channel) renewedBy(a *attempt, l *link, err error) {
	a.cancel()
	if c.anew != a || c.link == nil || c.link.gateway != l.gateway {
		if c.anew == a {
			c.anew = nil
		}
		if err == nil {
			c.p.wg.Go(l.carrier.Close)
		}
		return
	}
	c.anew = nil
	if err != nil {
		c.p.opt.Log.Info("gateway not reached anew", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
		c.rearm()
		return
	}
	c.heir = l
	c.ask(l)
}
