package gateway

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// rowSite is a session with an entitlement whose condition holds, "open", one
// whose fails, "shut", each with an entitlement script, and "risky", which reads
// the risk.
func (s *sim) rowTicket() ticket {
	k := s.authority.ticket(s.device).
		entitle("open", "app.test", 22, `"staff" in user.groups`).
		entitle("shut", "app.test", 23, `"nobody" in user.groups`).
		entitle("risky", "app.test", 24, `risk < 50`)
	for i, name := range []string{"open-hosts", "shut-hosts"} {
		k.entitlements[i].Actions = append(k.entitlements[i].Actions,
			wire.Action{Effect: wire.EffectAllow, Protocol: wire.TCP, Ports: []uint16{80}, Script: name})
	}
	k.entitlements[0].Conditions[0].Reevaluate = wire.Reevaluate{At: []int{61}, Every: wire.Duration(time.Hour)}
	k.entitlements[0].Actions = append(k.entitlements[0].Actions,
		wire.Action{Effect: wire.EffectAllow, Protocol: wire.TCP, Ports: []uint16{81}, Hosts: []string{"dns://moving.test"}})
	return k
}

func hostsScript(name string) wire.Script {
	return wire.Script{Name: name, Kind: wire.ScriptEntitlement, Source: "def main(ctx):\n    return [\"app.test\"]\n"}
}

// TestRows causes each row of seed 003's table that a gateway sees, and wants
// its effects there: which verdicts, and which scripts.
func TestRows(t *testing.T) {
	all := func(row string) []string {
		return []string{"script-run open-hosts " + row, "verdict open " + row, "verdict risky " + row, "verdict shut " + row + " no"}
	}
	renewed := func(claims, entitlement wire.Trigger) func(*testing.T, *sim, *client, ticket) {
		return func(t *testing.T, s *sim, c *client, k ticket) {
			k.why = claims
			r := k.request()
			if entitlement != "" {
				k.why = entitlement
				r = wire.SessionRequest{ClaimsToken: c.tokens.ClaimsToken, EntitlementToken: k.request().EntitlementToken}
			}
			if p := c.put(wire.PathDataSession, r); p != nil {
				t.Fatal(p)
			}
		}
	}
	for _, row := range []struct {
		name  string
		cause func(*testing.T, *sim, *client, ticket)
		want  []string
	}{
		{"access", func(t *testing.T, s *sim, c *client, _ ticket) { s.echo(c, "app.test:22") },
			[]string{"script-run open-hosts access", "verdict open access"}},
		{"access-refused", func(t *testing.T, s *sim, c *client, _ ticket) { c.refusedFlow("app.test:23") },
			[]string{"verdict shut access no"}},
		{"answered", renewed(wire.TriggerAccess, ""), all("access")},
		{"device-claims", func(t *testing.T, s *sim, c *client, _ ticket) { c.report(wire.DeviceClaims{"firewall": true}) },
			[]string{"script-run open-hosts device-claims"}}, // no condition reads it
		{"device-claims-same", func(t *testing.T, s *sim, c *client, _ ticket) { c.report(wire.DeviceClaims{"firewall": false}) }, nil},
		{"periodic", func(t *testing.T, s *sim, c *client, _ ticket) {
			time.Sleep(time.Until(time.Date(2000, 1, 1, 1, 0, 1, 0, time.UTC)))
		}, []string{"script-run open-hosts periodic", "verdict open periodic"}},
		{"claims-token", renewed(wire.TriggerClaimsToken, ""), all("claims-token")},
		{"claims-token-unsaid", renewed("", ""), all("claims-token")},
		{"entitlement-token", renewed("", wire.TriggerEntitlementToken), all("entitlement-token")},
		{"renewal", renewed(wire.TriggerRenewal, ""), all("renewal")},
		{"roaming", renewed("", wire.TriggerRoaming), all("roaming")},
		{"resolver", func(t *testing.T, s *sim, c *client, _ ticket) {
			s.moved.Store(true)
			time.Sleep(time.Minute)
		}, []string{"rules-changed open resolver", "script-run open-hosts resolver", "verdict open resolver"}},
		{"alert", func(t *testing.T, s *sim, c *client, _ ticket) {
			s.learnRisk(t, 2, map[string]wire.Risk{"alice": {Level: wire.RiskHigh}})
		}, []string{"script-run open-hosts alert", "verdict open alert", "verdict risky alert no", "verdict shut alert no"}},
		{"alert-of-another", func(t *testing.T, s *sim, c *client, _ ticket) {
			s.learnRisk(t, 2, map[string]wire.Risk{"bob": {Level: wire.RiskHigh}})
		}, nil},
		{"reconnect", func(t *testing.T, s *sim, c *client, k ticket) { s.client(t, s.device).admit(k) },
			append([]string{"rules-changed open reconnect"}, all("reconnect")...)},
		{"roaming-away", func(t *testing.T, s *sim, c *client, k ticket) {
			k.why = wire.TriggerRoaming
			s.client(t, s.device).admit(k) // on another host
		}, append([]string{"rules-changed open roaming"}, all("roaming")...)},
		{"reconnect-control", func(t *testing.T, s *sim, c *client, k ticket) {
			r := c.tokens
			r.Resumed = true
			if p := c.put(wire.PathDataSession, r); p != nil {
				t.Fatal(p)
			}
		}, all("reconnect")},
		{"same tokens again", func(t *testing.T, s *sim, c *client, k ticket) {
			if p := c.put(wire.PathDataSession, c.tokens); p != nil {
				t.Fatal(p)
			}
		}, nil},
		{"scripts changed", func(t *testing.T, s *sim, c *client, k ticket) {
			other := hostsScript("open-hosts")
			other.Source += "# another\n"
			s.learnScripts(t, 3, other, hostsScript("shut-hosts"))
		}, []string{"script-run open-hosts renewal", "verdict open renewal"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, recorded, func(s *sim, o *Options) {
					o.Resolve = func(context.Context, string) ([]netip.Addr, error) {
						if s.moved.Load() {
							return []netip.Addr{netip.MustParseAddr("10.0.0.9")}, nil
						}
						return []netip.Addr{netip.MustParseAddr("10.0.0.7")}, nil
					}
				})
				synctest.Wait()
				s.learnScripts(t, 1, hostsScript("open-hosts"), hostsScript("shut-hosts"))
				c := s.client(t, s.device)
				k := s.rowTicket()
				k.claims = wire.DeviceClaims{"firewall": false}
				c.admit(k)
				time.Sleep(2 * time.Second)
				want := []string{"rules-changed open connect", "script-run open-hosts connect",
					"verdict open connect", "verdict risky connect", "verdict shut connect no"}
				if d := cmp.Diff(want, tell(s.ledger.take(), "verdict", "script-run", "rules-changed")); d != "" {
					t.Errorf("connect: %s", d)
				}
				row.cause(t, s, c, k)
				if d := cmp.Diff(row.want, tell(s.ledger.take(), "verdict", "script-run", "rules-changed")); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// moves is what a test's resolver asks.
type moves struct{ moved atomic.Bool }
