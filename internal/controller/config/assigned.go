package config

import (
	"cmp"
	"slices"

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
		if p.names(u) {
			mine = append(mine, p)
		}
	}
	return mine
}

// names says whether the policy is meant for the user, its criteria aside.
func (p *Policy) names(u *User) bool {
	inGroup := func(g string) bool { return slices.Contains(u.Groups, g) }
	return p.Everyone || slices.Contains(p.Users, u.Name) || slices.ContainsFunc(p.Groups, inGroup)
}

// RequiresCode is RequiresCodeAt where the client's address is not known: it
// says yes if there is an address for which it would.
func (c *Config) RequiresCode(u *User) bool { return c.RequiresCodeAt(u, "") }

// RequiresCodeAt says whether a user's sign-in from an address takes a one-time
// code. Where the criteria of a policy that wants one are not known to fail, it
// does.
func (c *Config) RequiresCodeAt(u *User, address string) bool {
	return slices.ContainsFunc(c.AssignedAt(u, address), func(p *Policy) bool { return p.RequireCode })
}

// Entitled returns a user's entitlements, at whatever address, as EntitledBy does.
func (c *Config) Entitled(u *User) map[wire.SiteID][]wire.Entitlement {
	var names []string
	for _, p := range c.Assigned(u) {
		names = append(names, p.Name)
	}
	return c.EntitledBy(names)
}

// EntitledBy returns the entitlements of the policies of these names by site,
// each once, in order of id. A name that no policy has is nothing.
func (c *Config) EntitledBy(policies []string) map[wire.SiteID][]wire.Entitlement {
	sites := map[wire.SiteID][]wire.Entitlement{}
	seen := map[wire.EntitlementID]bool{}
	for _, p := range c.Policies {
		if !slices.Contains(policies, p.Name) {
			continue
		}
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
