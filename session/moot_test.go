package session

import (
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
)

// The verdicts behind one answer come one by one, from several gateways: what is
// left of the prompt that was answered is not asked again meanwhile.
func TestAnswerTakesEffectBitByBit(t *testing.T) {
	rules := []rule{
		{app: "wiki", kinds: mfa, lifetime: time.Hour},
		{app: "payroll", kinds: mfa, lifetime: time.Hour},
	}
	judged(t, wire.DefaultSettings(), "14:45:00", rules, func(t *testing.T, j *judge) {
		p := j.until(at("15:41:00")).Prompt
		if len(p.Apps) != 2 {
			t.Fatalf("prompt %+v", p)
		}
		j.b.do(Answer{Prompt: p.ID, MFA: "123456"})
		j.rules[0].lifetime = 3 * time.Hour // whose gateway is the first to know
		s := j.report()
		if s.Prompt != nil {
			t.Fatalf("answered, yet asked again: %+v", s.Prompt)
		}
		for _, e := range s.Events[len(s.Events)-1:] {
			if e.Kind == "prompted" {
				t.Errorf("event %+v", e)
			}
		}
		if p := j.b.pass(answerTime).Prompt; p == nil || !slices.Equal(p.Apps, []wire.AppID{"payroll"}) {
			t.Errorf("nothing has come of it for one: %+v", p)
		}
	})
}

// Who put a prompt off is not asked again for a part of it.
func TestDismissedStaysWhenItBecomesLess(t *testing.T) {
	rules := []rule{
		{app: "wiki", kinds: mfa, lifetime: time.Hour},
		{app: "payroll", kinds: mfa, lifetime: time.Hour},
	}
	judged(t, wire.DefaultSettings(), "14:45:00", rules, func(t *testing.T, j *judge) {
		p := j.until(at("15:41:00")).Prompt
		j.b.do(DismissPrompt{Prompt: p.ID})
		j.rules[0].lifetime = 3 * time.Hour // as a policy now has it
		if p := j.report().Prompt; p == nil || !p.Dismissed || !slices.Equal(p.Apps, []wire.AppID{"payroll"}) {
			t.Fatalf("less of the same: %+v", p)
		}
		j.rules[1].kinds = []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}
		if p := j.report().Prompt; p == nil || p.Dismissed {
			t.Fatalf("it asks for something else: %+v", p)
		}
	})
}

// What was missed does not keep what is due now from being asked, though one
// answer cannot serve both.
func TestMissedDoesNotDisplaceWhatIsDue(t *testing.T) {
	rules := []rule{
		{app: "payroll", kinds: []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, anyOf: true, lifetime: 60 * time.Minute},
		{app: "wiki", kinds: []wire.InteractionKind{wire.InteractionReason, wire.InteractionMessage}, anyOf: true, lifetime: 64 * time.Minute},
	}
	judged(t, wire.DefaultSettings(), "14:45:00", rules, func(t *testing.T, j *judge) {
		j.until(at("15:44:30"))
		if p := j.until(at("15:45:30")).Prompt; p == nil || p.Missed || !slices.Equal(p.Apps, []wire.AppID{"wiki"}) {
			t.Errorf("one has lapsed, the other is due: %+v", p)
		}
	})
}

// withoutPay is a token like the snapshot's in which nobody may use payroll.
func withoutPay(t *testing.T, b *bench) wire.Snapshot {
	e := wire.EntitlementToken{Site: wire.Site{ID: "lab", Name: "Lab", Gateways: []wire.Gateway{{Name: "gw", Address: "gw.example:8444"}}},
		Entitlements: []wire.Entitlement{{ID: "web", Shortcuts: []wire.Shortcut{{ID: "wiki", Name: "Wiki", Link: "http://wiki.corp/start"}}}}}
	e.Issued, e.Expires = jwt.NewNumericDate(time.Now()), jwt.NewNumericDate(time.Now().Add(24*time.Hour))
	token, err := wire.Sign(testKey(), "k", wire.TypeEntitlement, e)
	if err != nil {
		t.Fatal(err)
	}
	s := b.controller.snapshot
	s.Revision++
	s.Tokens = map[wire.SiteID]string{"lab": token}
	return s
}

// An application that was taken away takes with it what it asked for, also when
// it is given back.
func TestMissedGoesWithTheApplication(t *testing.T) {
	denied := wire.Verdict{Entitlement: "pay", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
	for _, c := range []struct {
		name string
		ask  func(b *bench)
	}{
		{"a warning", func(b *bench) {
			apps := listening()
			f := apps["payroll"]
			f.LastUsed = time.Now()
			apps["payroll"] = f
			v := denied
			v.Allow, v.Due, v.NotAfter = true, true, time.Now().Add(time.Minute)
			b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, v)})
			b.pass(2 * time.Minute)
		}},
		{"a connection", func(b *bench) {
			for _, n := range []int{1, 0} {
				apps := listening()
				f := apps["payroll"]
				f.Waiting = n
				apps["payroll"] = f
				b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, denied)})
				b.state()
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept").start()
				c.ask(b)
				if p := b.state().Prompt; p == nil || !p.Missed {
					t.Fatalf("missed: %+v", p)
				}
				with := b.controller.snapshot
				if s := b.tell(withoutPay(t, b)); s.Prompt != nil || len(s.Apps) != 1 {
					t.Fatalf("taken away: %+v", s.Prompt)
				}
				apps := listening()
				f := apps["payroll"]
				f.LastUsed = time.Now()
				apps["payroll"] = f
				b.s.ReportDataplane(DataplaneFacts{Apps: map[wire.AppID]AppFact{"wiki": apps["wiki"]}, Sites: site(Connected)})
				with.Revision += 2
				b.tell(with)
				b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Suspended)})
				if s := b.state(); s.Prompt != nil || b.app("payroll").State != AppReady {
					t.Errorf("given back: %+v, %s", s.Prompt, b.app("payroll").State)
				}
				b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, denied)})
				if s := b.state(); s.Prompt != nil {
					t.Errorf("nobody has asked for it since: %+v", s.Prompt)
				}
			})
		})
	}
}

// A data plane that has not heard yet of the sign-out leaves nothing to the next
// session.
func TestSignOutWhileAConnectionWaits(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		denied := wire.Verdict{Entitlement: "pay", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
		apps := listening()
		f := apps["payroll"]
		f.Waiting = 1
		apps["payroll"] = f
		facts := DataplaneFacts{Apps: apps, Sites: site(Connected, denied)}
		b.s.ReportDataplane(facts)
		if p := b.state().Prompt; p == nil || p.Kind != PromptInteraction {
			t.Fatalf("waiting: %+v", p)
		}
		b.do(SignOut{})
		b.s.ReportDataplane(facts)
		b.state()
		b.s.ReportDataplane(DataplaneFacts{})
		b.state()
		b.do(ShowPrompt{})
		b.do(SignIn{Password: "tide"})
		b.expectPhase(ControlEstablished)
		b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: site(Connected, denied)})
		if p := b.state().Prompt; p != nil {
			t.Errorf("nobody has asked for it in this session: %+v", p)
		}
		b.s.ReportDataplane(facts)
		if p := b.state().Prompt; p == nil || p.Missed {
			t.Errorf("a connection waits: %+v", p)
		}
	})
}
