package config

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type (
	policySpec struct {
		Assign       assignSpec `yaml:"assign" jsonschema:"required" jsonschema_description:"Whose policy it is: of users, groups or everyone, if the criteria hold."`
		Entitlements []string   `yaml:"entitlements" jsonschema_description:"The Entitlements that it gives."`
		RequireCode  bool       `yaml:"requireCode" jsonschema_description:"Signing in takes a one-time code."`
		Tokens       tokensSpec `yaml:"tokens" jsonschema_description:"Shorter lifetimes than the controller's; the shortest of a user's policies counts."`
	}
	assignSpec struct {
		Users    []string `yaml:"users" jsonschema_description:"These Users."`
		Groups   []string `yaml:"groups" jsonschema_description:"Whoever is in one of these groups."`
		Everyone bool     `yaml:"everyone" jsonschema_description:"Every user."`
		Criteria string   `yaml:"criteria" jsonschema_description:"CEL over user.name, user.groups and system.address: holds for whom it is. Alone it chooses among all users."`
	}
	tokensSpec struct {
		Claims      wire.Duration `yaml:"claims" jsonschema_description:"How long claims tokens live."`
		Entitlement wire.Duration `yaml:"entitlement" jsonschema_description:"How long entitlement tokens live."`
	}
)

func (l *loader) policy(d *resource.Document) {
	var s policySpec
	l.errs.Add(d.Decode(&s))
	p := &Policy{Name: d.Name, Users: s.Assign.Users, Groups: s.Assign.Groups, Everyone: s.Assign.Everyone, RequireCode: s.RequireCode, Criteria: s.Assign.Criteria}
	if !p.Everyone && len(p.Users) == 0 && len(p.Groups) == 0 && p.Criteria == "" {
		l.errs.Add(d.At("assign").Errorf("the policy is assigned to nobody; write users, groups, criteria, or everyone: true under assign"))
	}
	for i, u := range p.Users {
		l.refer(d, "User", u, "assign", "users", i)
	}
	for i, g := range p.Groups {
		if err := wire.CheckID(g); err != nil {
			l.errs.Add(d.At("assign", "groups", i).Errorf("a group: %v", err))
		}
	}
	for i, e := range s.Entitlements {
		l.refer(d, "Entitlement", e, "entitlements", i)
		p.Entitlements = append(p.Entitlements, wire.EntitlementID(e))
	}
	if p.Criteria != "" {
		l.assign(d, p)
	}
	p.ClaimsLifetime = l.lifetime(d, "claims", s.Tokens.Claims, l.conf.ClaimsLifetime)
	p.EntitlementLifetime = l.lifetime(d, "entitlement", s.Tokens.Entitlement, l.conf.EntitlementLifetime)
	l.conf.Policies = append(l.conf.Policies, p)
}

// assign compiles the criteria of a policy's assignment. What they read has to
// be known where policies are assigned, whenever that is.
func (l *loader) assign(d *resource.Document, p *Policy) {
	criteria, err := policy.Compile(p.Criteria)
	if err != nil {
		l.errs.Add(inside(d.At("assign", "criteria"), err))
		return
	}
	for _, name := range criteria.Names() {
		if !strings.HasPrefix(name, "user.") && name != "system.address" {
			l.errs.Add(d.At("assign", "criteria").Errorf("policies are assigned by user.name, user.groups and system.address, and not by %s; write a Condition of the entitlement instead", name))
			return
		}
	}
	p.assign.criteria = criteria
	// Where the contrary is too long to compile, it is not known.
	p.assign.contrary, _ = policy.Compile("!(" + p.Criteria + "\n)")
}

// inside is an error of policy in the text at p.
func inside(p resource.Place, err error) *resource.Error {
	var pe *policy.Error
	if errors.As(err, &pe) {
		return p.Inside(pe.Line, pe.Column).Errorf("%s%s", pe.Msg, remedy(pe.Msg))
	}
	return p.Errorf("%v", err)
}

// remedy is what to write where types do not fit.
func remedy(msg string) string {
	switch {
	case !strings.HasPrefix(msg, "found no matching overload"):
		return ""
	case strings.Contains(msg, "'within'"):
		return `; write for example within(responses.mfa, duration("60m"))`
	case strings.Contains(msg, "'during'"):
		return `; write for example during("Mon-Fri", "08:30", "17:00")`
	case strings.Contains(msg, "'inNetwork'"):
		return `; write for example inNetwork(system.address, "10.0.0.0/8")`
	}
	return `; write values of types that go together, for example risk < 50, device.os_name == "linux" or "staff" in user.groups`
}

func (l *loader) lifetime(d *resource.Document, key string, life wire.Duration, most time.Duration) time.Duration {
	if !d.Has("tokens", key) {
		return 0
	}
	at := d.At("tokens", key)
	switch {
	case life.D() < time.Second:
		l.errs.Add(at.Errorf("%s must be at least 1s", key))
	case life.D() > most:
		l.errs.Add(at.Errorf("%v is longer than the controller's %v, which a policy can only shorten; write that or less, or raise the controller's", life, most))
	case life < l.conf.Settings.RideThrough:
		l.errs.Add(at.Errorf("%v is shorter than the controller's rideThrough (%v); write that or more", life, l.conf.Settings.RideThrough))
	}
	return life.D()
}

// codes checks that whoever must give a one-time code can.
func (l *loader) codes() {
	for _, d := range l.docs {
		u := l.conf.Users[d.Name]
		if d.Kind != "User" || u == nil || u.TOTP != "" || u.Disabled || l.named["User"][d.Name] != d {
			continue
		}
		i := slices.IndexFunc(l.conf.Policies, func(p *Policy) bool {
			wrong := p.Criteria != "" && p.assign.criteria == nil // and said so
			return p.RequireCode && !wrong && p.mayBe(u, "")
		})
		if i >= 0 {
			l.errs.Add(d.AtName().Errorf("policy %s wants a one-time code of %s, who has none; write totp, a base32 secret", l.conf.Policies[i].Name, u.Name))
		}
	}
}
