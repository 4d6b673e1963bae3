package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// need is what a row of the table of triggers (seed 003) asks of the controller
// for one session.
type need struct {
	trigger      wire.Trigger
	policies     bool // assign policies anew
	claims       bool // a new claims token
	entitlements bool // new entitlement tokens
	moved        bool // the client is elsewhere than when policies were assigned
}

func (n need) none() bool { return !n.policies && !n.claims && !n.entitlements }

// minting makes the tokens that a change of a session's record asks for. They
// are stored before the record names them: whoever reads it finds them.
type minting struct {
	c    *Controller
	conf *configured
	made []string // ids of the tokens that were stored
	void []string // ids of those that the record names no longer
	lost bool     // gateways may take older entitlement tokens no longer
	did  []record // to audit once the record is written
}

// meet does what a need asks for.
func (m *minting) meet(ctx context.Context, s *sessionRecord, u *config.User, n need) error {
	now := time.Now()
	before := accessOf(m.conf.Config, u, s.Policies)
	had, err := before.digest()
	if err != nil {
		return err
	}
	present := s.Tokens.Revision >= m.conf.revision
	if n.policies {
		s.Policies = assigned(m.conf.Config, u, s)
		m.note(s, n.trigger, "policies-assigned", strings.Join(s.Policies, ","))
	}
	if n.moved && (readsAddress(m.conf.Config, before) || !accessOf(m.conf.Config, u, s.Policies).keeps(before)) {
		s.Renew = max(m.conf.revision, s.Renew) + 1
		m.lost = true
	}
	if n.claims {
		if err := m.claims(ctx, s, u, n.trigger, now); err != nil {
			return err
		}
	}
	if n.entitlements {
		if err := m.entitlements(ctx, s, u, n.trigger, now); err != nil {
			return err
		}
		// Where it is of another configuration, it is voidTokens's to compare.
		if s.Access == "" || s.Access == had && present {
			if s.Access, err = accessOf(m.conf.Config, u, s.Policies).digest(); err != nil {
				return err
			}
		}
	}
	if n.claims && n.entitlements {
		s.Tokens.Revision = m.conf.revision
	}
	return nil
}

func (m *minting) note(s *sessionRecord, why wire.Trigger, kind, target string) {
	m.did = append(m.did, record{kind: kind, session: s.ID, user: s.User, target: target, trigger: why, allow: true})
}

func (m *minting) claims(ctx context.Context, s *sessionRecord, u *config.User, why wire.Trigger, now time.Time) error {
	life, _ := m.conf.LifetimesBy(s.Policies)
	s.Tokens.Serial++
	until := end(now, life, *s)
	v := wire.ClaimsToken{
		Token:     m.conf.token(*s, why, now, until),
		User:      wire.UserClaims{Name: u.Name, DisplayName: u.DisplayName, Groups: u.Groups},
		System:    wire.SystemClaims{Address: s.Address},
		Claims:    s.Claims,
		Responses: s.Responses,
	}
	v.Revision |= moves
	if err := m.keep(ctx, s, wire.TypeClaims, v.ID, v); err != nil {
		return err
	}
	if s.Tokens.Claims != "" {
		m.void = append(m.void, s.Tokens.Claims)
	}
	s.Tokens.Claims, s.Tokens.ClaimsRenew = v.ID, renewAt(now, until, s.Expires)
	m.note(s, why, "claims-token", v.ID)
	return nil
}

func (m *minting) entitlements(ctx context.Context, s *sessionRecord, u *config.User, why wire.Trigger, now time.Time) error {
	_, life := m.conf.LifetimesBy(s.Policies)
	s.Tokens.Serial++
	until := end(now, life, *s)
	ids := map[wire.SiteID]string{}
	for site, entitlements := range m.conf.EntitledBy(s.Policies) {
		v := wire.EntitlementToken{Token: m.conf.token(*s, why, now, until), Site: m.conf.Site(site), Settings: m.conf.Settings, Address: s.Address, Entitlements: entitlements}
		v.Audience = jwt.Audience{string(site)}
		if err := m.keep(ctx, s, wire.TypeEntitlement, v.ID, v); err != nil {
			return err
		}
		ids[site] = v.ID
		m.note(s, why, "entitlement-token", v.ID)
	}
	for _, id := range s.Tokens.Entitlements {
		m.void = append(m.void, id)
	}
	s.Tokens.Entitlements, s.Tokens.EntitlementsRenew = ids, renewAt(now, until, s.Expires)
	return nil
}

// keep signs a token and stores it for as long as its session's record.
func (m *minting) keep(ctx context.Context, s *sessionRecord, typ, id string, v any) error {
	signed, err := wire.Sign(m.c.authority.token, m.c.authority.tokenID, typ, v)
	if err != nil {
		return fmt.Errorf("issue tokens: %w", err)
	}
	_, err = m.c.tokens().change(ctx, recordKey(kindToken, id), func(tokenRecord) time.Duration { return sessionTTL(*s) }, func(v *tokenRecord) error {
		v.Token = signed
		return nil
	})
	if err != nil {
		return fmt.Errorf("issue tokens: %w", err)
	}
	m.made = append(m.made, id)
	return nil
}

func (c *Controller) tokens() records[tokenRecord] { return records[tokenRecord]{c.store} }

// forget deletes tokens that no record names. One that stays, as where the
// controller is killed, ends with its session.
func (c *Controller) forget(ctx context.Context, ids []string) {
	for _, id := range ids {
		key := recordKey(kindToken, id)
		_, revision, err := c.tokens().read(ctx, key)
		if err == nil {
			err = c.store.Delete(ctx, key, revision)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			c.log.Debug("a void token is not deleted", "error", err)
		}
	}
}

func (conf *configured) token(s sessionRecord, why wire.Trigger, now, end time.Time) wire.Token {
	t := wire.Token{ID: wire.NewID(), Issuer: conf.Name, Subject: s.User, Session: s.ID, Device: s.Device,
		Issued: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(end), Revision: max(conf.revision, s.Renew), Trigger: why, Serial: s.Tokens.Serial}
	t.Confirm.Thumbprint = s.Tokens.Certificate
	return t
}

// assigned names the policies of a user in a session.
func assigned(c *config.Config, u *config.User, s *sessionRecord) []string {
	return config.Names(c.AssignedTo(u, s.Address, s.Coded))
}

// end is when a token of a lifetime ends: with its session at the latest.
func end(now time.Time, life time.Duration, s sessionRecord) time.Time {
	if t := now.Add(life).Truncate(time.Second); t.Before(s.Expires) {
		return t
	}
	return s.Expires
}

// renewAt is when a token is renewed: 5 minutes before its end, or half-way
// where that is later; zero for one that ends with its session.
func renewAt(from, end, sessionEnd time.Time) time.Time {
	if !end.Before(sessionEnd) {
		return time.Time{}
	}
	life := end.Sub(from)
	return from.Add(max(life-5*time.Minute, life/2)).UTC().Round(0)
}

// due says whether the time to renew has come.
func due(renew, now time.Time) bool { return !renew.IsZero() && !now.Before(renew) }
