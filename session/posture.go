package session

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// deviceFact is what the device reports of itself, and how far that has come.
type deviceFact struct {
	claims  wire.DeviceClaims // the newest; nil: none were reported
	sent    wire.DeviceClaims // the controller's last; nil: not known
	sending bool
	seq     uint64    // of the session that sent is of
	failed  int       // tries since the last that worked
	after   time.Time // of the next try; zero: at once
	gather  []wire.Gather
}

// deviceChanged takes the device's claims, whole.
func (c *core) deviceChanged(claims wire.DeviceClaims) {
	if claims == nil {
		claims = wire.DeviceClaims{}
	}
	if reflect.DeepEqual(claims, c.device.claims) {
		return
	}
	c.device.claims = maps.Clone(claims)
	c.device.failed, c.device.after = 0, time.Time{}
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
		c.device.gather = want
	}
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
