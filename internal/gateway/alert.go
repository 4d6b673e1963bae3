package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// alertQueue is how many alerts wait for the controller before more are dropped.
	alertQueue = 256
	// alertPause is how long trying the same destination again is the same alert.
	alertPause = 10 * time.Second
	// alertTries bounds how often an alert is sent while the controller is away.
	alertTries = 30
	// maxAlerted is how many of a session's destinations are alerted in alertPause.
	maxAlerted = 64
)

// alert tells the controller, which raises the user's risk, that the user tried
// what an alert action names. It does not wait.
func (s *session) alert(e *entitlement, t target, decision wire.DecisionID) {
	now, where := s.now(), string(e.id)+" "+t.String()
	if last, ok := s.alerted[where]; ok && now.Sub(last).Abs() < alertPause {
		return
	}
	maps.DeleteFunc(s.alerted, func(_ string, at time.Time) bool { return now.Sub(at).Abs() >= alertPause })
	if len(s.alerted) >= maxAlerted { // the controller has heard enough of this user
		return
	}
	if s.alerted == nil {
		s.alerted = map[string]time.Time{}
	}
	s.alerted[where] = now
	s.record(wire.AuditRecord{Kind: "alert", Entitlement: e.id, Target: t.String(), Trigger: wire.TriggerAccess, Reason: wire.Reason{Kind: wire.ReasonBlocked}, Decision: decision})
	a := wire.GatewayAlert{Gateway: s.g.config.Name, At: now.UTC(), Session: s.id, User: s.user, Entitlement: e.id, Target: t.String()}
	select {
	case s.g.alerts <- a:
	default:
		s.g.log.Error("an alert is dropped: too many wait for the controller", "user", s.user, "target", a.Target)
	}
}

// alarm sends alerts until ctx is over, each until the controller has it, or has
// refused it.
func (u *uplink) alarm(ctx context.Context, alerts <-chan wire.GatewayAlert) {
	for {
		select {
		case a := <-alerts:
			if err := u.sendAlert(ctx, a); err != nil {
				u.log.Error("an alert does not reach the controller; the user's risk is not raised", "user", a.User, "target", a.Target, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (u *uplink) sendAlert(ctx context.Context, a wire.GatewayAlert) error {
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	for n := 0; ; n++ {
		var refusal *wire.Problem
		if err = u.post(ctx, wire.PathGatewayAlert, b); err == nil || n == alertTries || errors.As(err, &refusal) && refusal.Status/100 == 4 {
			return err
		}
		if pause(ctx, n) != nil {
			return err
		}
	}
}

func (u *uplink) post(ctx context.Context, path string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := u.do(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
