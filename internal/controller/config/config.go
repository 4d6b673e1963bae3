package config

import (
	"cmp"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Config is a controller's whole configuration, checked. Load makes it;
// it is not changed afterwards.
type Config struct {
	Name          string // of the Controller resource, the tokens' issuer
	Title         string // the organisation's name, for people
	Listen        string // host:port; port 0 takes a free one
	PublicAddress string // host:port for links; "" is where it listens
	StateDir      string
	Settings      wire.Settings

	CookieLifetime         time.Duration
	ClaimsLifetime         time.Duration
	EntitlementLifetime    time.Duration
	MinInteractionLifetime time.Duration
	Lockout                Lockout

	Users        map[string]*User
	Sites        map[wire.SiteID]*Site
	Gateways     map[string]*Gateway
	Conditions   map[wire.ConditionID]*Condition
	Entitlements map[wire.EntitlementID]*Entitlement
	Policies     []*Policy // by name
}

// Lockout says after how many failures in a row a user on a device is locked
// out, and for how long.
type Lockout struct {
	After int
	For   time.Duration
}

// User may sign in.
type User struct {
	Name        string
	DisplayName string
	Groups      []string
	Disabled    bool

	Password PasswordHash
	TOTP     string // base32; "" has none
}

// Site is what gateways protect.
type Site struct {
	ID    wire.SiteID
	Title string
}

// Gateway is one of a site's.
type Gateway struct {
	Name    string
	Site    wire.SiteID
	Address string // host:port, for clients

	Enrolment string // a code from the configuration, or ""
}

// Condition is a wire.Condition as gateways get it.
type Condition struct {
	wire.Condition
}

// Entitlement is a wire.Entitlement at its site.
type Entitlement struct {
	wire.Entitlement
	Site wire.SiteID
}

// Policy assigns entitlements to users.
type Policy struct {
	Name         string
	Users        []string
	Groups       []string
	Everyone     bool
	RequireCode  bool // at sign-in
	Entitlements []wire.EntitlementID
}

// Assigned returns the policies of a user.
func (c *Config) Assigned(u *User) []*Policy {
	var mine []*Policy
	for _, p := range c.Policies {
		inGroup := func(g string) bool { return slices.Contains(u.Groups, g) }
		if p.Everyone || slices.Contains(p.Users, u.Name) || slices.ContainsFunc(p.Groups, inGroup) {
			mine = append(mine, p)
		}
	}
	return mine
}

// RequiresCode says whether a user's sign-in takes a one-time code.
func (c *Config) RequiresCode(u *User) bool {
	return slices.ContainsFunc(c.Assigned(u), func(p *Policy) bool { return p.RequireCode })
}

// Entitled returns a user's entitlements by site, each once, in order of id.
func (c *Config) Entitled(u *User) map[wire.SiteID][]wire.Entitlement {
	sites := map[wire.SiteID][]wire.Entitlement{}
	seen := map[wire.EntitlementID]bool{}
	for _, p := range c.Assigned(u) {
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

// Site returns a site as it stands in tokens.
func (c *Config) Site(id wire.SiteID) wire.Site {
	s := wire.Site{ID: id, Name: c.Sites[id].Title}
	for _, g := range c.Gateways {
		if g.Site == id {
			s.Gateways = append(s.Gateways, wire.Gateway{Name: g.Name, Address: g.Address})
		}
	}
	slices.SortFunc(s.Gateways, func(a, b wire.Gateway) int { return cmp.Compare(a.Name, b.Name) })
	return s
}
