package session

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// deviceFact is what the device reports of itself, and how far that has come.
type deviceFact struct {
	claims   wire.DeviceClaims // the newest; nil: none were reported
	sent     wire.DeviceClaims // the controller's last; nil: not known
	sending  bool
	followed bool      // Posture reports
	seq      uint64    // of the session that sent is of
	failed   int       // tries since the last that worked
	after    time.Time // of the next try; zero: at once
	gather   []wire.Gather
	since    time.Time // of a declaration whose claims have not come yet; zero: they have
}

// gatherTime is for how long new flows wait for claims that were declared just
// now: whoever uses an application right after the sign-in is not to be denied
// for what nobody has asked the device yet.
const gatherTime = time.Second

// deviceChanged takes the device's claims, whole. Those that nobody follows were
// found out before that ended.
func (c *core) deviceChanged(claims wire.DeviceClaims) {
	if c.o.Posture != nil && !c.device.followed {
		return
	}
	if claims == nil {
		claims = wire.DeviceClaims{}
	}
	if c.device.answers(claims) {
		c.device.since = time.Time{}
	}
	if reflect.DeepEqual(claims, c.device.claims) {
		return
	}
	c.device.claims = maps.Clone(claims)
	c.device.failed, c.device.after = 0, time.Time{}
}

// follow has the claims found out for as long as somebody is signed in, or may be
// once the keychain has opened: nobody else needs them, and a sign-in finds them
// out anew.
func (c *core) follow() {
	on := c.enrolled.Enrolled() && !c.quitting && (c.cookie != "" || c.opening)
	if c.o.Posture == nil || on == c.device.followed {
		return
	}
	c.device.followed = on
	if !on {
		c.device.claims = nil
	}
	c.o.Posture.Follow(on)
}

// declare has the claims found out that the administrator declared, for as long
// as somebody is signed in.
func (c *core) declare() {
	var want []wire.Gather
	if c.snapshot != nil && c.cookie != "" {
		want = c.snapshot.Gather
	}
	if c.o.Posture != nil && !reflect.DeepEqual(want, c.device.gather) {
		c.o.Posture.Declare(want)
		c.device.gather, c.device.since = want, time.Time{}
		if len(want) > 0 {
			c.device.since = c.now()
		}
	}
}

// answers says whether claims hold all that is declared. Those that do not may
// be of a gathering that began before the declaration.
func (d *deviceFact) answers(claims wire.DeviceClaims) bool {
	return !slices.ContainsFunc(d.gather, func(g wire.Gather) bool {
		_, known := claims[g.Name]
		return !known
	})
}

// gathering says whether declared claims are still awaited.
func (d *deviceFact) gathering(w *wake) bool {
	return !d.since.IsZero() && w.within(d.since, gatherTime)
}

// sentDevice begins a session that the controller holds claims of, or none.
func (c *core) sentDevice(claims wire.DeviceClaims) {
	c.device.sent, c.device.sending = claims, false
	c.device.failed, c.device.after = 0, time.Time{}
	c.device.seq++
}

// reportDevice sends the controller the claims that it does not have yet.
func (c *core) reportDevice(w *wake) {
	d := &c.device
	if d.claims == nil || d.sending || c.quitting || !c.control.established || reflect.DeepEqual(d.claims, d.sent) {
		return
	}
	if !d.after.IsZero() && w.before(d.after) {
		return
	}
	d.sending = true
	seq, claims, client, cookie, log := d.seq, d.claims, c.link.client, c.cookie, c.o.Log
	c.run(func(ctx context.Context) func(*core) {
		err := client.Report(ctx, cookie, wire.DeviceReport{Claims: claims})
		return func(c *core) {
			d := &c.device
			if d.seq != seq {
				return // another session's
			}
			d.sending = false
			switch {
			case err == nil:
				d.sent, d.failed, d.after = claims, 0, time.Time{}
			case final(err):
				d.sent = claims // it will not take these, however often they come
				log.Warn("the controller did not take the device's claims", "error", err)
			default:
				d.after = c.now().Add(backoff(d.failed))
				d.failed++
				log.Info("the device's claims were not sent", "error", err)
			}
		}
	})
}

// final says whether a refusal would only come again.
func final(err error) bool {
	var p *wire.Problem
	return errors.As(err, &p) && (p.Code == wire.CodeBadRequest || p.Code == wire.CodeNotFound || p.Code == wire.CodeNotAllowed)
}
