package plan

import (
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// foresight judges sessions by one configuration.
type foresight struct {
	conf     *config.Config
	compiled map[wire.EntitlementID]guarded
}

// guarded is an entitlement's conditions, compiled.
type guarded struct {
	conds    []policy.Condition
	scripted bool
}

func newForesight(conf *config.Config) *foresight {
	return &foresight{conf: conf, compiled: map[wire.EntitlementID]guarded{}}
}

// see judges all that a session's user is entitled to.
func (f *foresight) see(s Session, now time.Time) map[wire.EntitlementID]sight {
	u := f.conf.Users[s.User]
	if u == nil || u.Disabled {
		return nil
	}
	risk := s.Risk
	claims := policy.ClaimsOf(&wire.ClaimsToken{
		User:      wire.UserClaims{Name: u.Name, DisplayName: u.DisplayName, Groups: u.Groups},
		System:    wire.SystemClaims{Address: s.Address},
		Claims:    s.Device,
		Responses: s.Responses,
	})
	claims.Risk = &risk
	o := policy.PlanOptions{WarningLead: f.conf.Settings.WarningLead.D(), StampRounding: f.conf.Settings.StampRounding.D(), TokensEnd: s.Expires}
	out := map[wire.EntitlementID]sight{}
	for _, list := range f.conf.EntitledBy(config.Names(f.conf.AssignedTo(u, s.Address, s.Coded))) {
		for _, e := range list {
			g := f.guard(e)
			out[e.ID] = sight{Outcome: policy.Plan(g.conds, claims, now, o), entitled: true, scripted: g.scripted}
		}
	}
	return out
}

func (f *foresight) guard(e wire.Entitlement) guarded {
	g, ok := f.compiled[e.ID]
	if ok {
		return g
	}
	for _, c := range e.Conditions {
		cond, _ := policy.ConditionOf(c) // what does not compile denies, as at the gateway
		g.conds = append(g.conds, cond)
		for name := range c.Variables {
			g.scripted = g.scripted || strings.HasPrefix(name, "scripts.")
		}
	}
	f.compiled[e.ID] = g
	return g
}
