package gateway

import (
	"reflect"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// device is what the device says of itself: its last report counts more than
// the claims token, which is older.
func (s *session) device() wire.DeviceClaims {
	if s.report != nil {
		return s.report
	}
	return s.tokens.claims.Claims
}

// assess puts together what is judged on: the claims token, the device's last
// report, where the client was when the newer token was made, the user's risk
// and what the scripts have yielded.
func (s *session) assess(now time.Time) *policy.Claims {
	t := *s.tokens.claims
	t.Claims = s.device()
	c := policy.ClaimsOf(&t)
	if e := s.tokens.entitlement; e.Address != "" && e.Serial >= t.Serial {
		c.System.Address = e.Address
	}
	level := levelOf(s.risk, now)
	c.Risk = &level
	c.Scripts = map[string]any{}
	for _, t := range s.tasks {
		if t.variable != "" && t.known {
			c.Scripts[t.variable] = t.value
		}
	}
	return c
}

// reassess judges what reads a claim that has changed, and what is listed.
func (s *session) reassess(listed []*entitlement, trigger wire.Trigger, row bool) {
	s.judge(listed, s.subject.SetClaims(s.assess(s.now())), trigger, row)
}

// reported takes the device's report: a change is a row of the table, the same
// again is nothing at all.
func (s *session) reported(claims wire.DeviceClaims) {
	same := reflect.DeepEqual(claims, s.device())
	s.report = claims
	if same {
		return
	}
	changed := s.subject.SetClaims(s.assess(s.now()))
	s.judge(nil, changed, wire.TriggerDeviceClaims, true)
	for _, e := range s.entitlements {
		if e.verdict.Allow && e.grant.Inputs()&changed == 0 { // a script may read what no condition does
			s.runHosts(e, wire.TriggerDeviceClaims)
		}
	}
	s.rearm()
}

// exposed takes the user's risk.
func (s *session) exposed(r wire.Risk) {
	now := s.now()
	s.risk = r
	s.heard.Store(&r)
	if was := s.subject.Claims().Risk; *was == levelOf(r, now) {
		s.rearm()
		return
	}
	s.reassess(s.entitlements, wire.TriggerAlert, true)
}

// levelOf is the level of a risk, which lapses by itself.
func levelOf(r wire.Risk, now time.Time) int64 {
	if r == (wire.Risk{}) || !r.Until.IsZero() && !now.Before(r.Until) {
		return wire.RiskLow
	}
	return r.Level
}
