package config

import (
	"cmp"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
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
	Risk                   Risk

	// Digest names the text that the configuration was read from: SHA-256 over
	// the files' contents in the order of their names, in hexadecimal.
	Digest string

	Groups       map[string]*Group // those that are declared
	Users        map[string]*User
	Sites        map[wire.SiteID]*Site
	Gateways     map[string]*Gateway
	Conditions   map[wire.ConditionID]*Condition
	Entitlements map[wire.EntitlementID]*Entitlement
	Policies     []*Policy      // by name
	Scripts      []wire.Script  // by name
	Gather       []wire.Gather  // by name
	Transmitters []*Transmitter // by name

	docs map[string]map[string]*resource.Document // kind, name: what Lint points at
}

// Lockout says after how many failures in a row a user on a device is locked
// out, and for how long.
type Lockout struct {
	After int
	For   time.Duration
}

// Risk says how far an alert raises a user's risk, and for how long.
type Risk struct {
	Alert int64
	For   time.Duration
}

// Group is a declared group. Who belongs to it says User.Groups.
type Group struct {
	Name  string
	Title string
}

// Transmitter may signal events about users from outside, signed by one of Keys.
type Transmitter struct {
	Name   string
	Issuer string
	Keys   jose.JSONWebKeySet // public ones
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

// Condition is a wire.Condition as gateways get it, compiled.
type Condition struct {
	wire.Condition
	Compiled *policy.Criteria
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
	// Criteria, where there are any, have to hold too: over user.* and
	// system.address.
	Criteria string
	assign   assignment // Criteria, compiled
	// ClaimsLifetime and EntitlementLifetime shorten the tokens of those who are
	// assigned the policy; 0: as the controller's.
	ClaimsLifetime      time.Duration
	EntitlementLifetime time.Duration
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
