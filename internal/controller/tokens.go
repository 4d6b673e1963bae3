package controller

import (
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/wire"
)

// issued is a session's tokens as its event stream sent them.
type issued struct {
	claims       string
	claimsRenew  time.Time
	entitlements map[wire.SiteID]string
	entRenew     time.Time
}

// never is when a token is renewed that ends with its session.
var never = time.Unix(1<<40, 0)

// renewAt is when a token is renewed: 5 minutes before its end, or half-way
// where that is later.
func renewAt(from, end, sessionEnd time.Time) time.Time {
	if !end.Before(sessionEnd) {
		return never
	}
	life := end.Sub(from)
	return from.Add(max(life-5*time.Minute, life/2))
}

func (conf *configured) token(s sessionRecord, d *device, now, end time.Time) wire.Token {
	t := wire.Token{ID: wire.NewID(), Issuer: conf.Name, Subject: s.User, Session: s.ID, Device: s.Device,
		Issued: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(end), Revision: conf.revision}
	t.Confirm.Thumbprint = wire.Thumbprint(d.cert.Raw)
	return t
}

// end is when a token of a lifetime ends: with its session at the latest.
func end(now time.Time, life time.Duration, s sessionRecord) time.Time {
	if t := now.Add(life).Truncate(time.Second); t.Before(s.Expires) {
		return t
	}
	return s.Expires
}

func (c *Controller) issueClaims(t *issued, conf *configured, s sessionRecord, u *config.User, d *device, now time.Time) error {
	until := end(now, conf.ClaimsLifetime, s)
	v := wire.ClaimsToken{
		Token:     conf.token(s, d, now, until),
		User:      wire.UserClaims{Name: u.Name, DisplayName: u.DisplayName, Groups: u.Groups},
		System:    wire.SystemClaims{Address: s.Address},
		Claims:    s.Claims,
		Responses: s.Responses,
	}
	var err error
	if t.claims, err = wire.Sign(c.authority.token, c.authority.tokenID, wire.TypeClaims, v); err != nil {
		return fmt.Errorf("issue claims: %w", err)
	}
	t.claimsRenew = renewAt(now, until, s.Expires)
	return nil
}

func (c *Controller) issueEntitlements(t *issued, conf *configured, s sessionRecord, u *config.User, d *device, now time.Time) error {
	until := end(now, conf.EntitlementLifetime, s)
	t.entitlements = map[wire.SiteID]string{}
	for site, entitlements := range conf.Entitled(u) {
		v := wire.EntitlementToken{Token: conf.token(s, d, now, until), Site: conf.Site(site), Settings: conf.Settings, Entitlements: entitlements}
		v.Audience = jwt.Audience{string(site)}
		signed, err := wire.Sign(c.authority.token, c.authority.tokenID, wire.TypeEntitlement, v)
		if err != nil {
			return fmt.Errorf("issue entitlements: %w", err)
		}
		t.entitlements[site] = signed
	}
	t.entRenew = renewAt(now, until, s.Expires)
	return nil
}
