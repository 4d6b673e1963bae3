package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// Explanation says of one session of a user's whether an entitlement may be
// used, and why.
type Explanation struct {
	User        string             `json:"user"`
	Session     wire.SessionID     `json:"session,omitempty"` // "": the user has none
	Device      wire.DeviceID      `json:"device,omitempty"`
	Address     string             `json:"address,omitempty"` // the client's
	Entitlement wire.EntitlementID `json:"entitlement"`
	Name        string             `json:"name"`
	Apps        []wire.AppID       `json:"apps,omitempty"`
	// Named is the host of the entitlement's actions by which it has the destination
	// that was asked about, for example *.corp.example; "" where an application was.
	Named string `json:"named,omitempty"`
	// Policies are those that are assigned and give the entitlement.
	Policies []string  `json:"policies,omitempty"`
	Risk     wire.Risk `json:"risk"`
	// Offline: no gateway's verdict stands. This one is what the configuration
	// makes of what the controller knows; Note says what it does not.
	Offline bool   `json:"offline"`
	Note    string `json:"note,omitempty"`

	Allow  bool        `json:"allow"`
	Since  time.Time   `json:"since,omitzero"` // the verdict is what it is, or longer
	Until  time.Time   `json:"until,omitzero"` // it can next change
	Reason wire.Reason `json:"reason,omitzero"`
	Terms  []wire.Term `json:"terms,omitempty"` // that deny, or will at Until
	Cure   []string    `json:"cure,omitempty"`  // interactions that would help
	// Evaluations are the last ten of a gateway, the newest first.
	Evaluations []wire.AuditRecord `json:"evaluations,omitempty"`
}

// Explain says for each live session of a user's why an application, by the id
// of its shortcut or of its entitlement, may be used or not; "" means all that
// the user is entitled to. What is no id is a destination, host or host:port, and
// meant is the entitlement that names it the nearest: exactly, or by the longest
// wildcard. A user without a session is judged as if signed in
// just now, with nothing known of the device.
func (c *Controller) Explain(ctx context.Context, user, app string) ([]Explanation, error) {
	conf := c.conf.Load()
	u := conf.Users[user]
	if u == nil {
		return nil, fmt.Errorf("user %q %w; see the User resources of the configuration", user, ErrUnknown)
	}
	named := entitlementsOf(conf.Config, app)
	d := parseDestination(app)
	byID := app == "" || len(named) > 0
	every := slices.Sorted(maps.Keys(conf.Entitlements))
	if decide, _ := namings(conf.Config, every, d); !byID && len(decide) == 0 {
		return nil, fmt.Errorf("application %q %w; name a shortcut or an entitlement of the configuration, or a destination that one names, such as wiki.corp.example:443", app, ErrUnknown)
	}
	risk, err := c.riskOf(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	all, err := c.sessions().list(ctx, kindSession)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	now := time.Now()
	var live []sessionRecord
	for _, s := range all {
		if s.User == user && s.Ended == "" && now.Before(s.Expires) {
			live = append(live, s)
		}
	}
	slices.SortFunc(live, func(a, b sessionRecord) int { return a.Created.Compare(b.Created) })
	if len(live) == 0 {
		live = []sessionRecord{{User: user, Policies: config.Names(conf.Assigned(u))}}
	}
	var out []Explanation
	for _, s := range live {
		given := map[wire.EntitlementID]bool{}
		for _, list := range conf.EntitledBy(s.Policies) {
			for _, e := range list {
				given[e.ID] = true
			}
		}
		ids := named
		if app == "" {
			ids = slices.Sorted(maps.Keys(given))
		}
		var decide, wider []naming
		if !byID {
			if decide, wider = namings(conf.Config, slices.Sorted(maps.Keys(given)), d); len(decide) == 0 {
				decide, wider = namings(conf.Config, every, d)
			}
		}
		for _, n := range decide {
			x := Explanation{User: user, Session: s.ID, Device: s.Device, Address: s.Address, Risk: risk}
			x.entitle(conf.Config, s, n.id)
			x.Named = n.host
			switch {
			case !given[n.id]:
				x.denyUngiven(conf.Config)
			case n.refuses:
				x.Offline, x.Reason = true, wire.Reason{Kind: wire.ReasonBlocked}
			default:
				c.judgement(&x, conf, s, u, now)
			}
			x.compare(wider)
			out = append(out, x)
		}
		for _, id := range ids {
			x := Explanation{User: user, Session: s.ID, Device: s.Device, Address: s.Address, Risk: risk}
			x.entitle(conf.Config, s, id)
			if given[id] {
				c.judgement(&x, conf, s, u, now)
			} else {
				x.denyUngiven(conf.Config)
			}
			out = append(out, x)
		}
	}
	return out, nil
}

func (x *Explanation) denyUngiven(conf *config.Config) {
	x.Offline, x.Reason = true, wire.Reason{Kind: wire.ReasonNotEntitled}
	x.Note = "no policy that is assigned gives it; " + givers(conf, x.Entitlement)
}

// compare notes which other entitlements would have the destination, were there
// not one that names it better.
func (x *Explanation) compare(wider []naming) {
	if len(wider) == 0 {
		return
	}
	var others []string
	for _, w := range wider {
		others = append(others, w.host+" of "+string(w.id))
	}
	note := x.Named + " is nearer than " + strings.Join(others, ", ") + ", which does not count"
	if x.Note != "" {
		note = x.Note + "; " + note
	}
	x.Note = note
}

// judgement fills in what the gateway said last, or what it would say.
func (c *Controller) judgement(x *Explanation, conf *configured, s sessionRecord, u *config.User, now time.Time) {
	x.Evaluations = c.verdicts.last(s.ID, x.Entitlement)
	if s.ID == "" || len(x.Evaluations) == 0 {
		x.judge(conf.Config, s, u, now, "no gateway has judged this session yet")
		return
	}
	last := x.Evaluations[0]
	if !last.Lease.IsZero() && !now.Before(last.Lease) {
		x.judge(conf.Config, s, u, now, "the last verdict's time is over, and no gateway has judged since")
		return
	}
	x.Allow, x.Until, x.Reason, x.Cure = last.Allow, last.Lease, last.Reason, last.Cure
	if last.Term != (wire.Term{}) {
		x.Terms = []wire.Term{last.Term}
	}
	for _, r := range x.Evaluations {
		if r.Allow != last.Allow {
			break
		}
		x.Since = r.At
	}
}

// judge is what the configuration makes of what the controller knows.
func (x *Explanation) judge(conf *config.Config, s sessionRecord, u *config.User, now time.Time, why string) {
	x.Offline = true
	x.Note = "judged by the controller: " + why
	if s.ID == "" {
		x.Note = "judged by the controller: the user is not signed in, so nothing is known of device, address and answers"
	}
	claims := policy.ClaimsOf(&wire.ClaimsToken{
		User:   wire.UserClaims{Name: u.Name, DisplayName: u.DisplayName, Groups: u.Groups},
		System: wire.SystemClaims{Address: s.Address}, Claims: s.Claims, Responses: s.Responses})
	claims.Risk = &x.Risk.Level
	var conds []policy.Condition
	scripts := false
	for _, w := range conf.Entitlements[x.Entitlement].Conditions {
		cond, _ := policy.ConditionOf(w) // without criteria it denies, which is what to say
		conds = append(conds, cond)
		for name := range w.Variables {
			scripts = scripts || strings.HasPrefix(name, "scripts.")
		}
	}
	if scripts {
		x.Note += "; scripts run at gateways alone, so what they yield is not known here"
	}
	o := policy.PlanOptions{WarningLead: conf.Settings.WarningLead.D(), StampRounding: conf.Settings.StampRounding.D(), TokensEnd: s.Expires}
	out := policy.Plan(conds, claims, now, o)
	x.Allow, x.Until, x.Reason = out.Allow, out.FailAt, out.Reason
	for _, i := range out.Cure {
		x.Cure = append(x.Cure, string(i.Kind))
	}
	at := now
	if out.Allow {
		if at = out.FailAt; at.IsZero() {
			return
		}
	}
	x.Terms = policy.Explain(conds, claims, at)
}

// entitle fills in what the entitlement is, and which policies give it.
func (x *Explanation) entitle(conf *config.Config, s sessionRecord, id wire.EntitlementID) {
	e := conf.Entitlements[id]
	x.Entitlement, x.Name = id, e.Name
	for _, sc := range e.Shortcuts {
		x.Apps = append(x.Apps, sc.ID)
	}
	for _, p := range conf.Policies {
		if slices.Contains(s.Policies, p.Name) && slices.Contains(p.Entitlements, id) {
			x.Policies = append(x.Policies, p.Name)
		}
	}
}

// entitlementsOf are those that an application's name means.
func entitlementsOf(conf *config.Config, app string) []wire.EntitlementID {
	var ids []wire.EntitlementID
	for _, id := range slices.Sorted(maps.Keys(conf.Entitlements)) {
		if string(id) == app || slices.ContainsFunc(conf.Entitlements[id].Shortcuts, func(s wire.Shortcut) bool { return string(s.ID) == app }) {
			ids = append(ids, id)
		}
	}
	return ids
}

// givers says which policies would give an entitlement.
func givers(conf *config.Config, id wire.EntitlementID) string {
	var names []string
	for _, p := range conf.Policies {
		if slices.Contains(p.Entitlements, id) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "nor does any other"
	}
	return "these would: " + strings.Join(names, ", ")
}
