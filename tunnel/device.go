package tunnel

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// heardTime is for how long new flows wait until the gateway has heard what the
// device says of itself.
const heardTime = time.Second

// report tells the gateway what the device says of itself, where that differs
// from what the gateway has. While the channel has no link that goes with what
// makes one.
func (c *channel) report() {
	l, claims := c.link, c.p.w.Device
	if l == nil || !l.admitted || l.reporting || l.again > c.p.clock() {
		return
	}
	l.again = 0
	if !c.unreported(l) {
		return
	}
	l.reporting, l.began = true, c.p.clock()
	l.put(c.p.clock())
	c.p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.p.ctx, renewTimeout)
		defer cancel()
		err := l.carrier.Report(ctx, wire.DeviceReport{Claims: claims})
		c.p.post(func() { c.reported(l, claims, err) })
	})
}

// reported goes on with the newest, if that changed meanwhile. A report that was
// refused is not made again; one that was lost is.
func (c *channel) reported(l *link, claims wire.DeviceClaims, err error) {
	l.reporting = false
	if c.link != l {
		return
	}
	var refused *wire.Problem
	switch {
	case err == nil:
		l.device = claims
	case errors.As(err, &refused):
		l.device = claims
		c.p.opt.Log.Warn("device claims refused", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
	default:
		l.device = nil // it may have come
		l.again = c.p.clock() + lastBackoff
		c.p.opt.Log.Info("device claims not sent", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
	}
	c.report()
	c.proceed()
	c.rearm()
}

// waits says whether new flows wait for what the device says of itself: until it
// is gathered, and an open channel's gateway has heard it.
func (c *channel) waits() bool {
	l := c.link
	if c.p.w.Gathering || l == nil {
		return c.p.w.Gathering
	}
	return l.reporting && c.p.clock() < l.began+heardTime || !l.admitted && c.unreported(l)
}

// proceed lets the flows go on that wait for nothing any more.
func (c *channel) proceed() {
	for f := range c.flows {
		if f.phase == flowAsking {
			c.demand(f)
		}
	}
	c.admitGuests()
}

// unreported says whether the device says of itself what the gateway has not heard.
func (c *channel) unreported(l *link) bool {
	return c.p.w.Device != nil && !reflect.DeepEqual(c.p.w.Device, l.device)
}
