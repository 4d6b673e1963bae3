package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// SessionInfo is a live session, for administrators.
type SessionInfo struct {
	ID      wire.SessionID `json:"id"`
	User    string         `json:"user"`
	Device  wire.DeviceID  `json:"device"`
	Address string         `json:"address"`
	Created time.Time      `json:"created"`
	Expires time.Time      `json:"expires"`
	// Policies are those assigned, by name.
	Policies []string `json:"policies,omitempty"`
}

// ErrUnknown is wrapped where an administrator names what does not exist.
var ErrUnknown = errors.New("does not exist")

// Sessions lists the live sessions, oldest first.
func (c *Controller) Sessions(ctx context.Context) ([]SessionInfo, error) {
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	live := []SessionInfo{}
	for _, s := range all {
		if s.alive(time.Now()) {
			live = append(live, SessionInfo{s.ID, s.User, s.Device, s.Address, s.Created, s.Expires, s.Policies})
		}
	}
	slices.SortFunc(live, func(a, b SessionInfo) int { return a.Created.Compare(b.Created) })
	return live, nil
}

// RevokeSession ends a session: its cookie is void, its client and the
// gateways are told.
func (c *Controller) RevokeSession(ctx context.Context, id wire.SessionID) error {
	n, err := c.endSessions(ctx, func(s sessionRecord) bool { return s.ID == id })
	if err == nil && n == 0 {
		return fmt.Errorf("session %q %w; `tidegate-server controller sessions` lists them", id, ErrUnknown)
	}
	return err
}

// RevokeUser ends a user's sessions and refuses new ones until RestoreUser.
func (c *Controller) RevokeUser(ctx context.Context, name string) error {
	ctx = context.WithoutCancel(ctx) // all of it, whoever asked
	if err := c.setUser(ctx, name, true); err != nil {
		return err
	}
	_, err := c.endSessions(ctx, func(s sessionRecord) bool { return s.User == name })
	return err
}

// RestoreUser undoes RevokeUser; what it ended stays ended.
func (c *Controller) RestoreUser(ctx context.Context, name string) error {
	return c.setUser(ctx, name, false)
}

func (c *Controller) setUser(ctx context.Context, name string, revoked bool) error {
	if c.config().Users[name] == nil {
		return fmt.Errorf("user %q %w; see the User resources of the configuration", name, ErrUnknown)
	}
	_, err := c.users().change(ctx, recordKey(kindUser, name), nil, func(v *userRecord) error { v.Revoked = revoked; return nil })
	if err != nil {
		return fmt.Errorf("revoke user: %w", err)
	}
	return nil
}

// RevokeDevice voids a device's certificate for good and ends its sessions; it
// must enrol again.
func (c *Controller) RevokeDevice(ctx context.Context, id wire.DeviceID) error {
	if wire.CheckID(string(id)) != nil {
		return fmt.Errorf("device %q %w", id, ErrUnknown)
	}
	ctx = context.WithoutCancel(ctx)
	rec, err := c.devices().change(ctx, recordKey(kindDevice, string(id)), nil, func(v *deviceRecord) error {
		if v.ID == "" {
			return errKeep
		}
		v.Revoked = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("revoke device: %w", err)
	}
	if rec.ID == "" {
		return fmt.Errorf("device %q %w; `tidegate-server controller sessions` names those in use", id, ErrUnknown)
	}
	_, err = c.endSessions(ctx, func(s sessionRecord) bool { return s.Device == id })
	return err
}

// RevokePolicy ends the sessions that are assigned a policy and says how many.
// It refuses no new ones.
func (c *Controller) RevokePolicy(ctx context.Context, name string) (int, error) {
	n, err := c.endSessions(context.WithoutCancel(ctx), func(s sessionRecord) bool { return slices.Contains(s.Policies, name) })
	if err == nil && n == 0 && !slices.Contains(c.policyNames(), name) {
		return 0, fmt.Errorf("policy %q %w; see the Policy resources of the configuration", name, ErrUnknown)
	}
	return n, err
}

// endSessions ends the live sessions that match and says how many.
func (c *Controller) endSessions(ctx context.Context, match func(sessionRecord) bool) (int, error) {
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	n := 0
	var errs []error
	for key, s := range all {
		if s.Ended == "" && match(s) {
			n++
			errs = append(errs, c.endSession(ctx, key, wire.CodeRevoked))
		}
	}
	return n, errors.Join(errs...)
}

// endUnknown ends the sessions of users whom the configuration does not have
// or has disabled, and of users and devices that have been revoked: a controller
// that was killed amid a revocation completes it when it starts.
func (c *Controller) endUnknown(ctx context.Context) error {
	users, err := c.users().list(ctx, kindUser)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	devices, err := c.devices().list(ctx, kindDevice)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	_, err = c.endSessions(ctx, func(s sessionRecord) bool {
		u := c.config().Users[s.User]
		return u == nil || u.Disabled || users[recordKey(kindUser, s.User)].Revoked || devices[recordKey(kindDevice, string(s.Device))].Revoked
	})
	return err
}
