package plan

import (
	"slices"
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

// guarded is an entitlement with its conditions, compiled.
type guarded struct {
	conds      []policy.Condition
	conditions []wire.Condition
	scripts    []wire.Script // whose values the conditions read
	leads      leads
}

// leads is where an entitlement leads to.
type leads struct {
	site    wire.SiteID
	actions []wire.Action
	scripts []wire.Script // which yield hosts
}

func (g guarded) scripted() bool { return len(g.scripts) > 0 }

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
	for site, list := range f.conf.EntitledBy(config.Names(f.conf.AssignedTo(u, s.Address, s.Coded))) {
		for _, e := range list {
			g := f.guard(site, e)
			out[e.ID] = sight{Outcome: policy.Plan(g.conds, claims, now, o), entitled: true, guarded: g}
		}
	}
	return out
}

func (f *foresight) guard(site wire.SiteID, e wire.Entitlement) guarded {
	g, ok := f.compiled[e.ID]
	if ok {
		return g
	}
	g.conditions, g.leads = e.Conditions, leads{site: site, actions: slices.Clone(e.Actions)}
	for i := range g.leads.actions {
		g.leads.actions[i].HoldEarly = false // says how, not where
	}
	for _, c := range e.Conditions {
		cond, _ := policy.ConditionOf(c) // what does not compile denies, as at the gateway
		g.conds = append(g.conds, cond)
	}
	for _, s := range f.conf.Scripts {
		reads := func(c wire.Condition) bool { _, ok := c.Variables["scripts."+wire.Variable(s.Name)]; return ok }
		if s.Kind == wire.ScriptCriteria && slices.ContainsFunc(e.Conditions, reads) {
			g.scripts = append(g.scripts, s)
		}
		runs := func(a wire.Action) bool { return a.Script == s.Name }
		if s.Kind == wire.ScriptEntitlement && slices.ContainsFunc(e.Actions, runs) {
			g.leads.scripts = append(g.leads.scripts, s)
		}
	}
	f.compiled[e.ID] = g
	return g
}
