package tunnel

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// leaveWithin bounds how long a link may live on that was left for another.
const leaveWithin = 10 * time.Second

// steadyAfter is how long a link has to stand to be no failure when it is lost.
const steadyAfter = 10 * time.Second

// sessionBudget bounds the unacknowledged bytes of a channel's flows.
const sessionBudget = 32 << 20

// channel is the data channel of one site; its states are drawn at the
// package. The owner's, but for what is atomic.
type channel struct {
	last atomic.Int64 // plane.clock of the last payload, or of the last demand

	p       *plane
	site    session.WantedSite
	state   session.ChannelState
	since   time.Time
	gateway string       // the last that admitted us, while connected or suspended
	home    wire.Gateway // the last that admitted us
	run     string       // that of the last that judged us; "": it does not say
	heard   string       // and what the controller had heard of it by then
	problem *wire.Problem
	budget  *flows.Budget
	flows   map[*flow]struct{}
	guests  map[*guest]struct{}
	closing bool // for good

	link   *link              // with the session's events; nil: none
	heir   *link              // is to take the place of link
	others map[*link]struct{} // joined to link, or left behind by their flows
	dialing
	lanes lanes

	rested time.Duration // when it was last suspended by order; 0: it was not
	stood  bool          // a gateway of the site has admitted the session before

	verdicts map[wire.EntitlementID]wire.Verdict // replaced, never changed
	leases   map[wire.EntitlementID]time.Duration
	lead     time.Duration // before the end of a lease the channel is there
	offset   time.Duration
	seq      uint64 // counts the verdicts that came
	torn     []torn

	alarm alarm
}

func newChannel(p *plane, s session.WantedSite) *channel {
	c := &channel{p: p, site: s, lead: leadOf(s.EntitlementToken), state: session.Disconnected, since: time.Now(), budget: flows.NewBudget(sessionBudget),
		flows: map[*flow]struct{}{}, guests: map[*guest]struct{}{}, others: map[*link]struct{}{}}
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
	old := c.site
	c.site = s
	if s.EntitlementToken != old.EntitlementToken {
		c.lead = leadOf(s.EntitlementToken)
	}
	if c.link != nil && !slices.Contains(s.Gateways, c.link.gateway) {
		c.leave(errClosed, nil)
	}
	if a := c.attempt; a != nil && !slices.Equal(s.Gateways, old.Gateways) { // review makes another
		a.cancel()
		c.attempt = nil
	}
	if s.Suspend > old.Suspend {
		c.order()
	}
	if s.Wake > old.Wake || c.forgotten() && s.Runs[c.home.Name] != old.Runs[c.home.Name] {
		c.wake()
	}
}

// review does what a new configuration may have made possible, due or forbidden.
func (c *channel) review() {
	if !c.p.allowed {
		for f := range c.flows {
			if f.phase == flowAsking {
				f.end(errClosed, notReached())
			}
		}
	}
	if c.state == session.Suspended && c.forgotten() {
		c.rouse()
	}
	c.renew()
	c.report()
	c.proceed()
	c.release()
	c.settle()
}

// demand gives a flow a link as soon as there is one.
func (c *channel) demand(f *flow) {
	if f.phase == flowEnded {
		return
	}
	f.phase = flowAsking
	if c.closing || !c.p.allowed {
		f.end(errClosed, notReached())
		return
	}
	c.last.Store(int64(c.p.clock()))
	c.rested = 0
	switch {
	case c.waits():
	case c.link != nil:
		f.give(c.placeNew(f), c.seq)
	default:
		c.connect()
	}
	c.rearm()
}

// rouse makes a channel connect that has parked flows and no link.
func (c *channel) rouse() {
	if c.link == nil && c.heir == nil && !c.closing && !c.resting() && c.parked() {
		c.last.Store(int64(c.p.clock()))
		c.hurry()
		c.connect()
	}
}

// wake does what the gateway has asked for, to which we have no link. Where we
// think that we have one it may be dead, and nobody could tell us.
func (c *channel) wake() {
	l := c.link
	if l == nil || c.closing {
		c.rouse()
		return
	}
	c.watchOver(l)
	c.p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.p.ctx, deadAfter)
		defer cancel()
		l.carrier.Probe(ctx) // what does not answer is noticed by its silence
	})
}

// parked says whether any flow waits for a link to go on.
func (c *channel) parked() bool {
	for f := range c.flows {
		if f.phase == flowParked {
			return true
		}
	}
	return false
}

// settle puts parked flows on links, where there are any, and connects where
// there is none: unless the channel is suspended.
func (c *channel) settle() {
	if c.closing {
		return
	}
	now := c.p.clock()
	for f := range c.flows {
		switch f.phase {
		case flowParked:
			if c.link == nil {
				if c.state != session.Suspended {
					c.connect()
				}
			} else if l := c.place(f); l != nil && now >= f.again {
				f.resume(l)
			}
		case flowOpen:
			if l := c.place(f); f.link.leaving && l != nil {
				f.resume(l)
			}
		}
	}
	c.rearm()
}

// place is the link for a flow that goes on: one whose gateway has judged the
// session, and which is no longer 0-RTT. nil: there is none yet.
func (c *channel) place(f *flow) *link {
	if l := c.lanes.prefers(c, f); l != nil {
		return l
	}
	if l := c.link; l != nil && l.judged && l.secured() {
		return l
	}
	return nil
}

// placeNew is the link for a new flow.
func (c *channel) placeNew(f *flow) *link {
	if l := c.lanes.prefers(c, f); l != nil {
		return l
	}
	return c.lanes.deal(c, f)
}

// memory is when the gateway's session began that remembers the flows of a link; zero:
// it is not known.
func (c *channel) memory(l *link) time.Time {
	if main := c.link; l.joined && main != nil && main.gateway == l.gateway {
		return main.since
	}
	return l.since
}

// stale notes that a link took no more requests.
func (c *channel) stale(l *link, err error) {
	if c.link == l || c.heir == l || c.has(l) {
		c.gone(l, err)
	}
}

func (c *channel) has(l *link) bool { _, ok := c.others[l]; return ok }

// admitted notes that the gateway has accepted the session.
func (c *channel) admitted(l *link) {
	if c.link != l && c.heir != l {
		return
	}
	l.admitted, c.stood = true, true
	if c.link == l {
		c.stands()
	}
}

// stands notes that the channel's link is one that was admitted.
func (c *channel) stands() {
	c.problem, c.missed, c.link.stood = nil, 0, c.p.clock()
	c.home, c.gateway = c.link.gateway, c.link.gateway.Name
	c.last.Store(max(c.last.Load(), int64(c.p.clock())))
	c.set(session.Connected)
	c.review()
}

// gone notes that a link has ended, or is to.
func (c *channel) gone(l *link, err error) {
	switch {
	case c.heir == l:
		c.heir = nil
		l.hangUp(c.p)
		c.p.opt.Log.Info("gateway not reached anew", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
	case c.has(l):
		c.drop(l)
	case c.link == l:
		c.broke(l, err)
	}
	c.settle()
}

// broke notes that the channel's link has ended.
func (c *channel) broke(l *link, err error) {
	var ended *wire.Problem
	admitted := l.admitted
	c.p.opt.Log.Warn("data channel lost", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
	switch {
	case admitted && errors.As(err, &ended):
		c.verdicts, c.leases = nil, nil
		c.leave(err, ended)
		c.problem = ended
		c.proceed()
		return
	case errors.Is(err, errSilent):
		c.p.dialer.Suspect(l.gateway, l.carrier.Lane())
	}
	if admitted {
		c.weigh(l)
	}
	c.unlink(l)
	if !admitted && !c.inherit() {
		c.fail(l.gateway, err)
		return
	}
	if c.link == nil && !c.inherit() {
		c.set(session.Disconnected)
	}
	c.proceed()
}

// weigh counts a link that was lost soon as a failure, so that a gateway which admits
// and drops is not stormed; the first is none.
func (c *channel) weigh(l *link) {
	now := c.p.clock()
	if now >= l.stood+steadyAfter {
		c.failures = 0
		return
	}
	c.failures++
	c.next++
	c.failed = now - firstBackoff
}

// unlink takes the channel's link away; its flows are parked, or asked for anew.
func (c *channel) unlink(l *link) {
	c.link = nil
	c.drop(l)
}

// drop parks the flows of a link and closes it.
func (c *channel) drop(l *link) {
	delete(c.others, l)
	c.endGuestsOf(l)
	for f := range l.flows {
		switch f.phase {
		case flowOpen, flowMoving:
			f.park()
		case flowEnded:
			f.on(nil)
			f.cancel(errClosed)
		}
	}
	l.hangUp(c.p)
}

// inherit has another link that stands take the place of the one that is gone.
func (c *channel) inherit() bool {
	if c.link != nil {
		return true
	}
	if l := c.heir; l != nil {
		c.heir, c.link = nil, l
		if l.admitted {
			c.stands()
		} else {
			c.set(session.Connecting)
		}
		return true
	}
	for l := range c.others {
		if l.joined && !l.leaving {
			delete(c.others, l)
			c.link, l.joined = l, false
			c.set(session.Connecting)
			c.ask(l)
			return true
		}
	}
	return false
}

// succeed puts the heir in the place of the link, whose flows move to it. One
// that has gone silent is closed at once; another when its flows have left it.
func (c *channel) succeed(l *link) {
	old := c.link
	c.heir, c.link = nil, l
	if old != nil {
		old.leaving = true
		c.others[old] = struct{}{}
		if old.suspect || len(old.flows) == 0 {
			c.drop(old)
		} else {
			time.AfterFunc(leaveWithin, func() {
				c.p.post(func() {
					if c.has(old) {
						c.drop(old)
						c.settle()
					}
				})
			})
		}
	}
	c.stands()
}

// left closes a link that its last flow has left.
func (c *channel) left(l *link) {
	if l != nil && l.leaving && len(l.flows) == 0 && c.has(l) {
		delete(c.others, l)
		l.hangUp(c.p)
	}
}

// hangUp closes all links and whatever is to become one.
func (c *channel) hangUp() {
	c.dialing.stop()
	for _, l := range c.all() {
		c.drop(l)
	}
	c.link, c.heir = nil, nil
}

// all are the channel's links.
func (c *channel) all() []*link {
	var all []*link
	for _, l := range []*link{c.link, c.heir} {
		if l != nil {
			all = append(all, l)
		}
	}
	for l := range c.others {
		all = append(all, l)
	}
	return all
}

// leave resets what there is of flows at the gateway, and closes all links.
func (c *channel) leave(cause error, problem *wire.Problem) {
	for f := range c.flows {
		if f.phase != flowAsking {
			f.stop(cause, problem)
		}
	}
	c.endGuests(cause)
	c.hangUp()
	c.gateway = ""
	c.set(session.Disconnected)
}

// closeFlows resets all flows.
func (c *channel) closeFlows(cause error, problem *wire.Problem) {
	for f := range c.flows {
		f.stop(cause, problem)
	}
	c.endGuests(cause)
}

// close ends the channel for good. Its flows may take a moment to tell the
// gateway.
func (c *channel) close(cause error) {
	c.closing = true
	c.dialing.stop()
	c.alarm.stop()
	c.closeFlows(cause, nil)
	c.verdicts, c.leases, c.torn = nil, nil, nil
	c.gateway = ""
	c.state = session.Disconnected
	c.p.ending[c] = struct{}{}
	if len(c.flows) == 0 || c.link == nil {
		c.closed()
		return
	}
	time.AfterFunc(farewell, func() { c.p.post(c.closed) })
}

// closed ends what close has left.
func (c *channel) closed() {
	c.hangUp()
	c.alarm.stop()
	delete(c.p.ending, c)
}

// emptied looks whether the last flow is gone; l is the link it was on.
func (c *channel) emptied(l *link) {
	c.left(l)
	if c.closing && len(c.flows) == 0 {
		c.closed()
	}
	c.p.dirty = true
}

func (c *channel) fact() session.SiteFact {
	f := session.SiteFact{
		State:    c.state,
		Since:    c.since,
		Gateway:  c.gateway,
		Verdicts: c.verdicts,
		Offset:   c.offset,
		Problem:  c.problem,
	}
	if c.link != nil && c.state == session.Connected {
		f.Lane = string(c.link.carrier.Lane())
	}
	for fl := range c.flows {
		if fl.lasts() && !fl.body.Status().Over {
			f.Flows++
			if fl.phase == flowParked {
				f.Parked++
			}
		}
	}
	return f
}
