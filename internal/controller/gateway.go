package controller

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tidegate/tidegate/internal/wire"
)

// gatewayKeys serves wire.PathGatewayKeys.
func (c *Controller) gatewayKeys(w http.ResponseWriter, r *http.Request) *wire.Problem {
	if _, p := c.gateway(r); p != nil {
		return p
	}
	wire.WriteJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: c.authority.token.Public(), KeyID: c.authority.tokenID, Algorithm: string(jose.ES256), Use: "sig"},
	}})
	return nil
}

// gatewayEvents serves wire.PathGatewayEvents: the whole policy token at once
// and with every revision.
func (c *Controller) gatewayEvents(w http.ResponseWriter, r *http.Request) *wire.Problem {
	g, p := c.gateway(r)
	if p != nil {
		return p
	}
	l := c.hub.join(recordKey(kindGateway, g.Name))
	defer c.hub.leave(l)
	s := newStream(w)
	beat := time.NewTicker(wire.Heartbeat)
	defer beat.Stop()
	var sent uint64
	for {
		token, revision, err := c.policyToken(r.Context())
		if err == nil && revision > sent {
			err = s.send(strconv.FormatUint(revision, 10), wire.EventPolicy, token)
			sent = revision
		}
		if err != nil {
			c.log.Debug("gateway event stream ended", "gateway", g.Name, "error", err)
			return nil
		}
		for idle := true; idle; {
			select {
			case <-r.Context().Done():
				return nil
			case <-c.closing:
				return nil
			case <-l.replaced:
				return nil
			case <-l.wake:
				idle = false
			case <-beat.C:
				if s.heartbeat() != nil {
					return nil
				}
			}
		}
		if _, p := c.gateway(r); p != nil {
			return nil // removed, or enrolled anew
		}
	}
}

// maxText is the length in bytes of the longest text kept of a record.
const maxText = 512

// clipped bounds what a record of a gateway's costs to keep.
func clipped(r wire.AuditRecord) wire.AuditRecord {
	clip := func(s string) string {
		if len(s) > maxText {
			return strings.ToValidUTF8(s[:maxText], "") + "…"
		}
		return s
	}
	r.Kind, r.Session, r.User = clip(r.Kind), wire.SessionID(clip(string(r.Session))), clip(r.User)
	r.Entitlement, r.Target, r.Trigger = wire.EntitlementID(clip(string(r.Entitlement))), clip(r.Target), wire.Trigger(clip(string(r.Trigger)))
	r.Decision = wire.DecisionID(clip(string(r.Decision)))
	r.Reason = wire.Reason{Kind: wire.ReasonKind(clip(string(r.Reason.Kind))), Condition: wire.ConditionID(clip(string(r.Reason.Condition))), Detail: clip(r.Reason.Detail)}
	return r
}

// maxReport is the largest number of records in one report.
const maxReport = 10_000

// gatewayReport serves wire.PathGatewayReport.
func (c *Controller) gatewayReport(w http.ResponseWriter, r *http.Request) *wire.Problem {
	g, p := c.gateway(r)
	if p != nil {
		return p
	}
	var q wire.GatewayReport
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	if q.Gateway != g.Name {
		return badRequest(errors.New("the report is of another gateway"))
	}
	if len(q.Records) > maxReport {
		return badRequest(errors.New("the report has too many records"))
	}
	for _, rec := range q.Records {
		c.keepAudit(g.Name, clipped(rec))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
