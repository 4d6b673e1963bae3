package config

import (
	"cmp"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// Assigned is AssignedAt where the client's address is not known: a policy
// whose criteria depend on it is not assigned.
func (c *Config) Assigned(u *User) []*Policy { return c.AssignedAt(u, "") }

// AssignedAt returns the policies of a user whose client is at an address, in
// the order of their names.
func (c *Config) AssignedAt(u *User, address string) []*Policy {
	var mine []*Policy
	for _, p := range c.Policies {
		if p.is(u, address) {
			mine = append(mine, p)
		}
	}
	return mine
}

// AssignedTo is AssignedAt for a session, which began with a one-time code or
// without: then a policy that wants one where the client is now, and did not
// where it was, is not assigned.
func (c *Config) AssignedTo(u *User, address string, coded bool) []*Policy {
	return slices.DeleteFunc(c.AssignedAt(u, address), func(p *Policy) bool { return !coded && p.RequireCode && p.readsAddress() })
}

func (p *Policy) readsAddress() bool {
	return p.assign.criteria != nil && slices.Contains(p.assign.criteria.Names(), "system.address")
}

// names says whether the policy is meant for the user, its criteria aside.
func (p *Policy) names(u *User) bool {
	inGroup := func(g string) bool { return slices.Contains(u.Groups, g) }
	byCriteria := p.Criteria != "" && len(p.Users) == 0 && len(p.Groups) == 0
	return p.Everyone || byCriteria || slices.Contains(p.Users, u.Name) || slices.ContainsFunc(p.Groups, inGroup)
}

// is says whether the policy is the user's. Criteria that were not compiled
// assign to nobody.
func (p *Policy) is(u *User, address string) bool {
	if p.Criteria == "" {
		return p.names(u)
	}
	return p.names(u) && p.assign.criteria != nil && holds(p.assign.criteria, u, address)
}

// mayBe says whether the policy is the user's, as far as the address tells.
func (p *Policy) mayBe(u *User, address string) bool {
	return p.names(u) && (p.assign.contrary == nil || !holds(p.assign.contrary, u, address))
}

// assignment is the criteria of a policy's assignment, and their contrary: not
// to hold is one thing, to be known to fail another.
type assignment struct {
	criteria, contrary *policy.Criteria
}

func holds(c *policy.Criteria, u *User, address string) bool {
	claims := &policy.Claims{User: u.claims(), System: wire.SystemClaims{Address: address}}
	return policy.Plan([]policy.Condition{{Criteria: c}}, claims, time.Unix(0, 0), policy.PlanOptions{}).Allow
}

func (u *User) claims() wire.UserClaims {
	return wire.UserClaims{Name: u.Name, DisplayName: u.DisplayName, Groups: u.Groups}
}

// RequiresCode is RequiresCodeAt where the client's address is not known.
func (c *Config) RequiresCode(u *User) bool { return c.RequiresCodeAt(u, "") }

// RequiresCodeAt says whether a user's sign-in from an address takes a one-time
// code: if a policy that wants one is the user's, or may be.
func (c *Config) RequiresCodeAt(u *User, address string) bool {
	return slices.ContainsFunc(c.Policies, func(p *Policy) bool { return p.RequireCode && p.mayBe(u, address) })
}

// Entitled returns a user's entitlements where the client's address is not
// known, as EntitledBy does.
func (c *Config) Entitled(u *User) map[wire.SiteID][]wire.Entitlement {
	return c.EntitledBy(Names(c.Assigned(u)))
}

// Names are the policies' names.
func Names(policies []*Policy) []string {
	names := make([]string, len(policies))
	for i, p := range policies {
		names[i] = p.Name
	}
	return names
}

// EntitledBy returns the entitlements of the policies of these names by site,
// each once, in order of id. A name that no policy has is nothing.
func (c *Config) EntitledBy(policies []string) map[wire.SiteID][]wire.Entitlement {
	sites := map[wire.SiteID][]wire.Entitlement{}
	seen := map[wire.EntitlementID]bool{}
	for p := range c.named(policies) {
		for _, id := range p.Entitlements {
			if e := c.Entitlements[id]; e != nil && !seen[id] {
				seen[id] = true
				sites[e.Site] = append(sites[e.Site], e.Entitlement)
			}
		}
	}
	for _, list := range sites {
		slices.SortFunc(list, func(a, b wire.Entitlement) int { return cmp.Compare(a.ID, b.ID) })
	}
	return sites
}

// LifetimesBy returns how long the tokens live of whoever is assigned the
// policies of these names: as the controller's settings say, or shorter.
func (c *Config) LifetimesBy(policies []string) (claims, entitlement time.Duration) {
	claims, entitlement = c.ClaimsLifetime, c.EntitlementLifetime
	for p := range c.named(policies) {
		if p.ClaimsLifetime > 0 {
			claims = min(claims, p.ClaimsLifetime)
		}
		if p.EntitlementLifetime > 0 {
			entitlement = min(entitlement, p.EntitlementLifetime)
		}
	}
	return claims, entitlement
}

func (c *Config) named(policies []string) func(yield func(*Policy) bool) {
	return func(yield func(*Policy) bool) {
		for _, p := range c.Policies {
			if slices.Contains(policies, p.Name) && !yield(p) {
				return
			}
		}
	}
}
