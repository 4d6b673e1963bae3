package controller

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

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

// gatewayEvents serves wire.PathGatewayEvents: the whole policy token and the
// scripts at once, the one with every revision and the others when they change.
func (c *Controller) gatewayEvents(w http.ResponseWriter, r *http.Request) *wire.Problem {
	g, p := c.gateway(r)
	if p != nil {
		return p
	}
	if run := r.URL.Query().Get(wire.ParamRun); run != "" {
		if err := wire.CheckID(run); err != nil {
			return badRequest(fmt.Errorf("run: %w", err))
		}
		if c.hub.ran(g.Name, run) {
			c.hub.wakeKind(kindSession)
		}
	}
	l := c.hub.join(recordKey(kindGateway, g.Name))
	defer c.hub.leave(l)
	s := newStream(w)
	beat := time.NewTicker(wire.Heartbeat)
	defer beat.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var sent uint64
	var conf *configured // whose scripts were sent
	for {
		now, err := c.policyToken(r.Context())
		if err == nil && now.revision > sent {
			err = s.send(strconv.FormatUint(now.revision, 10), wire.EventPolicy, now.token)
			sent = now.revision
		}
		if next := c.conf.Load(); err == nil && (conf == nil || !reflect.DeepEqual(next.Scripts, conf.Scripts)) {
			var scripts string
			if scripts, err = c.scriptsToken(next); err == nil {
				err = s.send("", wire.EventScripts, scripts)
			}
			conf = next
		}
		if err != nil {
			c.log.Debug("gateway event stream ended", "gateway", g.Name, "error", err)
			return nil
		}
		timer.Stop()
		if !now.lapse.IsZero() {
			timer.Reset(time.Until(now.lapse))
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
			case <-timer.C:
				idle = false
				if err := c.lapse(r.Context()); err != nil {
					c.log.Error("a risk's time is over and gateways are not told", "error", err)
					return nil // it comes again
				}
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

// scriptsToken is what a configuration's scripts are sent to gateways as.
func (c *Controller) scriptsToken(conf *configured) (string, error) {
	v := wire.ScriptsToken{Revision: conf.revision, Issuer: conf.Name, Issued: jwt.NewNumericDate(time.Now()), Scripts: conf.Scripts}
	return wire.Sign(c.authority.token, c.authority.tokenID, wire.TypeScripts, v)
}

// gatewayAlert serves wire.PathGatewayAlert: a user tried what an alert action
// names, which raises the user's risk.
func (c *Controller) gatewayAlert(w http.ResponseWriter, r *http.Request) *wire.Problem {
	g, p := c.gateway(r)
	if p != nil {
		return p
	}
	var q wire.GatewayAlert
	if p := readBody(w, r, &q); p != nil {
		return p
	}
	if q.Gateway != g.Name {
		return badRequest(errors.New("the alert is of another gateway"))
	}
	sessions, err := c.sessions().list(r.Context(), kindSession)
	if err != nil {
		return c.internal("read sessions", err)
	}
	known := false
	for _, s := range sessions {
		known = known || s.ID == q.Session && s.User == q.User && s.Tokens.Entitlements[g.Site] != ""
	}
	if !known { // no gateway speaks of users it has nothing to do with
		return badRequest(errors.New("the alert is of no session at this gateway's site"))
	}
	conf := c.config()
	c.keepAudit(g.Name, clipped(wire.AuditRecord{At: time.Now(), Kind: "alert", Gateway: g.Name, Session: q.Session, User: q.User,
		Entitlement: q.Entitlement, Target: q.Target, Trigger: wire.TriggerAlert}))
	if conf.Users[q.User] == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	now := time.Now().UTC().Round(0)
	why := clip("tried " + q.Target + ", which is watched")
	said := riskSaid{Risk: wire.Risk{Level: conf.Risk.Alert, Until: now.Add(conf.Risk.For), Why: why}, At: now}
	if err := c.sayRisk(r.Context(), q.User, fromAlert, said); err != nil {
		return c.internal("raise risk", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// maxText is the length in bytes of the longest text kept of a record.
const maxText = 512

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// clipped bounds what a record of a gateway's costs to keep.
func clipped(r wire.AuditRecord) wire.AuditRecord {
	r.Kind, r.Session, r.User = clip(r.Kind), wire.SessionID(clip(string(r.Session))), clip(r.User)
	r.Entitlement, r.Target, r.Trigger = wire.EntitlementID(clip(string(r.Entitlement))), clip(r.Target), wire.Trigger(clip(string(r.Trigger)))
	r.Decision = wire.DecisionID(clip(string(r.Decision)))
	r.Reason = wire.Reason{Kind: wire.ReasonKind(clip(string(r.Reason.Kind))), Condition: wire.ConditionID(clip(string(r.Reason.Condition))), Detail: clip(r.Reason.Detail)}
	r.Term = wire.Term{Kind: wire.ReasonKind(clip(string(r.Term.Kind))), Condition: wire.ConditionID(clip(string(r.Term.Condition))),
		Text: clip(r.Term.Text), Claim: clip(r.Term.Claim), Reported: clip(r.Term.Reported)}
	r.Detail = clip(r.Detail)
	r.Cure = slices.Clone(r.Cure[:min(len(r.Cure), maxCure)])
	for i := range r.Cure {
		r.Cure[i] = clip(r.Cure[i])
	}
	return r
}

// maxCure is how many interactions are kept of a record: there are four.
const maxCure = 4

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
		rec = clipped(rec)
		rec.Gateway = g.Name
		c.keepAudit(g.Name, rec)
		if rec.Kind == "verdict" {
			c.verdicts.add(rec)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
