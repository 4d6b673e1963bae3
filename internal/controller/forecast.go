package controller

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/ahead"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// mostSpans bounds one line of a forecast.
const mostSpans = 256

// forecast serves wire.PathForecast.
func (c *Controller) forecast(w http.ResponseWriter, r *http.Request) *wire.Problem {
	d, p := c.device(r)
	if p != nil {
		return p
	}
	s, _, p := c.session(r, d)
	if p != nil {
		return p
	}
	done, p := c.lookouts.begin(r.Context(), d.ID, time.Now())
	if p != nil {
		return p
	}
	defer done()
	said, err := c.risks().get(r.Context(), recordKey(kindRisk, s.User))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return c.internal("read risk", err)
	}
	f := lookAhead(c.conf.Load(), s, said, time.Now().UTC().Round(0), stopAt(r.Context(), time.Now().Add(lookTime)))
	if err := r.Context().Err(); err != nil {
		return c.internal("look ahead", err)
	}
	wire.WriteJSON(w, http.StatusOK, f)
	return nil
}

// guarded is entitlements that the same conditions guard.
type guarded struct {
	entitlements []wire.EntitlementID
	conds        []policy.Condition // but those that read scripts
	mayChange    []wire.ReasonKind
	script       bool
}

// lookAhead looks ahead for one session, which a token's end does not stop: its
// tokens are renewed until the session ends. Where stop says so, the rest is left
// out.
func lookAhead(conf *configured, s sessionRecord, said riskRecord, now time.Time, stop func() bool) wire.Forecast {
	f := wire.Forecast{At: now, Until: now.Add(wire.ForecastAhead), Expires: s.Expires, Lines: []wire.ForecastLine{}}
	u := conf.Users[s.User]
	if u == nil {
		return f
	}
	look := ahead.Look{From: f.At, Until: f.Until, Risk: riskSteps(said, f.At, f.Until), Stop: stop,
		Claims: policy.ClaimsOf(&wire.ClaimsToken{
			User:   wire.UserClaims{Name: u.Name, DisplayName: u.DisplayName, Groups: u.Groups},
			System: wire.SystemClaims{Address: s.Address}, Claims: s.Claims, Responses: s.Responses}),
		Options: policy.PlanOptions{WarningLead: conf.Settings.WarningLead.D(), StampRounding: conf.Settings.StampRounding.D(), TokensEnd: s.Expires},
	}
	groups, left := guardedBy(conf, s.Policies), wire.MaxForecastSpans
	for i, g := range groups {
		line := wire.ForecastLine{Entitlements: g.entitlements, Spans: []wire.ForecastSpan{}, MayChange: g.mayChange}
		if most := min(max(left/(len(groups)-i), 1), mostSpans, left); most > 0 { // what others do not need is there for those behind
			line.Spans = append(line.Spans, look.Spans(g.conds, most)...)
		}
		left -= len(line.Spans)
		for i := range line.Spans {
			x := &line.Spans[i]
			x.Script = g.script && (x.Allow || len(x.Cure) > 0)
		}
		f.Lines = append(f.Lines, line)
	}
	return f
}

// riskSteps is how a risk falls by itself.
func riskSteps(said riskRecord, from, until time.Time) []ahead.Step {
	steps := []ahead.Step{{At: from, Level: said.risk(from).Level}}
	var ends []time.Time
	for _, s := range said.Said {
		if s.Until.After(from) && s.Until.Before(until) {
			ends = append(ends, s.Until)
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	for _, at := range ends {
		steps = append(steps, ahead.Step{At: at, Level: said.risk(at).Level})
	}
	return steps
}

// guardedBy are the entitlements of policies, by what guards them.
func guardedBy(conf *configured, policies []string) []guarded {
	byKey := map[string]*guarded{}
	sites := conf.EntitledBy(policies)
	for _, site := range slices.Sorted(maps.Keys(sites)) {
		for _, e := range sites[site] {
			var ids []string
			for _, w := range e.Conditions {
				ids = append(ids, string(w.ID))
			}
			key := strings.Join(ids, ",")
			g := byKey[key]
			if g == nil {
				g = &guarded{}
				for _, w := range e.Conditions {
					g.guard(conf, w)
				}
				slices.Sort(g.mayChange)
				g.mayChange = slices.Compact(g.mayChange)
				byKey[key] = g
			}
			g.entitlements = append(g.entitlements, e.ID)
		}
	}
	var out []guarded
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, *byKey[key])
	}
	return out
}

// guard adds a condition. One that reads scripts is left out: what all others
// deny is denied, and what they allow is for a gateway to say.
func (g *guarded) guard(conf *configured, w wire.Condition) {
	cond := policy.Condition{ID: w.ID, Interactions: w.Interactions, Any: w.Any, Denied: w.Denied}
	if known := conf.Conditions[w.ID]; known != nil {
		cond.Criteria = known.Compiled
	}
	scripted := false
	if cond.Criteria != nil { // else it denies, as at the gateway
		for _, name := range cond.Criteria.Names() {
			switch {
			case strings.HasPrefix(name, "scripts."):
				scripted = true
				g.mayChange = append(g.mayChange, wire.ReasonScript)
			case strings.HasPrefix(name, "device."):
				g.mayChange = append(g.mayChange, wire.ReasonDevice)
			case name == "risk":
				g.mayChange = append(g.mayChange, wire.ReasonRisk)
			case name == "system.address":
				g.mayChange = append(g.mayChange, wire.ReasonNetwork)
			}
		}
	}
	if g.script = g.script || scripted; !scripted {
		g.conds = append(g.conds, cond)
	}
}
