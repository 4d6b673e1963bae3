package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// Suspension is what became of an order to suspend data channels.
type Suspension struct {
	// Told sessions are connected, and suspend their data channels now.
	Told int `json:"told"`
	// Away sessions are not connected, and are told nothing.
	Away int `json:"away"`
}

// Suspend has the live sessions that match suspend their data channels. It takes
// nothing away: open connections rest, and the next use resumes.
func (c *Controller) Suspend(ctx context.Context, match Match) (Suspension, error) {
	var n Suspension
	if match.User != "" && c.config().Users[match.User] == nil {
		return n, fmt.Errorf("user %q %w; see the User resources of the configuration", match.User, ErrUnknown)
	}
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return n, fmt.Errorf("suspend: %w", err)
	}
	now := time.Now()
	for key, s := range all {
		if !s.alive(now) || !match.fits(s) {
			continue
		}
		rec := record{kind: "suspend", session: s.ID, user: s.User, target: string(s.Device), allow: c.hub.order(key)}
		if rec.allow {
			n.Told++
		} else {
			n.Away++
			rec.detail = "not connected, and not told"
		}
		c.audit(rec)
	}
	if n != (Suspension{}) {
		return n, nil
	}
	if match.Device != "" {
		known, err := c.knowsDevice(ctx, match.Device)
		if err != nil {
			return n, fmt.Errorf("suspend: %w", err)
		}
		if !known {
			return n, fmt.Errorf("device %q %w; `tidegate-server controller sessions` names those in use", match.Device, ErrUnknown)
		}
	}
	return n, c.unmatched(match)
}

func (c *Controller) knowsDevice(ctx context.Context, id wire.DeviceID) (bool, error) {
	if wire.CheckID(string(id)) != nil {
		return false, nil
	}
	_, err := c.devices().get(ctx, recordKey(kindDevice, string(id)))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
