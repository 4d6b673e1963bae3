package plan

import (
	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/wire"
)

func policyName(p *config.Policy) string           { return p.Name }
func scriptName(s wire.Script) string              { return s.Name }
func gatherName(g wire.Gather) string              { return g.Name }
func transmitterName(t *config.Transmitter) string { return t.Name }

// settings are what a Controller resource says beside its state directory.
func settings(c *config.Config) any {
	return struct {
		Title, Listen, PublicAddress        string
		Settings                            wire.Settings
		CookieLifetime                      wire.Duration
		ClaimsLifetime, EntitlementLifetime wire.Duration
		MinInteractionLifetime              wire.Duration
		Lockout                             config.Lockout
		Risk                                config.Risk
	}{c.Title, c.Listen, c.PublicAddress, c.Settings, wire.Duration(c.CookieLifetime), wire.Duration(c.ClaimsLifetime), wire.Duration(c.EntitlementLifetime),
		wire.Duration(c.MinInteractionLifetime), c.Lockout, c.Risk}
}
