package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestAlert: what an alert action names is refused, whatever allows it, and the
// controller hears of it at once and surely; the risk that it sends back cuts.
func TestAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		s.ledger.away = 3
		k := s.authority.ticket(s.device).entitle("app", "app.test", 22, "risk < 50").entitle("bait", "app.test", 23, "")
		k.entitlements[1].Actions = append(k.entitlements[1].Actions, wire.Action{Effect: wire.EffectAlert, Protocol: wire.TCP, Hosts: []string{"app.test"}, Ports: []uint16{23}})
		c := s.client(t, s.device)
		v, _ := c.admit(k)
		str, _ := s.echo(c, "app.test:22")
		at := time.Now()
		for range 3 {
			if p, _ := c.refusedFlow("app.test:23"); p.Code != wire.CodeNotEntitled || p.Verdict.Reason.Kind != wire.ReasonBlocked {
				t.Errorf("%+v", p)
			}
		}
		time.Sleep(5 * time.Second)
		s.ledger.mu.Lock()
		alerts := s.ledger.alerts
		s.ledger.mu.Unlock()
		want := []wire.GatewayAlert{{Gateway: "gw", At: at.UTC().Add(10 * time.Millisecond), Session: "s-1", User: "alice", Entitlement: "bait", Target: "app.test:23"}}
		if d := cmp.Diff(want, alerts); d != "" {
			t.Error(d)
		}
		if got := tell(s.ledger.take(), "alert"); len(got) != 1 || got[0] != "alert bait access no" {
			t.Errorf("%v", got)
		}
		ping(t, str, "the risk is the controller's to raise")
		s.learnRisk(t, 2, map[string]wire.Risk{"alice": {Level: wire.RiskHigh, Until: time.Now().Add(time.Hour)}})
		raised := time.Now()
		expectReset(t, str, codeCut)
		if d := v.next().Verdicts[0]; d.Allow || d.Reason.Kind != wire.ReasonRisk {
			t.Errorf("%+v", d)
		}
		if d := v.next().Verdicts[0]; !d.Allow || time.Since(raised) < time.Hour || time.Since(raised) > time.Hour+time.Second {
			t.Errorf("after %s: %+v", time.Since(raised), d) // it has lapsed, without a word from the controller
		}
		row := tell(s.ledger.take(), "verdict") // both were judged both times
		if diff := cmp.Diff([]string{"verdict app alert", "verdict app alert no", "verdict bait alert", "verdict bait alert"}, row); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRiskIsRecalled: a gateway that starts without its controller knows it.
func TestRiskIsRecalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, func(s *sim, o *Options) {
			if err := folder(o.Config.State).write(filePolicy, []byte(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 3,
				Risk: map[string]wire.Risk{"alice": {Level: wire.RiskMedium}}}))); err != nil {
				t.Fatal(err)
			}
			if err := folder(o.Config.State).write(fileScripts, []byte(s.token(wire.TypeScripts, wire.ScriptsToken{Revision: 3, Scripts: []wire.Script{
				{Name: "on-call", Kind: wire.ScriptCriteria, Type: "bool", Source: "def main(ctx):\n    return ctx.risk == 60\n"}}}))); err != nil {
				t.Fatal(err)
			}
		})
		synctest.Wait()
		c := s.client(t, s.device)
		_, v := c.admit(s.authority.ticket(s.device).entitleScript().entitle("risky", "app.test", 23, "risk < 60").entitle("less", "app.test", 24, "risk < 70"))
		if !v.Verdicts[0].Allow || v.Verdicts[1].Allow || !v.Verdicts[2].Allow {
			t.Errorf("%+v", v)
		}
		newer := s.token(wire.TypeScripts, wire.ScriptsToken{Revision: 4})
		if err := s.g.learnScripts(newer); err != nil {
			t.Fatal(err)
		}
		if kept, err := s.g.state.read(fileScripts); err != nil || string(kept) != newer {
			t.Errorf("the scripts are not kept: %v", err)
		}
		if p, _ := c.refusedFlow("app.test:22"); p.Code != wire.CodeDenied || p.Verdict.Reason.Kind != wire.ReasonMissing {
			t.Errorf("a condition on a script that is no more: %+v", p)
		}
		if err := s.g.learnScripts(s.token(wire.TypeScripts, wire.ScriptsToken{Revision: 2})); err == nil {
			t.Error("older scripts were taken")
		}
		if err := s.g.learnScripts(newAuthority(t).token(wire.TypeScripts, wire.ScriptsToken{Revision: 9})); err == nil {
			t.Error("another controller's scripts were taken")
		}
		if err := s.g.learnScripts(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 9})); err == nil {
			t.Error("a policy was taken for scripts")
		}
	})
}
