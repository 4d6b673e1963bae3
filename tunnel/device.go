package tunnel

import (
	"context"
	"errors"
	"reflect"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// report tells the gateway what the device says of itself, where that differs
// from what the gateway has. A suspended channel sends nothing: it is told when
// the channel is used again.
func (c *channel) report() {
	l, claims := c.link, c.p.w.Device
	if l == nil || !l.admitted || c.state != session.Connected || l.reporting || claims == nil || reflect.DeepEqual(claims, l.device) {
		return
	}
	if l.again > c.p.clock() {
		return
	}
	l.reporting, l.again = true, 0
	c.p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.p.ctx, renewTimeout)
		defer cancel()
		err := l.carrier.report(ctx, wire.DeviceReport{Claims: claims})
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
		l.again = c.p.clock() + lastBackoff
		c.p.opt.Log.Info("device claims not sent", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
	}
	c.report()
	c.rearm()
}
