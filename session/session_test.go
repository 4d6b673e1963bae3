package session

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

var goodLink = Secret(wire.EnrolmentLink{Controller: "zta.example:8443", Code: "good"}.String())

func bubble(t *testing.T, f func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		f(t, b)
	})
}

func TestFirstRun(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start()
		if p := b.state().Prompt; p == nil || p.Kind != PromptEnrol {
			t.Fatalf("first prompt is %+v, want the enrolment", p)
		}
		b.do(Enrol{Link: "https://example.com"})
		if p := b.state().Prompt; p.Error == nil || p.Error.Fix == "" {
			t.Fatalf("a bad link is explained by %+v", p.Error)
		}
		b.do(Enrol{Link: goodLink})
		p := b.state().Prompt
		if p == nil || p.Kind != PromptSignIn || p.User != "maya" || p.Error != nil {
			t.Fatalf("after enrolment the prompt is %+v", p)
		}
		b.do(SignIn{Password: "wrong"})
		if p := b.state().Prompt; p == nil || p.Error == nil || p.Error.Code != string(wire.CodeSignIn) || p.Busy {
			t.Fatalf("after a wrong password the prompt is %+v", p)
		}
		b.do(SignIn{Password: "tide"})
		s := b.expectPhase(ControlEstablished)
		if s.Prompt != nil || !s.ZTA.Active || !s.ZTA.Allowed || len(s.Apps) != 3 || s.User.Name != "maya" {
			t.Fatalf("signed in: %+v", s)
		}
		if !b.vault.has(ItemCookie) || !b.vault.has(ItemDeviceKey) {
			t.Error("the keychain lacks the cookie or the device key")
		}
		if w := b.plane.last(); !w.Allowed || len(w.Apps) != 3 || w.Idle != 5*time.Minute || w.Sites[0].ClaimsToken != "claims" {
			t.Errorf("the data plane got %d applications, allowed %v", len(w.Apps), w.Allowed)
		}
	})
}

func TestProposedLinkWaitsForTheUser(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start()
		b.do(ProposeEnrol{Link: goodLink})
		s := b.state()
		if s.Prompt.Proposed != "zta.example:8443" || s.Window.Seq == 0 || b.controller.called("enrol") != 0 {
			t.Fatalf("a clicked link led to %+v and %d enrolments", s.Prompt, b.controller.called("enrol"))
		}
		first := s.Prompt.ID
		b.do(ProposeEnrol{Link: Secret(strings.Replace(string(goodLink), "zta", "evil", 1))})
		if err := b.s.Do(context.Background(), Enrol{Prompt: first}); err == nil || b.controller.called("enrol") != 0 {
			t.Fatalf("the yes to one link enrolled by another: %v", err)
		}
		b.do(ProposeEnrol{Link: goodLink})
		b.do(Enrol{Prompt: b.state().Prompt.ID})
		if p := b.state().Prompt; p.Kind != PromptSignIn {
			t.Fatalf("a confirmed link led to %+v", p)
		}
	})
}

// Whoever clicks a link sees in the window that it is none, and not a window that says
// nothing of it.
func TestProposedLinkThatIsNone(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		if err := b.s.Do(context.Background(), ProposeEnrol{Link: "tidegate:enrol?code=CANARY"}); err == nil {
			t.Error("it was taken")
		}
		p := b.state().Prompt
		if p == nil || p.Kind != PromptEnrol || p.Proposed != "" || p.Dismissed || p.Error == nil || p.Error.Code != "enrolment-link" || p.Error.Detail == "" {
			t.Fatalf("prompt %+v", p)
		}
		if b.do(DismissPrompt{Prompt: p.ID}); b.state().Prompt != nil {
			t.Errorf("once it was read there is still %+v", b.state().Prompt)
		}
	})
}

// A link that is clicked while one is followed does not take its place in the dialog.
func TestProposedLinkWhileOneIsFollowed(t *testing.T) {
	inEnglish(t)
	c := newCore(New(Options{}).o, time.Now, func(func(context.Context) func(*core)) {})
	if err := c.do(ProposeEnrol{Link: goodLink}); err != nil {
		t.Fatal(err)
	}
	if err := c.do(Enrol{Prompt: proposalID(c.proposals)}); err != nil || c.busy != PromptEnrol {
		t.Fatalf("%q, %v", c.busy, err)
	}
	for _, l := range []Secret{Secret(strings.Replace(string(goodLink), "zta", "evil", 1)), "tidegate:format-disk", ""} {
		if err := c.do(ProposeEnrol{Link: l}); err != errBusy || c.proposed == nil || c.proposed.Controller != "zta.example:8443" || c.refused != nil {
			t.Errorf("%s: %v, and followed is %+v", string(l), err, c.proposed)
		}
	}
}

func TestCookieReestablishesWithoutPrompt(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		s := b.expectPhase(ControlEstablished)
		if s.Prompt != nil || b.controller.called("sign-in") != 0 || b.controller.called("hello") != 0 {
			t.Fatalf("prompt %+v, %d sign-ins", s.Prompt, b.controller.called("sign-in"))
		}
	})
}

func TestRefusedCookieAsksToSignIn(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept")
		delete(b.controller.cookies, "kept")
		b.start()
		s := b.expectPhase(ControlSignedOut)
		if s.Prompt == nil || s.Prompt.Kind != PromptSignIn || b.vault.has(ItemCookie) {
			t.Fatalf("prompt %+v", s.Prompt)
		}
		if len(s.Problems) != 1 || s.Problems[0].Code != "ended-no-session" {
			t.Errorf("problems: %+v", s.Problems)
		}
	})
}

func TestControllerDownAtStart(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept")
		b.controller.down = true
		b.start()
		if s := b.expectPhase(ControlConnecting); s.ZTA.Active || !s.ZTA.Working {
			t.Fatalf("ZTA %+v", s.ZTA)
		}
		s := b.pass(3 * time.Second)
		if s.Control.Phase != ControlLost || s.Prompt != nil || s.ZTA.Allowed || len(s.Problems) == 0 || s.Problems[0].Fix == "" {
			t.Fatalf("controller down: %+v %+v", s.Control, s.Problems)
		}
		b.controller.set(func() { b.controller.down = false })
		if s := b.pass(backoffMost); s.Control.Phase != ControlEstablished || s.Prompt != nil {
			t.Fatalf("controller back: %+v", s.Control)
		}
	})
}

func TestNoPromptWhileTheControllerIsDown(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("")
		b.controller.down = true
		b.start()
		if s := b.pass(time.Minute); s.Prompt != nil || s.Control.Phase != ControlLost {
			t.Fatalf("prompt %+v, phase %s", s.Prompt, s.Control.Phase)
		}
		b.controller.set(func() { b.controller.down = false })
		b.do(Retry{})
		if s := b.state(); s.Prompt == nil || s.Prompt.Kind != PromptSignIn {
			t.Fatalf("prompt %+v", s.Prompt)
		}
	})
}

func TestRideThrough(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.expectPhase(ControlEstablished)
		b.controller.set(func() { b.controller.down = true })
		b.controller.end(errDown)
		lost := time.Now()
		s := b.expectPhase(ControlReconnecting)
		if s.ZTA.Active || !s.ZTA.Allowed || !b.plane.last().Allowed {
			t.Fatalf("riding through: %+v", s.ZTA)
		}
		if s := b.pass(time.Until(lost.Add(time.Minute - 1))); s.Control.Phase != ControlReconnecting {
			t.Fatalf("a nanosecond before the end of the ride-through: %s", s.Control.Phase)
		}
		s = b.pass(1)
		if s.Control.Phase != ControlLost || s.ZTA.Allowed || b.plane.last().Allowed {
			t.Fatalf("after the ride-through: %s, allowed %v", s.Control.Phase, s.ZTA.Allowed)
		}
		if len(s.Apps) != 3 || s.Apps[0].State != AppBlocked || s.Apps[0].Why.Title == "" {
			t.Errorf("applications while lost: %+v", s.Apps)
		}
		b.controller.set(func() { b.controller.down = false })
		if s := b.pass(backoffMost); s.Control.Phase != ControlEstablished || s.Prompt != nil || b.app("wiki").State != AppReady {
			t.Fatalf("controller back: %s", s.Control.Phase)
		}
	})
}

func TestControllerRestartIsSurvived(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		for range 5 {
			b.controller.end(errors.New("EOF"))
			if s := b.pass(time.Second); s.Control.Phase != ControlEstablished || s.Prompt != nil {
				t.Fatalf("after a restart: %s, prompt %+v", s.Control.Phase, s.Prompt)
			}
		}
	})
}

func TestSignOut(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.do(SignOut{})
		s := b.expectPhase(ControlSignedOut)
		if b.vault.has(ItemCookie) || b.controller.called("sign-out") != 1 || len(s.Apps) != 0 {
			t.Fatalf("signed out, yet cookie %v, %d applications", b.vault.has(ItemCookie), len(s.Apps))
		}
		if s.Prompt == nil || !s.Prompt.Dismissed {
			t.Errorf("who signs out is not asked to sign in: %+v", s.Prompt)
		}
		if w := b.plane.last(); w.Session != "" || len(w.Sites) != 0 {
			t.Errorf("the data plane keeps session %q", w.Session)
		}
		b.do(ShowPrompt{})
		b.do(SignIn{Password: "tide"})
		b.expectPhase(ControlEstablished)
	})
}

func TestRevocation(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.controller.end(&wire.Problem{Code: wire.CodeRevoked, Title: "over"})
		s := b.expectPhase(ControlSignedOut)
		if len(s.Problems) == 0 || !strings.Contains(s.Problems[0].Title, "administrator") || s.Prompt == nil {
			t.Fatalf("revoked: %+v", s.Problems)
		}
	})
}

func TestScreen(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept")
		b.start()
		for _, locked := range []bool{true, false} {
			b.s.ReportScreen(locked)
			if got := b.state().Locked; got != locked {
				t.Errorf("locked is %v, want %v", got, locked)
			}
		}
	})
}

// Whoever writes the state's instants in its zone hears at once of another one, and
// of nothing else.
func TestZone(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		before := b.expectPhase(ControlEstablished)
		tokyo := time.FixedZone("JST", 9*3600)
		b.s.ReportZone(tokyo)
		after := b.state()
		if after.Revision != before.Revision+1 || after.At.Location() != tokyo || !after.At.Equal(time.Now()) {
			t.Errorf("after revision %d there is %d, of %v", before.Revision, after.Revision, after.At)
		}
		b.s.ReportZone(tokyo)
		b.pass(time.Minute)
		if s := b.state(); s.Revision != after.Revision || len(s.Events) != len(before.Events) {
			t.Errorf("after revision %d there is %d, with the events %v", after.Revision, s.Revision, s.Events)
		}
	})
}

// A locker that crashed never says that it has ended.
func TestSomebodyIsThere(t *testing.T) {
	for _, cmd := range []Command{ShowWindow{}, ShowPrompt{}} {
		bubble(t, func(t *testing.T, b *bench) {
			b.enrolled("kept").start()
			b.s.ReportScreen(true)
			if b.do(Acknowledge{}); !b.state().Locked {
				t.Error("what a program asks for unlocks the screen")
			}
			if b.do(cmd); b.state().Locked {
				t.Errorf("%s: somebody is there, and the screen counts as locked", cmd.command())
			}
		})
	}
}

func TestAcknowledge(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept")
		b.vault.err = ErrKeychainAbsent
		b.start()
		b.s.ReportTray(TrayAbsent)
		codes := func() string {
			var cs []string
			for _, p := range b.state().Problems {
				cs = append(cs, p.Code)
			}
			return strings.Join(cs, " ")
		}
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"both stand", func() {}, "keychain-absent tray-absent"},
			{"what does more than inform stays", func() { b.do(Acknowledge{Code: "keychain-absent"}) }, "keychain-absent tray-absent"},
			{"what is not there is ignored", func() { b.do(Acknowledge{Code: "controller-lost"}) }, "keychain-absent tray-absent"},
			{"what informs goes", func() { b.do(Acknowledge{Code: "tray-absent"}) }, "keychain-absent"},
			{"and stays away", func() {
				b.s.ReportTray(TrayPresent)
				b.s.ReportTray(TrayAbsent)
			}, "keychain-absent"},
		} {
			step.do()
			if got := codes(); got != step.want {
				t.Errorf("%s: problems %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func TestKeychain(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want Keychain
		code string
	}{
		{"locked", ErrKeychainLocked, KeychainLocked, "keychain-locked"},
		{"absent", ErrKeychainAbsent, KeychainAbsent, "keychain-absent"},
	} {
		t.Run(c.name+" at start", func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept")
				b.vault.err = c.err
				b.start()
				s := b.state()
				if s.Keychain != c.want || len(s.Problems) == 0 || s.Problems[0].Code != c.code || s.Problems[0].Action != "retry" || s.Prompt != nil {
					t.Fatalf("keychain %s, problems %+v, prompt %+v", s.Keychain, s.Problems, s.Prompt)
				}
				b.vault.mu.Lock()
				b.vault.err = nil
				b.vault.mu.Unlock()
				b.do(Retry{})
				if s := b.expectPhase(ControlEstablished); len(s.Problems) != 0 || s.Prompt != nil {
					t.Fatalf("after Retry: %+v", s.Problems)
				}
			})
		})
		t.Run(c.name+" at start, and opens", func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept")
				b.vault.err, b.vault.opens = c.err, make(chan struct{})
				b.start()
				if s := b.state(); s.Keychain != c.want {
					t.Fatalf("keychain %s", s.Keychain)
				}
				b.vault.opens <- struct{}{} // for the one who unlocks it, and not for us
				synctest.Wait()
				if s := b.state(); s.Keychain != c.want {
					t.Fatalf("it is of no use yet, and counts as %s", s.Keychain)
				}
				b.vault.set(nil)
				b.vault.opens <- struct{}{}
				if s := b.expectPhase(ControlEstablished); len(s.Problems) != 0 || s.Prompt != nil {
					t.Fatalf("once it is open: %+v", s.Problems)
				}
			})
		})
		t.Run(c.name+" at sign-in", func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.vault.err = c.err
				b.start()
				b.do(Enrol{Link: goodLink})
				b.do(SignIn{Password: "tide"})
				s := b.expectPhase(ControlEstablished) // in memory, with a warning
				if len(s.Problems) == 0 || s.Problems[0].Code != c.code {
					t.Fatalf("problems %+v", s.Problems)
				}
			})
		})
	}
	t.Run("key gone", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.enrolled("kept")
			delete(b.vault.items, ItemDeviceKey)
			b.start()
			s := b.state()
			if s.Prompt == nil || s.Prompt.Kind != PromptEnrol || len(s.Problems) == 0 || s.Problems[0].Code != "key-lost" {
				t.Fatalf("prompt %+v, problems %+v", s.Prompt, s.Problems)
			}
		})
	})
}

func TestOpening(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.s.ReportDataplane(DataplaneFacts{Apps: listening()})
		for id, want := range map[wire.AppID]string{
			"wiki":    "http://127.64.0.9:8443/start",
			"payroll": "https://127.64.0.9:8443",
			"bastion": "ssh -o HostKeyAlias=bastion.corp -p 8443 127.64.0.9",
		} {
			if a := b.app(id); a.OpenWith != want {
				t.Errorf("%s opens with %q, want %q", id, a.OpenWith, want)
			}
		}
		if err := b.s.Do(context.Background(), OpenApp{App: "none"}); err == nil {
			t.Error("an unknown application was opened")
		}
	})
}

func TestWatchSkipsAndNobodyWaits(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		ctx, cancel := context.WithCancel(t.Context())
		var last uint64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for s := range b.s.Watch(ctx) {
				if s.Revision <= last {
					t.Errorf("revision %d after %d", s.Revision, last)
				}
				last = s.Revision
				time.Sleep(time.Minute) // a slow reader
			}
		}()
		for range 100 {
			b.do(ShowWindow{Page: PageSettings})
		}
		b.pass(2 * time.Minute)
		cancel()
		<-done
		if want := b.state().Revision; last != want {
			t.Errorf("the slow reader ended at revision %d, want %d", last, want)
		}
	})
}

func TestDoReturnsWithItsStatePublished(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		for n := range uint64(50) {
			if err := b.s.Do(context.Background(), ShowWindow{}); err != nil {
				t.Fatal(err)
			}
			if s, _ := b.s.feed.latest(); s.Window.Seq != n+1 {
				t.Fatalf("after command %d the window was asked for %d times", n+1, s.Window.Seq)
			}
		}
	})
}

// The program ends its own servers when the session has ended: whoever asked
// for it hears that it was done, and not that it was too late.
func TestAnAnswerOutweighsTheEndOfItsContext(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			s := New(Options{})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Do(ctx, Quit{}) }()
			synctest.Wait() // it offers its command
			c := newCore(s.o, s.now, nil)
			(<-s.msgs)(c)
			c.answer()
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestQuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t).enrolled("kept").start()
		b.do(Quit{})
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}
		if w := b.plane.last(); w.Session != "" {
			t.Error("the data plane was left open")
		}
		if err := b.s.Do(t.Context(), SignOut{}); !errors.Is(err, ErrEnded) {
			t.Errorf("of a command after the end it says %v", err)
		}
		b.stop()
	})
}
