package session

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// retries is an application that is denied until the user answers, and a program
// that tries it.
type retries struct {
	*bench
	verdict wire.Verdict
	used    time.Time
}

func denies() wire.Verdict {
	return wire.Verdict{Entitlement: "ssh", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
}

// waiting has n connections of the program wait.
func (r *retries) waiting(n int) State {
	apps := listening()
	f := apps["bastion"]
	f.Waiting, f.LastUsed = n, r.used
	apps["bastion"] = f
	r.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, r.verdict)})
	return r.state()
}

// try has the program try for a second, and returns what the user saw meanwhile.
func (r *retries) try() *Prompt {
	p := r.waiting(1).Prompt
	r.pass(time.Second)
	r.waiting(0)
	return p
}

func loud(p *Prompt) bool { return p != nil && !p.Dismissed && !p.Missed }

func prompted(s State) int {
	n := 0
	for _, e := range s.Events {
		if e.Kind == "prompted" {
			n++
		}
	}
	return n
}

// A program that tries again and again raises a dialog once in the warning lead,
// and what it wants stays in sight.
func TestRetriesRaiseNoDialog(t *testing.T) {
	lead := wire.DefaultSettings().WarningLead.D()
	for _, c := range []struct {
		name   string
		putOff func(r *retries) // until a moment ago
	}{
		{"after Later", func(r *retries) {
			r.do(DismissPrompt{Prompt: r.waiting(1).Prompt.ID})
			r.waiting(0)
		}},
		{"after a prompt that was missed", func(r *retries) { r.try() }},
		{"after a warning that was put off", func(r *retries) {
			r.warn(time.Second)
			r.do(DismissPrompt{Prompt: r.state().Prompt.ID})
			r.pass(2 * time.Second)
			r.verdict = denies()
		}},
		{"after a warning that was missed", func(r *retries) {
			r.warn(time.Minute)
			r.pass(time.Minute + time.Second)
			r.verdict = denies()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				r := &retries{bench: b, verdict: denies()}
				b.enrolled("kept").start()
				c.putOff(r)
				before := prompted(b.state())
				for at := 10 * time.Second; at < lead-20*time.Second; at += 10 * time.Second {
					if p := r.try(); p == nil || loud(p) {
						t.Fatalf("tried again after %v: %+v", at, p)
					}
					if s := b.pass(9 * time.Second); s.Prompt == nil || loud(s.Prompt) || !s.ZTA.Attention {
						t.Fatalf("and after that: %+v", s.Prompt)
					}
				}
				if n := prompted(b.state()) - before; n != 0 {
					t.Errorf("told %d times", n)
				}
				b.pass(30 * time.Second)
				if p := r.try(); !loud(p) {
					t.Errorf("after the warning lead: %+v", p)
				}
			})
		})
	}
}

// warn has access lapse in d.
func (r *retries) warn(d time.Duration) {
	r.used = time.Now()
	r.verdict.Allow, r.verdict.Due, r.verdict.NotAfter = true, true, time.Now().Add(d)
	r.waiting(0)
}

// Whoever wants to answer is asked, and so is whoever uses something else.
func TestRetriesAreAskedForWhereWanted(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(r *retries) *Prompt
	}{
		{"opened from Tidegate", func(r *retries) *Prompt {
			r.do(OpenApp{App: "bastion"})
			return r.state().Prompt
		}},
		{"opened from Tidegate before anything was judged", func(r *retries) *Prompt {
			apps := listening()
			r.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Suspended)})
			r.state()
			r.do(OpenApp{App: "bastion"})
			return r.waiting(1).Prompt
		}},
		{"by the banner", func(r *retries) *Prompt {
			r.do(ShowPrompt{})
			return r.state().Prompt
		}},
		{"by its cure", func(r *retries) *Prompt {
			r.do(ShowPrompt{App: "bastion"})
			return r.state().Prompt
		}},
		{"shown and lost again", func(r *retries) *Prompt {
			r.do(ShowPrompt{})
			r.verdict = wire.Verdict{Entitlement: "ssh", Allow: true}
			r.waiting(0)
			r.verdict = denies()
			return r.waiting(1).Prompt
		}},
		{"allowed and denied again", func(r *retries) *Prompt {
			r.verdict = wire.Verdict{Entitlement: "ssh", Allow: true}
			r.waiting(0)
			r.verdict = denies()
			return r.waiting(1).Prompt
		}},
		{"another application", func(r *retries) *Prompt {
			apps := listening()
			f := apps["payroll"]
			f.Waiting = 1
			apps["payroll"] = f
			other := denies()
			other.Entitlement = "pay"
			r.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, r.verdict, other)})
			return r.state().Prompt
		}},
		{"in another session", func(r *retries) *Prompt {
			r.do(SignOut{})
			r.s.ReportDataplane(DataplaneFacts{})
			r.state()
			r.do(ShowPrompt{})
			r.do(SignIn{Password: "tide"})
			r.expectPhase(ControlEstablished)
			return r.waiting(1).Prompt
		}},
	} {
		for _, off := range []string{"later", "missed"} {
			t.Run(c.name+", "+off, func(t *testing.T) {
				bubble(t, func(t *testing.T, b *bench) {
					r := &retries{bench: b, verdict: denies()}
					b.enrolled("kept").start()
					if off == "later" {
						b.do(DismissPrompt{Prompt: r.waiting(1).Prompt.ID})
					}
					r.try()
					b.pass(time.Second)
					if p := r.try(); p == nil || loud(p) {
						t.Fatalf("tried again: %+v", p)
					}
					if p := c.then(r); !loud(p) {
						t.Errorf("%+v", p)
					}
				})
			})
		}
	}
}
