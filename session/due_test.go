package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// judge is a gateway whose entitlements each want some answers of late.
type judge struct {
	b        *bench
	settings wire.Settings
	rules    []rule
	stamps   map[wire.InteractionKind]time.Time
	skew     time.Duration // its clock less the client's
	step     time.Duration // between two looks
	seen     []string      // the prompts that came up
	last     string
}

type rule struct {
	app      wire.AppID
	kinds    []wire.InteractionKind
	anyOf    bool
	lifetime time.Duration // of an answer
	unused   bool
}

var entitlements = map[wire.AppID]wire.EntitlementID{"wiki": "web", "payroll": "pay", "bastion": "ssh"}

// verdict is what plan makes of a rule.
func (j *judge) verdict(r rule) wire.Verdict {
	now := time.Now().Add(j.skew)
	v := wire.Verdict{Entitlement: entitlements[r.app], AnyOf: r.anyOf && len(r.kinds) > 1, Since: now.Add(-time.Hour), Decision: wire.DecisionID(r.app)}
	var end time.Time
	for _, k := range r.kinds {
		v.Interactions = append(v.Interactions, wire.Interaction{Kind: k})
		e := j.stamps[k].Add(r.lifetime)
		if end.IsZero() || r.anyOf && e.After(end) || !r.anyOf && e.Before(end) {
			end = e
		}
	}
	if v.Reason.Kind = wire.ReasonMFA; !now.Before(end) {
		return v
	}
	v.Allow, v.NotAfter = true, end
	v.Due = !now.Before(end.Add(-j.settings.WarningLead.D()))
	return v
}

func (j *judge) report() State {
	apps := listening()
	var vs []wire.Verdict
	for _, r := range j.rules {
		f := apps[r.app]
		if !r.unused {
			f.LastUsed = time.Now().Add(-time.Minute).Truncate(time.Hour)
		}
		apps[r.app] = f
		vs = append(vs, j.verdict(r))
	}
	sites := site(Connected, vs...)
	fact := sites["lab"]
	fact.Offset = j.skew
	sites["lab"] = fact
	j.b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: sites})
	return j.b.state()
}

// until lets time pass to an instant, and notes each prompt that comes up.
func (j *judge) until(at time.Time) State {
	s := j.report()
	for {
		name := ""
		if p := s.Prompt; p != nil && !p.Dismissed && !p.Missed {
			name = p.ID
			if name != j.last {
				j.seen = append(j.seen, describe(p))
			}
		}
		j.last = name
		if !time.Now().Before(at) {
			return s
		}
		time.Sleep(min(j.step, time.Until(at)))
		s = j.report()
	}
}

func describe(p *Prompt) string {
	var what, whom []string
	for _, i := range p.Interactions {
		what = append(what, string(i.Kind))
	}
	for _, i := range p.Choice {
		what = append(what, "or "+string(i.Kind))
	}
	for _, a := range p.Apps {
		whom = append(whom, string(a))
	}
	return fmt.Sprintf("%s %s for %s by %s", time.Now().UTC().Format("15:04:05"), strings.Join(what, "+"), strings.Join(whom, "+"), p.Deadline.UTC().Format("15:04:05"))
}

// answer answers what is asked.
func (j *judge) answer(cmd Answer) State {
	j.b.t.Helper()
	p := j.b.state().Prompt
	if p == nil {
		j.b.t.Fatal("nothing is asked")
	}
	cmd.Prompt = p.ID
	j.b.do(cmd)
	j.b.controller.set(func() {
		for _, a := range j.b.controller.answers[len(j.b.controller.answers)-1].Answers {
			j.stamps[a.Kind] = span(time.Now().Add(j.skew), wire.Settings{StampRounding: j.settings.StampRounding})
		}
	})
	return j.report()
}

// at is an instant of the bubble's first day.
func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2000-01-01 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// judged runs fn with everything answered at a stamp.
func judged(t *testing.T, s wire.Settings, stamp string, rules []rule, fn func(t *testing.T, j *judge)) {
	bubble(t, func(t *testing.T, b *bench) {
		b.controller.snapshot.Settings = s
		time.Sleep(time.Until(at(stamp)))
		b.enrolled("kept").start()
		j := &judge{b: b, settings: s, rules: rules, stamps: map[wire.InteractionKind]time.Time{}, step: time.Minute}
		for _, k := range []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword, wire.InteractionReason, wire.InteractionMessage} {
			j.stamps[k] = at(stamp)
		}
		fn(t, j)
	})
}

func (j *judge) expect(want ...string) {
	j.b.t.Helper()
	if d := cmp.Diff(want, j.seen); d != "" {
		j.b.t.Errorf("prompts (-want +got):\n%s", d)
	}
	j.seen = nil
}

var (
	mfa      = []wire.InteractionKind{wire.InteractionMFA}
	password = []wire.InteractionKind{wire.InteractionPassword}
	reason   = []wire.InteractionKind{wire.InteractionReason}
)

// Of the manual: an answer at 14:32 counts from 14:45, the next is asked for at
// 15:40, and the one after at 16:40.
func TestPromptsOfTheManual(t *testing.T) {
	for name, skew := range map[string]time.Duration{"": 0, ", the gateway's clock ahead": 3 * time.Second} {
		t.Run("within 60 minutes"+name, func(t *testing.T) {
			judged(t, wire.DefaultSettings(), "14:45:00", []rule{{app: "payroll", kinds: mfa, lifetime: time.Hour}}, func(t *testing.T, j *judge) {
				j.skew = skew
				j.until(at("15:39:00"))
				j.step = 3 * time.Second
				clock := func(s string) string { return at(s).Add(-skew).Format("15:04:05") }
				j.until(at("15:40:30"))
				j.expect(clock("15:40:00") + " mfa for payroll by " + clock("15:45:00"))
				j.answer(Answer{MFA: "123456"})
				j.step = time.Minute
				j.until(at("16:39:00"))
				j.step = 3 * time.Second
				j.until(at("16:41:00"))
				j.expect(clock("16:40:00") + " mfa for payroll by " + clock("16:45:00"))
			})
		})
	}
}

// What falls due within the quarter is asked together, the rest when it is due.
func TestOnePromptForTheQuarter(t *testing.T) {
	rules := []rule{
		{app: "wiki", kinds: mfa, lifetime: 60 * time.Minute},
		{app: "payroll", kinds: password, lifetime: 65 * time.Minute}, // its warning comes just as the quarter ends
		{app: "bastion", kinds: reason, lifetime: 66 * time.Minute},
	}
	judged(t, wire.DefaultSettings(), "14:45:00", rules, func(t *testing.T, j *judge) {
		s := j.until(at("15:41:00"))
		j.expect("15:40:00 mfa+password for payroll+wiki by 15:45:00")
		if a := j.b.app("payroll"); a.State != AppReady || len(a.Cure) != 0 {
			t.Errorf("not due yet, but %s, cured by %v", a.State, a.Cure)
		}
		id := s.Prompt.ID
		if s = j.until(at("15:42:00")); s.Prompt.ID != id {
			t.Errorf("the prompt is another: %s, was %s", s.Prompt.ID, id)
		}
		j.answer(Answer{MFA: "123456", Password: "tide"})
		j.until(at("16:44:00"))
		j.expect("15:46:00 reason for bastion by 15:51:00", "16:40:00 mfa+password for payroll+wiki by 16:45:00")
	})
}

// A prompt that came up late takes in what is due by the end of its own quarter.
func TestOnePromptForTheQuarterThatItCameUpIn(t *testing.T) {
	rules := []rule{
		{app: "wiki", kinds: mfa, lifetime: 62 * time.Minute, unused: true},
		{app: "payroll", kinds: password, lifetime: 66 * time.Minute},
	}
	judged(t, wire.DefaultSettings(), "14:45:00", rules, func(t *testing.T, j *judge) {
		j.until(at("15:45:30"))
		j.expect()
		j.rules[0].unused = false
		j.until(at("15:50:00"))
		j.expect("15:45:30 mfa+password for payroll+wiki by 15:47:00")
	})
}

// The lab stamps exactly: what falls due within the warning lead is one prompt.
func TestOnePromptInTheLab(t *testing.T) {
	set := wire.DefaultSettings()
	set.StampRounding, set.WarningLead = 0, wire.Duration(10*time.Second)
	rules := []rule{
		{app: "wiki", kinds: mfa, lifetime: time.Minute},
		{app: "payroll", kinds: password, lifetime: 70 * time.Second},
		{app: "bastion", kinds: reason, lifetime: 71 * time.Second},
	}
	judged(t, set, "10:00:00", rules, func(t *testing.T, j *judge) {
		j.step = time.Second
		j.until(at("10:00:55"))
		j.expect("10:00:50 mfa+password for payroll+wiki by 10:01:00")
		j.answer(Answer{MFA: "123456", Password: "tide"})
		j.until(at("10:01:02"))
		j.expect("10:01:01 reason for bastion by 10:01:11")
	})
}

func TestUnusedIsNotAsked(t *testing.T) {
	rules := []rule{
		{app: "wiki", kinds: mfa, lifetime: time.Hour},
		{app: "payroll", kinds: password, lifetime: time.Hour, unused: true},
	}
	judged(t, wire.DefaultSettings(), "14:45:00", rules, func(t *testing.T, j *judge) {
		s := j.until(at("15:42:00"))
		j.expect("15:40:00 mfa for wiki by 15:45:00")
		if a := j.b.app("payroll"); a.State != AppReady {
			t.Errorf("nobody uses it, but it is %s", a.State)
		}
		if !slices.Equal(s.Prompt.Apps, []wire.AppID{"wiki"}) {
			t.Errorf("prompt %+v", s.Prompt)
		}
		j.answer(Answer{MFA: "123456"})
		j.rules[1].unused = false
		j.until(at("15:43:00"))
		j.expect("15:42:00 password for payroll by 15:45:00")
	})
}

func TestMissedStaysUntilItIsAnswered(t *testing.T) {
	judged(t, wire.DefaultSettings(), "14:45:00", []rule{{app: "payroll", kinds: mfa, lifetime: time.Hour}}, func(t *testing.T, j *judge) {
		id := j.until(at("15:44:59")).Prompt.ID
		s := j.until(at("17:00:00"))
		if p := s.Prompt; p == nil || !p.Missed || p.Dismissed || p.ID != id || !p.Deadline.IsZero() || !s.ZTA.Attention {
			t.Fatalf("missed: prompt %+v, %+v", p, s.ZTA)
		}
		j.expect("15:40:00 mfa for payroll by 15:45:00") // and nothing comes up after it
		j.b.do(ShowPrompt{})
		if p := j.report().Prompt; p == nil || p.Missed || p.Dismissed {
			t.Fatalf("shown: %+v", p)
		}
		j.b.do(DismissPrompt{Prompt: j.report().Prompt.ID})
		if p := j.until(at("18:00:00")).Prompt; p == nil || !p.Dismissed {
			t.Fatalf("dismissed: %+v", p)
		}
		if s := j.answer(Answer{MFA: "123456"}); s.Prompt != nil || s.ZTA.Attention || j.b.app("payroll").State != AppReady {
			t.Fatalf("answered: prompt %+v, app %+v", s.Prompt, j.b.app("payroll"))
		}
		if s := j.until(at("18:59:00")); s.Prompt == nil || s.Prompt.Missed {
			t.Fatalf("the next hour: %+v", s.Prompt)
		}
		// What would not help any more is not asked any more.
		j.until(at("19:30:00"))
		j.rules[0].kinds = nil
		if s := j.report(); s.Prompt != nil || j.b.app("payroll").State != AppBlocked {
			t.Errorf("no cure: prompt %+v, app %s", s.Prompt, j.b.app("payroll").State)
		}
	})
}

// With the channel closed nobody judges anew: what was missed stays until it is
// answered, and the answer clears it.
func TestMissedWhileSuspended(t *testing.T) {
	judged(t, wire.DefaultSettings(), "14:45:00", []rule{{app: "payroll", kinds: mfa, lifetime: time.Hour}}, func(t *testing.T, j *judge) {
		j.until(at("15:41:00"))
		apps := listening()
		f := apps["payroll"]
		f.LastUsed = at("15:00:00")
		apps["payroll"] = f
		j.b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Suspended)})
		if p := j.b.pass(time.Minute).Prompt; p != nil {
			t.Fatalf("the verdict is gone before its end: %+v", p)
		}
		s := j.b.pass(time.Hour)
		if p := s.Prompt; p == nil || !p.Missed || j.b.app("payroll").State != AppNeedsYou {
			t.Fatalf("missed: prompt %+v, app %s", p, j.b.app("payroll").State)
		}
		j.b.do(Answer{Prompt: s.Prompt.ID, MFA: "123456"})
		if s := j.b.pass(time.Hour); s.Prompt != nil || j.b.app("payroll").State != AppReady {
			t.Fatalf("answered: prompt %+v, app %s", s.Prompt, j.b.app("payroll").State)
		}
	})
}

// A connection that gave up waiting leaves what it waited for in sight.
func TestMissedByAConnection(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		denied := wire.Verdict{Entitlement: "pay", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
		waiting := func(n int) State {
			apps := listening()
			f := apps["payroll"]
			f.Waiting = n
			apps["payroll"] = f
			b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, denied)})
			return b.state()
		}
		id := waiting(1).Prompt.ID
		if s := waiting(0); s.Prompt == nil || !s.Prompt.Missed || s.Prompt.ID != id || !s.ZTA.Attention {
			t.Fatalf("given up: %+v", s.Prompt)
		}
		b.pass(wire.DefaultSettings().WarningLead.D())
		if s := waiting(1); s.Prompt == nil || s.Prompt.Missed || s.Prompt.ID == id {
			t.Fatalf("used again later: %+v", s.Prompt)
		}
		denied = wire.Verdict{Entitlement: "pay", Allow: true}
		if s := waiting(0); s.Prompt != nil {
			t.Fatalf("allowed: %+v", s.Prompt)
		}
	})
}

func TestChoice(t *testing.T) {
	either := []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}
	for _, c := range []struct {
		name  string
		rules []rule
		want  string
		cmd   Answer
		given []wire.Answer
	}{
		{"the one that is given", []rule{{app: "payroll", kinds: either, anyOf: true}}, "or mfa+or password for payroll",
			Answer{Password: "tide"}, []wire.Answer{{Kind: "password", Value: "tide"}}},
		{"the one that is chosen, and no other", []rule{{app: "payroll", kinds: either, anyOf: true}}, "or mfa+or password for payroll",
			Answer{MFA: "123456", Password: "half", Choice: "mfa"}, []wire.Answer{{Kind: "mfa", Value: "123456"}}},
		{"a message", []rule{{app: "payroll", kinds: []wire.InteractionKind{"message", "reason"}, anyOf: true}}, "or message+or reason for payroll",
			Answer{Choice: "message"}, []wire.Answer{{Kind: "message", Value: "acknowledged"}}},
		{"another needs one of them", []rule{{app: "payroll", kinds: either, anyOf: true}, {app: "wiki", kinds: mfa}}, "mfa for payroll+wiki",
			Answer{MFA: "123456"}, []wire.Answer{{Kind: "mfa", Value: "123456"}}},
		{"another needs something else", []rule{{app: "payroll", kinds: either, anyOf: true}, {app: "wiki", kinds: reason}}, "reason+or mfa+or password for payroll+wiki",
			Answer{Password: "tide", Reason: "4711"}, []wire.Answer{{Kind: "reason", Value: "4711"}, {Kind: "password", Value: "tide"}}},
		{"two choices with one in common", []rule{{app: "payroll", kinds: either, anyOf: true}, {app: "wiki", kinds: []wire.InteractionKind{"password", "reason"}, anyOf: true}},
			"password for payroll+wiki", Answer{Password: "tide"}, []wire.Answer{{Kind: "password", Value: "tide"}}},
		{"two choices with nothing in common", []rule{{app: "payroll", kinds: either, anyOf: true}, {app: "wiki", kinds: []wire.InteractionKind{"message", "reason"}, anyOf: true}},
			"or mfa+or password for payroll", Answer{MFA: "123456"}, []wire.Answer{{Kind: "mfa", Value: "123456"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.rules {
				c.rules[i].lifetime = time.Hour
			}
			judged(t, wire.DefaultSettings(), "14:45:00", c.rules, func(t *testing.T, j *judge) {
				s := j.until(at("15:40:00"))
				j.expect("15:40:00 " + c.want + " by 15:45:00")
				if len(s.Prompt.Choice) > 0 {
					if a := j.b.app("payroll"); !a.AnyOf || !strings.Contains(a.Why.Fix, ". Or ") {
						t.Errorf("the application says any of: %v, %q", a.AnyOf, a.Why.Fix)
					}
					if err := j.b.s.Do(t.Context(), Answer{Prompt: s.Prompt.ID}); err == nil {
						t.Error("an answer that chooses nothing was taken")
					}
					synctest.Wait()
				}
				j.answer(c.cmd)
				if d := cmp.Diff(c.given, j.b.controller.answers[0].Answers); d != "" {
					t.Errorf("answers (-want +got):\n%s", d)
				}
			})
		})
	}
}

// What lapses while the user is at it stays in the prompt, which stays the same
// one; a later prompt does not ask for it.
func TestMissedIsNotForcedOnALaterPrompt(t *testing.T) {
	rules := []rule{
		{app: "wiki", kinds: mfa, lifetime: 60 * time.Minute},
		{app: "payroll", kinds: password, lifetime: 65 * time.Minute},
		{app: "bastion", kinds: reason, lifetime: 80 * time.Minute},
	}
	judged(t, wire.DefaultSettings(), "14:45:00", rules, func(t *testing.T, j *judge) {
		j.until(at("15:47:00"))
		j.expect("15:40:00 mfa+password for payroll+wiki by 15:45:00")
		if p := j.report().Prompt; !p.Deadline.Equal(at("15:50:00")) || len(p.Apps) != 2 {
			t.Errorf("one has lapsed: %+v", p)
		}
		if p := j.until(at("15:51:00")).Prompt; p == nil || !p.Missed || len(p.Apps) != 2 {
			t.Errorf("both have: %+v", p)
		}
		j.until(at("16:01:00"))
		j.expect("16:00:00 reason for bastion by 16:05:00")
		j.answer(Answer{Reason: "4711"})
		if p := j.b.pass(answerTime).Prompt; p == nil || !p.Missed || !slices.Equal(p.Apps, []wire.AppID{"payroll", "wiki"}) {
			t.Errorf("and what was missed: %+v", p)
		}
	})
}

// An answer that has had no effect is asked for again.
func TestAnswerWithoutEffect(t *testing.T) {
	judged(t, wire.DefaultSettings(), "14:45:00", []rule{{app: "payroll", kinds: mfa, lifetime: time.Hour}}, func(t *testing.T, j *judge) {
		p := j.until(at("15:41:00")).Prompt
		j.b.do(Answer{Prompt: p.ID, MFA: "123456"})
		if p := j.b.state().Prompt; p != nil {
			t.Fatalf("answered, yet %+v", p)
		}
		if p := j.b.pass(answerTime).Prompt; p == nil || p.Missed {
			t.Fatalf("nothing has come of it: %+v", p)
		}
	})
}

// While the controller is away nothing can be answered; after it, what was
// missed is in sight again.
func TestMissedWhileTheControllerIsAway(t *testing.T) {
	judged(t, wire.DefaultSettings(), "14:45:00", []rule{{app: "payroll", kinds: mfa, lifetime: time.Hour}}, func(t *testing.T, j *judge) {
		id := j.until(at("15:46:00")).Prompt.ID
		j.b.controller.set(func() { j.b.controller.down = true })
		j.b.controller.end(errDown)
		if s := j.b.pass(2 * time.Minute); s.Prompt != nil || s.Control.Phase != ControlLost {
			t.Fatalf("%s, but asked: %+v", s.Control.Phase, s.Prompt)
		}
		j.b.controller.set(func() { j.b.controller.down = false })
		if p := j.b.pass(backoffMost).Prompt; p == nil || !p.Missed || p.ID != id {
			t.Fatalf("it is back: %+v", p)
		}
	})
}
