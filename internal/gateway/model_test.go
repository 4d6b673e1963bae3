package gateway

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestAgainstAModel changes everything that verdicts depend on at random, for
// days, and after each step compares every verdict, lease and open flow with a
// fresh judgement of what the test itself knows.
func TestAgainstAModel(t *testing.T) {
	criteria := []string{`device.firewall`, `device.firewall && "staff" in user.groups`, `risk < 50`, `risk < 80 || "admins" in user.groups`,
		`within(responses.mfa, duration("60m"))`, `during("Mon-Sun", "08:30", "17:00") && device.screen_lock`, `scripts.on_call`,
		`scripts.on_call || within(responses.password, duration("2h"))`, `inNetwork(system.address, "10.0.0.0/8")`, `device.os_name == "linux"`, ``}
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 11))
		s := newSim(t, recorded)
		synctest.Wait()
		onCall := wire.Script{Name: "on-call", Kind: wire.ScriptCriteria, Type: "bool", Refresh: wire.Duration(time.Hour),
			Source: "def main(ctx):\n    return ctx.device.get(\"admin\") == True\n"}
		k := s.authority.ticket(s.device)
		k.lifetime = 1000 * time.Hour
		for i, c := range criteria {
			k = k.entitle(wire.EntitlementID(fmt.Sprint("e", i)), "app.test", uint16(100+i), c, wire.InteractionMFA, wire.InteractionPassword)
			if c != "" {
				k.entitlements[i].Conditions[0].Variables = map[string]string{"scripts.on_call": "bool"}
			}
		}
		s.learnScripts(t, 1, onCall)
		c := s.client(t, s.device)
		c.admit(k)
		session := s.g.registry.all()[0]
		var grants [][]policy.Condition
		session.call(func() {
			for _, e := range session.entitlements {
				grants = append(grants, e.grant.Conditions())
			}
		})
		report, risk, scripted, revision := wire.DeviceClaims(nil), wire.Risk{}, false, uint64(1)
		flip := func() bool { return r.IntN(2) == 0 }
		for step := range 250 {
			what := ""
			switch r.IntN(6) {
			case 0:
				what = "a report"
				report = wire.DeviceClaims{"firewall": flip(), "screen.lock": flip(), "admin": flip()}
				if flip() {
					report["os.name"] = "linux"
				}
				if p := c.report(report); p != nil {
					t.Fatal(p)
				}
			case 1:
				what = "tokens"
				k.groups, k.address = nil, ""
				for _, g := range []string{"staff", "admins"} {
					if flip() {
						k.groups = append(k.groups, g)
					}
				}
				k.why = []wire.Trigger{wire.TriggerClaimsToken, wire.TriggerAccess, wire.TriggerRenewal, wire.TriggerRoaming}[r.IntN(4)]
				if flip() {
					k.address = []string{"10.1.2.3", "192.0.2.1"}[r.IntN(2)]
				}
				k.responses = map[wire.InteractionKind]time.Time{}
				for _, kind := range []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword} {
					if flip() {
						k.responses[kind] = time.Now().Add(-time.Duration(r.IntN(90)) * time.Minute)
					}
				}
				if p := c.renew(k); p != nil {
					t.Fatal(p)
				}
			case 2:
				what = "risk"
				revision++
				risk = wire.Risk{Level: int64(r.IntN(100))}
				if flip() {
					risk.Until = time.Now().Add(time.Duration(r.IntN(300)) * time.Minute)
				}
				s.learnRisk(t, revision, map[string]wire.Risk{"alice": risk})
			default:
				what = "time"
				time.Sleep(time.Duration(r.Int64N(int64(40 * time.Minute))))
			}
			synctest.Wait()
			var wrong string
			session.call(func() {
				for _, task := range session.tasks {
					scripted = task.value == true // of when it was asked last; that is another test's
				}
				token := *session.tokens.claims
				if report != nil {
					token.Claims = report
				}
				claims := policy.ClaimsOf(&token)
				claims.System.Address = k.address
				level := wire.RiskLow
				if risk != (wire.Risk{}) && (risk.Until.IsZero() || time.Now().Before(risk.Until)) {
					level = risk.Level
				}
				claims.Risk, claims.Scripts = &level, map[string]any{"on_call": scripted}
				o := policy.PlanOptions{WarningLead: k.settings.WarningLead.D(), StampRounding: k.settings.StampRounding.D(), TokensEnd: session.tokens.end()}
				for i, e := range session.entitlements {
					want := policy.Plan(grants[i], claims, time.Now(), o)
					if e.verdict.Allow != want.Allow || want.Allow && !e.verdict.NotAfter.Equal(want.FailAt) || e.permits() != want.Allow || !want.Allow && len(e.flows) > 0 {
						wrong += fmt.Sprintf("\n%s: %+v permits %v with %d flows, want %+v", criteria[i], e.verdict, e.permits(), len(e.flows), want)
					}
				}
			})
			if wrong != "" {
				t.Fatalf("step %d, %s, at %s:%s", step, what, time.Now().UTC(), wrong)
			}
			if open := r.IntN(len(criteria)); step%5 == 0 && s.permitted(session, open) {
				go io.Copy(io.Discard, c.flow(fmt.Sprintf("app.test:%d", 100+open)))
				<-s.apps
			}
		}
	})
}

func (s *sim) permitted(of *session, i int) (ok bool) {
	of.call(func() { ok = of.entitlements[i].permits() })
	return ok
}
