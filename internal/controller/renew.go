package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// Renewal says which tokens an administrator renews; the zero value: both.
type Renewal struct {
	Claims       bool `json:"claims,omitempty"`
	Entitlements bool `json:"entitlements,omitempty"`
}

// Match says which live sessions are meant: those for which all that is written
// here is so. The zero value means every one.
type Match struct {
	User    string         `json:"user,omitempty"`
	Device  wire.DeviceID  `json:"device,omitempty"`
	Policy  string         `json:"policy,omitempty"` // it is assigned
	Session wire.SessionID `json:"session,omitempty"`
}

func (m Match) fits(s sessionRecord) bool {
	return (m.User == "" || s.User == m.User) && (m.Device == "" || s.Device == m.Device) &&
		(m.Session == "" || s.ID == m.Session) && (m.Policy == "" || slices.Contains(s.Policies, m.Policy))
}

// RenewTokens assigns policies and makes new tokens for the live sessions that
// match, and says for how many. Those that are connected hear at once, the
// others when they come back.
func (c *Controller) RenewTokens(ctx context.Context, which Renewal, match Match) (int, error) {
	if match.User != "" && c.config().Users[match.User] == nil {
		return 0, fmt.Errorf("user %q %w; see the User resources of the configuration", match.User, ErrUnknown)
	}
	if which == (Renewal{}) {
		which = Renewal{Claims: true, Entitlements: true}
	}
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return 0, fmt.Errorf("renew tokens: %w", err)
	}
	n := 0
	var errs []error
	for key, s := range all {
		if s.Ended != "" || !match.fits(s) {
			continue
		}
		renewed := false
		_, err := c.renew(ctx, key, func(v *sessionRecord, _ *configured) (need, error) {
			if renewed = match.fits(*v) && v.Tokens.Certificate != ""; !renewed {
				return need{}, errKeep
			}
			return need{trigger: wire.TriggerRenewal, policies: true, claims: which.Claims, entitlements: which.Entitlements}, nil
		})
		if renewed && err == nil {
			n++
		}
		errs = append(errs, err)
	}
	if n == 0 && errors.Join(errs...) == nil {
		return 0, c.unmatched(match)
	}
	return n, errors.Join(errs...)
}

// unmatched says what a match that no session fits named wrongly.
func (c *Controller) unmatched(m Match) error {
	switch {
	case m.Session != "":
		return fmt.Errorf("session %q %w; `tidegate-server controller sessions` lists them", m.Session, ErrUnknown)
	case m.Policy != "" && !slices.Contains(c.policyNames(), m.Policy):
		return fmt.Errorf("policy %q %w; see the Policy resources of the configuration", m.Policy, ErrUnknown)
	}
	return nil
}

func (c *Controller) policyNames() []string {
	var names []string
	for _, p := range c.config().Policies {
		names = append(names, p.Name)
	}
	return names
}

// renew changes the record of a live session as f says and makes the tokens that
// f then asks for, in one step: whoever was faster is taken into account, and
// what f returns errKeep for stays as it is.
func (c *Controller) renew(ctx context.Context, key string, f func(*sessionRecord, *configured) (need, error)) (sessionRecord, error) {
	var m *minting
	written := false
	s, err := c.sessions().change(ctx, key, sessionTTL, func(v *sessionRecord) error {
		if m != nil {
			c.forget(ctx, m.made) // another was faster
		}
		m, written = &minting{c: c, conf: c.conf.Load()}, false
		u := m.conf.Users[v.User]
		if v.ID == "" || v.Ended != "" || u == nil {
			return errKeep
		}
		n, err := f(v, m.conf)
		if err != nil {
			return err
		}
		written = true
		return m.meet(ctx, v, u, n)
	})
	if m == nil {
		return s, err
	}
	// Nobody waits for what follows, and half of it would leave tokens behind.
	ctx = context.WithoutCancel(ctx)
	if err != nil || !written {
		c.forget(ctx, m.made)
		return s, err
	}
	c.forget(ctx, m.void)
	for _, r := range m.did {
		c.audit(r)
	}
	if now := c.conf.Load(); now != m.conf { // which was compared with what there was before
		voided, err := c.compare(ctx, key, m.conf.Config)
		if err != nil {
			return s, err
		}
		m.lost = m.lost || voided
	}
	if m.lost {
		_, err = c.raisePolicy(ctx)
	}
	return s, err
}
