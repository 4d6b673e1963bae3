package controller

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
)

// raisePolicy makes and returns the next policy revision: with every start,
// every configuration, every session that is ended and every change of a risk. Gateways' event streams
// see it in the store.
func (c *Controller) raisePolicy(ctx context.Context) (uint64, error) {
	v, err := records[policyRecord]{c.store}.change(ctx, policyKey, nil, func(v *policyRecord) error {
		v.Revision++
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("raise policy revision: %w", err)
	}
	return v.Revision, nil
}

func (c *Controller) policyRevision(ctx context.Context) (uint64, error) {
	v, err := records[policyRecord]{c.store}.get(ctx, policyKey)
	if err != nil {
		return 0, fmt.Errorf("policy revision: %w", err)
	}
	return v.Revision, nil
}

// told is what gateways are told.
type told struct {
	token    string // a wire.PolicyToken
	revision uint64
	lapse    time.Time // when a risk in it ends by itself; zero: none does
}

// policyToken is what gateways are told now. The revision is read first: what
// ends meanwhile raises it, and comes again.
func (c *Controller) policyToken(ctx context.Context) (told, error) {
	revision, err := c.policyRevision(ctx)
	if err != nil {
		return told{}, err
	}
	sessions, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return told{}, fmt.Errorf("policy token: %w", err)
	}
	risks, lapse, err := c.presentRisks(ctx)
	if err != nil {
		return told{}, fmt.Errorf("policy token: %w", err)
	}
	now := time.Now()
	v := wire.PolicyToken{Revision: revision, Issuer: c.config().Name, Issued: jwt.NewNumericDate(now), Revoked: map[wire.SessionID]time.Time{}, Ended: map[wire.SessionID]wire.Code{}, Renew: map[wire.SessionID]wire.Renewal{}, Risk: risks}
	for _, s := range sessions {
		until := s.Expires.Add(wire.Leeway) // no token outlives its session
		switch {
		case !now.Before(until):
		case s.Ended != "":
			v.Revoked[s.ID] = until
			if s.Ended != wire.CodeRevoked {
				v.Ended[s.ID] = s.Ended
			}
		case s.Renew > 0:
			v.Renew[s.ID] = wire.Renewal{Revision: s.Renew, Until: until}
		}
	}
	signed, err := wire.Sign(c.authority.token, c.authority.tokenID, wire.TypePolicy, v)
	return told{signed, revision, lapse}, err
}
