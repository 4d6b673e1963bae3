package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		f.Flows, f.LastUsed = 1, time.Now()
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
		// At the end of its lease the verdict allows nothing any more, whoever is
		// late, and what was missed stays in sight.
		s = b.pass(5 * time.Minute)
		if p := s.Prompt; p == nil || !p.Dismissed || !p.Missed || !p.Deadline.IsZero() || !s.ZTA.Attention || b.app("payroll").State != AppNeedsYou {
			t.Fatalf("lapsed: prompt %+v, app %+v", p, b.app("payroll"))
		}
		// The reset comes first, the verdict behind it.
		gone := listening()
		f.Flows = 0
		gone["payroll"] = f
		b.s.ReportDataplane(DataplaneFacts{Apps: gone, Sites: site(Connected)})
		denied := wire.Verdict{Entitlement: "pay", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}, Decision: "x2"}
		f.Cut, f.Problem = 1, &wire.Problem{Code: wire.CodeDenied, Title: "no", Verdict: &denied}
		gone = listening()
		gone["payroll"] = f
		b.s.ReportDataplane(DataplaneFacts{Apps: gone, Sites: site(Connected, denied)})
		s = b.state()
		a := b.app("payroll")
		if p := s.Prompt; p == nil || !p.Missed || a.State != AppNeedsYou || a.Why.Title == "" || len(a.Cure) != 1 || a.Decision != "x2" {
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
		if p := b.state().Prompt; p == nil || p.Dismissed || p.Missed || p.Kind != PromptInteraction {
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

func TestWhy(t *testing.T) {
	terms := []wire.Term{
		{Kind: wire.ReasonDevice, Condition: "office", Text: "device.firewall", Claim: "device.firewall", Reported: "false"},
		{Kind: wire.ReasonMissing, Condition: "office", Text: "device.agent_running", Claim: "device.agent_running"},
		{Kind: wire.ReasonMFA, Condition: "office", Text: `within(responses.mfa, duration("60m"))`, Claim: "responses.mfa", Reported: "2000-01-01T00:45:00Z"},
		{Kind: wire.ReasonPassword, Condition: "office", Text: "within(responses.password, duration(\"8h\"))", Claim: "responses.password"},
		{Kind: wire.ReasonRisk, Condition: "office", Text: "risk < 50", Claim: "risk", Reported: "90"},
		{Kind: wire.ReasonScript, Condition: "office", Text: "scripts.on_call", Claim: "scripts.on_call", Reported: "false"},
		{Kind: wire.ReasonNetwork, Condition: "office", Text: `system.address == "10.0.0.1"`, Claim: "system.address", Reported: "192.0.2.7"},
		{Kind: wire.ReasonCriteria, Condition: "odd", Text: "a || b"},
		{Kind: "new", Condition: "odd"},
	}
	shown := []Failing{
		{Kind: wire.ReasonDevice, Condition: "office", Title: "Firewall", Found: "off", Text: terms[0].Text, Claim: "device.firewall", Reported: "false"},
		{Kind: wire.ReasonMissing, Condition: "office", Title: "Agent running", Found: "not reported", Text: terms[1].Text, Claim: "device.agent_running"},
		{Kind: wire.ReasonMFA, Condition: "office", Title: "One-time code", Found: "answered", Answered: time.Date(2000, 1, 1, 0, 45, 0, 0, time.UTC), Text: terms[2].Text, Claim: "responses.mfa", Reported: terms[2].Reported},
		{Kind: wire.ReasonPassword, Condition: "office", Title: "Password", Found: "not answered yet", Text: terms[3].Text, Claim: "responses.password"},
		{Kind: wire.ReasonRisk, Condition: "office", Title: "Risk", Found: "high (90)", Text: "risk < 50", Claim: "risk", Reported: "90"},
		{Kind: wire.ReasonScript, Condition: "office", Title: "On call", Found: "no", Text: "scripts.on_call", Claim: "scripts.on_call", Reported: "false"},
		{Kind: wire.ReasonNetwork, Condition: "office", Title: "Network address", Found: "192.0.2.7", Text: terms[6].Text, Claim: "system.address", Reported: "192.0.2.7"},
		{Kind: wire.ReasonCriteria, Condition: "odd", Title: "Conditions of your organisation", Text: "a || b"},
		{Kind: "new", Condition: "odd", Title: "Conditions of your organisation"},
	}
	hidden := []Failing{
		{Kind: wire.ReasonDevice, Condition: "office", Title: "This device"},
		{Kind: wire.ReasonMissing, Condition: "office", Title: "Something that is not known"},
		{Kind: wire.ReasonMFA, Condition: "office", Title: "One-time code"},
		{Kind: wire.ReasonPassword, Condition: "office", Title: "Password"},
		{Kind: wire.ReasonRisk, Condition: "office", Title: "Risk"},
		{Kind: wire.ReasonScript, Condition: "office", Title: "A check by your organisation"},
		{Kind: wire.ReasonNetwork, Condition: "office", Title: "Network"},
		{Kind: wire.ReasonCriteria, Condition: "odd", Title: "Conditions of your organisation"},
		{Kind: "new", Condition: "odd", Title: "Conditions of your organisation"},
	}
	for _, c := range []struct {
		name string
		hide bool
		want []Failing
	}{{"shown", false, shown}, {"hidden", true, hidden}} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.controller.snapshot.Settings.HideValues = c.hide
				b.enrolled("kept").start()
				// The gateway's clock is ten minutes and a bit ahead.
				skew := 10*time.Minute + 20*time.Millisecond
				now := time.Now().Add(10 * time.Minute)
				v := wire.Verdict{Entitlement: "pay", NotAfter: now.Add(time.Hour), Since: now.Add(-time.Minute), Decision: "x7",
					Reason: wire.Reason{Kind: wire.ReasonRisk, Condition: "office"}, Failing: terms}
				sites := site(Connected, v)
				fact := sites["lab"]
				fact.Offset = skew
				sites["lab"] = fact
				b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: sites})
				b.state()
				a := b.app("payroll")
				if d := cmp.Diff(c.want, a.Failing); d != "" {
					t.Errorf("failing (-want +got):\n%s", d)
				}
				if !a.Until.Equal(time.Now().Add(time.Hour)) || !a.Since.Equal(time.Now().Add(-time.Minute)) || a.Decision != "x7" || a.Hidden != c.hide {
					t.Errorf("until %v, since %v, decision %s, hidden %v", a.Until, a.Since, a.Decision, a.Hidden)
				}
				if a.State != AppBlocked || a.Why.Title != "Your risk is rated too high" || a.Why.Fix == "" {
					t.Errorf("%s: %+v", a.State, a.Why)
				}
			})
		})
	}
}

// Instants of the controller's are shown by this machine's clock.
func TestControllersClock(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.controller.snapshot.At = time.Now().Add(time.Hour)
		b.controller.snapshot.Expires = time.Now().Add(9 * time.Hour)
		b.enrolled("kept").start()
		if got := b.state().User.Expires; !got.Equal(time.Now().Add(8 * time.Hour)) {
			t.Errorf("the session ends at %v", got)
		}
		b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: site(Connected, wire.Verdict{Entitlement: "pay", Interactions: askMFA})})
		b.do(ShowPrompt{App: "payroll"})
		b.controller.set(func() {
			b.controller.answer = &wire.Problem{Code: wire.CodeLockedOut, Title: "no", Until: time.Now().Add(75 * time.Minute)}
		})
		b.do(Answer{Prompt: b.state().Prompt.ID, MFA: "000000"})
		if p := b.state().Prompt; p == nil || p.Error == nil || !p.Error.Until.Equal(time.Now().Add(15*time.Minute)) {
			t.Errorf("locked out: %+v", p)
		}
		// A clock is set right meanwhile.
		s := b.controller.snapshot
		s.Revision, s.At = s.Revision+1, time.Now()
		if p := b.tell(s).Prompt; p == nil || p.Error == nil || !p.Error.Until.Equal(time.Now().Add(75*time.Minute)) {
			t.Errorf("locked out by another clock: %+v", p)
		}
	})
}

// A wrong answer says how many more there may be.
func TestWrongAnswers(t *testing.T) {
	for left, want := range map[int]string{0: "", 1: "You have 1 try left before you are locked out.",
		4: "You have 4 tries left before you are locked out."} {
		for _, code := range []wire.Code{wire.CodeSignIn, wire.CodeAnswer} {
			if got := explain(&wire.Problem{Code: code, Title: "no", Left: left}, ""); got.Detail != want || got.Fix == "" {
				t.Errorf("%s with %d left: %+v", code, left, got)
			}
		}
	}
}

// Every kind of reason has its own words, and every word something to do.
func TestReasonsHaveWords(t *testing.T) {
	for _, k := range []wire.ReasonKind{wire.ReasonMFA, wire.ReasonPassword, wire.ReasonUserReason, wire.ReasonMessage, wire.ReasonTime,
		wire.ReasonGroup, wire.ReasonDevice, wire.ReasonMissing, wire.ReasonRisk, wire.ReasonNetwork, wire.ReasonScript, wire.ReasonBlocked,
		wire.ReasonCriteria, wire.ReasonTokenEnd, wire.ReasonNotEntitled, wire.ReasonRevoked} {
		if y, ok := reasons[k]; !ok || y.Title == "" || y.Brief == "" || y.Fix == "" || kindNames[k] == "" {
			t.Errorf("%s: %+v, %q", k, y, kindNames[k])
		}
	}
}

// A risk is told by its word, whatever its number.
func TestRiskHasAWord(t *testing.T) {
	for reported, want := range map[string]string{"20": "low (20)", "60": "medium (60)", "90": "high (90)",
		"0": "low (0)", "59": "low (59)", "61": "medium (61)", "100": "high (100)", "-1": "low (-1)", "x": "x", "": "none"} {
		f := failing([]wire.Term{{Kind: wire.ReasonRisk, Claim: "risk", Reported: reported}}, false)[0]
		if f.Found != want {
			t.Errorf("%q is %q, want %q", reported, f.Found, want)
		}
	}
}

// What is missing is not always the device's to report, and what is empty is not
// missing.
func TestWordsForWhatIsMissing(t *testing.T) {
	missing := func(claim string) wire.Term {
		return wire.Term{Kind: wire.ReasonMissing, Condition: "c", Text: claim, Claim: claim}
	}
	for _, c := range []struct {
		name         string
		term         wire.Term
		hide         bool
		title, found string // of the term
		why          string
	}{
		{"of the device", missing("device.agent"), false, "Agent", "not reported", "This device did not report what is asked"},
		{"of a script", missing("scripts.on_call"), false, "On call", "not known", "A check by your organisation has no answer"},
		{"of the network", missing("system.address"), false, "Network address", "not known", "Something that is asked is not known"},
		{"hidden", missing("scripts.on_call"), true, "Something that is not known", "", "Something that is asked is not known"},
		{"no groups", wire.Term{Kind: wire.ReasonGroup, Claim: "user.groups"}, false, "Groups", "none", reasons[wire.ReasonGroup].Title},
		{"an empty name", wire.Term{Kind: wire.ReasonDevice, Claim: "device.hostname"}, false, "Computer’s name", "none", reasons[wire.ReasonDevice].Title},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := failing([]wire.Term{c.term}, c.hide)[0]
			if f.Title != c.title || f.Found != c.found {
				t.Errorf("%q: %q, want %q: %q", f.Title, f.Found, c.title, c.found)
			}
			v := wire.Verdict{Reason: wire.Reason{Kind: c.term.Kind, Condition: "c"}, Failing: []wire.Term{c.term}}
			if c.hide {
				v.Failing[0].Claim, v.Failing[0].Text = "", ""
			}
			if y := explainReason(v); y.Title != c.why || y.Fix == "" {
				t.Errorf("%+v, want %q", y, c.why)
			}
		})
	}
}

// Who acknowledges several messages at once has read each.
func TestEachMessageIsShown(t *testing.T) {
	message := func(text string) []wire.Interaction {
		return []wire.Interaction{{Kind: wire.InteractionMessage, Message: text}}
	}
	var d demand
	for _, text := range []string{"Work is logged.", "Call 4400.", "Work is logged."} {
		d.require(message(text))
	}
	if len(d.must) != 1 || d.must[0].Message != "Work is logged.\n\nCall 4400." {
		t.Errorf("asked: %+v", d.must)
	}
}
