package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

func listening() map[wire.AppID]AppFact {
	at := netip.MustParseAddrPort("127.64.0.9:8443")
	return map[wire.AppID]AppFact{"wiki": {Listen: at}, "payroll": {Listen: at}, "bastion": {Listen: at}}
}

func site(state ChannelState, vs ...wire.Verdict) map[wire.SiteID]SiteFact {
	m := map[wire.EntitlementID]wire.Verdict{}
	for _, v := range vs {
		m[v.Entitlement] = v
	}
	return map[wire.SiteID]SiteFact{"lab": {State: state, Verdicts: m}}
}

var askMFA = []wire.Interaction{{Kind: wire.InteractionMFA, Message: "Payroll wants to know it is you"}}

func TestHeldFlowAsksAndTheAnswerCloses(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		denied := wire.Verdict{Entitlement: "pay", Reason: wire.Reason{Kind: wire.ReasonMFA}, Interactions: askMFA, Decision: "x1"}
		apps := listening()
		b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, denied)})
		if s := b.state(); s.Prompt != nil || b.app("payroll").State != AppNeedsYou {
			t.Fatalf("nobody uses it, yet prompt %+v, state %s", s.Prompt, b.app("payroll").State)
		}
		held := listening()
		f := held["payroll"]
		f.Waiting = 1
		held["payroll"] = f
		b.s.ReportDataplane(DataplaneFacts{Apps: held, Sites: site(Connected, denied)})
		s := b.state()
		if s.Prompt == nil || s.Prompt.Kind != PromptInteraction || len(s.Prompt.Apps) != 1 || s.Prompt.Interactions[0].Kind != wire.InteractionMFA {
			t.Fatalf("prompt %+v", s.Prompt)
		}
		b.controller.set(func() { b.controller.answer = &wire.Problem{Code: wire.CodeAnswer, Title: "no"} })
		b.do(Answer{Prompt: s.Prompt.ID, MFA: "000000"})
		if p := b.state().Prompt; p == nil || p.Error == nil || p.ID != s.Prompt.ID {
			t.Fatalf("wrong code: %+v", p)
		}
		b.controller.set(func() { b.controller.answer = nil })
		b.do(Answer{Prompt: s.Prompt.ID, MFA: "123456"})
		if p := b.state().Prompt; p != nil {
			t.Fatalf("answered, yet %+v", p)
		}
		allowed := wire.Verdict{Entitlement: "pay", Allow: true, NotAfter: time.Now().Add(time.Hour)}
		f.Waiting, f.Flows = 0, 1
		held["payroll"] = f
		b.s.ReportDataplane(DataplaneFacts{Apps: held, Sites: site(Connected, allowed)})
		if s := b.pass(time.Minute); s.Prompt != nil || b.app("payroll").State != AppInUse || b.app("payroll").Until.IsZero() {
			t.Fatalf("cured: prompt %+v, app %+v", s.Prompt, b.app("payroll"))
		}
	})
}

func TestWarningDismissalAndLapse(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		end := time.Now().Add(5 * time.Minute)
		due := wire.Verdict{Entitlement: "pay", Allow: true, Due: true, NotAfter: end, Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
		apps := listening()
		f := apps["payroll"]
		f.Flows = 1
		apps["payroll"] = f
		b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, due)})
		s := b.state()
		if s.Prompt == nil || !s.Prompt.Deadline.Equal(end) || !s.ZTA.Attention {
			t.Fatalf("due: prompt %+v", s.Prompt)
		}
		b.do(DismissPrompt{Prompt: s.Prompt.ID})
		if p := b.state().Prompt; p == nil || !p.Dismissed {
			t.Fatalf("dismissed: %+v", p)
		}
		// At the end of its lease the verdict says nothing any more, whoever is late.
		if s := b.pass(5 * time.Minute); s.Prompt != nil {
			t.Fatalf("lapsed: prompt %+v", s.Prompt)
		}
		// The reset comes first, the verdict behind it.
		gone := listening()
		b.s.ReportDataplane(DataplaneFacts{Apps: gone, Sites: site(Connected)})
		denied := wire.Verdict{Entitlement: "pay", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}, Decision: "x2"}
		f.Flows, f.Cut, f.Problem = 0, 1, &wire.Problem{Code: wire.CodeDenied, Title: "no", Verdict: &denied}
		gone = listening()
		gone["payroll"] = f
		b.s.ReportDataplane(DataplaneFacts{Apps: gone, Sites: site(Connected, denied)})
		s = b.state()
		a := b.app("payroll")
		if s.Prompt != nil || a.State != AppNeedsYou || a.Why.Title == "" || len(a.Cure) != 1 || a.Decision != "x2" {
			t.Fatalf("cut: prompt %+v, app %+v", s.Prompt, a)
		}
		var cut bool
		for _, e := range s.Events {
			cut = cut || e.Kind == "app-cut" && e.App == "payroll"
		}
		if !cut {
			t.Errorf("no app-cut among %+v", s.Events)
		}
		// It says so with the channel closed and the verdict's lease over, too.
		b.s.ReportDataplane(DataplaneFacts{Apps: gone, Sites: site(Suspended)})
		if a := b.app("payroll"); a.State != AppNeedsYou || len(a.Cure) != 1 {
			t.Fatalf("cut, and the channel closed: %+v", a)
		}
		// The row offers the cure, and the cure asks.
		b.do(ShowPrompt{App: "payroll"})
		if p := b.state().Prompt; p == nil || p.Dismissed || p.Kind != PromptInteraction {
			t.Fatalf("cure: %+v", p)
		}
	})
}

func TestAnswerWhileSuspendedClearsTheOldDenial(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		denied := wire.Verdict{Entitlement: "pay", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
		b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: site(Suspended, denied)})
		b.do(ShowPrompt{App: "payroll"})
		b.do(Answer{Prompt: b.state().Prompt.ID, MFA: "123456"})
		if s := b.pass(time.Minute); s.Prompt != nil || b.app("payroll").State != AppReady {
			t.Fatalf("prompt %+v, app %s", s.Prompt, b.app("payroll").State)
		}
	})
}
