package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// The controller may miss the first question after a sign-out: a connection
// that is about to be replaced, a packet. That is not a controller that is away.
func TestSignOutIsNotALostController(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.controller.set(func() { b.controller.down = true })
		b.do(SignOut{})
		if s := b.expectPhase(ControlSignedOut); !s.ZTA.Working || len(s.Problems) != 0 {
			t.Fatalf("signed out: %+v, problems %+v", s.ZTA, s.Problems)
		}
		if s := b.pass(connectGrace); s.Control.Phase != ControlLost || s.Prompt != nil {
			t.Fatalf("a controller that is away: %s, prompt %+v", s.Control.Phase, s.Prompt)
		}
		b.controller.set(func() { b.controller.down = false })
		if s := b.pass(backoffMost); s.Control.Phase != ControlSignedOut || s.Prompt == nil {
			t.Fatalf("and back: %s, prompt %+v", s.Control.Phase, s.Prompt)
		}
	})
}

// What the keychain says late of one enrolment is nothing to the next.
func TestLateKeychainAndANewEnrolment(t *testing.T) {
	for name, there := range map[string]bool{"the old key comes late": true, "the old key is gone": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept")
				b.records.e.Device = "old"
				if !there {
					delete(b.vault.items, ItemDeviceKey)
				}
				b.slow = &slowVault{fakeVault: fakeVault{items: b.vault.items}, release: make(chan struct{})}
				b.start()
				b.pass(vaultTime) // the first use is given up
				b.do(Retry{})
				b.do(Enrol{Link: goodLink})
				b.do(SignIn{Password: "tide"})
				b.expectPhase(ControlEstablished)
				close(b.slow.release)
				s := b.state()
				if s.Enrolment.Device != "d1" || s.Control.Phase != ControlEstablished || s.Prompt != nil || b.plane.last().Identity.Device != "d1" {
					t.Fatalf("device %s, %s, prompt %+v, flows of %s", s.Enrolment.Device, s.Control.Phase, s.Prompt, b.plane.last().Identity.Device)
				}
				if b.pass(time.Minute); !b.slow.has(ItemCookie) || !b.slow.has(ItemDeviceKey) {
					t.Error("the keychain lacks the new cookie or the new key")
				}
			})
		})
	}
}

// Retrying twice asks once: the second answer would be of another time.
func TestKeychainIsAskedOnceAtATime(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept")
		b.slow = &slowVault{fakeVault: fakeVault{items: b.vault.items}, release: make(chan struct{})}
		b.start()
		b.do(Retry{})
		b.do(Retry{})
		close(b.slow.release)
		b.expectPhase(ControlEstablished)
		b.do(SignOut{})
		if s := b.pass(time.Minute); s.Control.Phase != ControlSignedOut || b.slow.asked.Load() != 2 {
			t.Fatalf("after signing out: %s; the keychain was asked %d times for key and cookie", s.Control.Phase, b.slow.asked.Load())
		}
	})
}

// A session that could not be kept is kept by Retry, key and cookie.
func TestRetryKeepsWhatTheKeychainMissed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.vault.err = ErrKeychainLocked
		b.start()
		b.do(Enrol{Link: goodLink})
		b.do(SignIn{Password: "tide"})
		if ps := b.state().Problems; len(ps) != 1 || ps[0].Code != "keychain-locked" || ps[0].Action != "retry" {
			t.Fatalf("problems %+v", ps)
		}
		b.vault.mu.Lock()
		b.vault.err = nil
		b.vault.mu.Unlock()
		b.do(Retry{})
		if ps := b.state().Problems; len(ps) != 0 || !b.vault.has(ItemCookie) || !b.vault.has(ItemDeviceKey) {
			t.Fatalf("problems %+v, cookie %v, key %v", ps, b.vault.has(ItemCookie), b.vault.has(ItemDeviceKey))
		}
	})
}

// A keychain that asks its user holds up the end of the client for a moment only.
func TestQuitWhileTheKeychainAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.slow = &slowVault{fakeVault: fakeVault{items: map[VaultItem]string{}}, release: make(chan struct{})}
		b.start()
		b.do(Enrol{Link: goodLink})
		b.do(SignIn{Password: "tide"})
		b.do(Quit{})
		began := time.Now()
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > vaultGrace {
			t.Errorf("the end took %v", took)
		}
		b.stop()
	})
}

// A slow keychain keeps what it was given before the client ended: who has just signed
// in is signed in at the next start.
func TestQuitWhileTheKeychainIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.slow = &slowVault{fakeVault: fakeVault{items: map[VaultItem]string{}}, release: make(chan struct{})}
		b.start()
		b.do(Enrol{Link: goodLink})
		b.do(SignIn{Password: "tide"})
		b.do(Quit{})
		time.Sleep(3 * time.Second)
		close(b.slow.release)
		if err := <-b.ended; err != nil {
			t.Fatal(err)
		}
		if !b.slow.has(ItemCookie) || !b.slow.has(ItemDeviceKey) {
			t.Errorf("cookie %v, key %v", b.slow.has(ItemCookie), b.slow.has(ItemDeviceKey))
		}
		b.stop()
	})
}

// interact brings the bench to an interaction prompt whose answer is under way.
func interact(b *bench) (hold chan struct{}, id string) {
	b.enrolled("kept").start()
	hold = make(chan struct{})
	b.controller.set(func() { b.controller.hold = hold })
	denied := wire.Verdict{Entitlement: "pay", Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
	b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: site(Connected, denied)})
	b.do(ShowPrompt{App: "payroll"})
	id = b.state().Prompt.ID
	b.do(Answer{Prompt: id, MFA: "123456"})
	return hold, id
}

func hasEvent(s State, kind string) bool {
	for _, e := range s.Events {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

func TestAnsweredIsToldOfAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		hold, _ := interact(b)
		close(hold)
		if s := b.state(); !hasEvent(s, "answered") {
			t.Errorf("not told: %+v", s.Events)
		}
	})
	bubble(t, func(t *testing.T, b *bench) {
		interact(b)
		b.controller.end(&wire.Problem{Code: wire.CodeRevoked, Title: "over"})
		if s := b.state(); hasEvent(s, "answered") {
			t.Errorf("a session that ended before the answer counted tells of an answer: %+v", s.Events)
		}
	})
}

// An answer that comes back after its session does not end another's patience.
func TestLateAnswerLeavesTheSignInBusy(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		hold, _ := interact(b)
		b.controller.end(&wire.Problem{Code: wire.CodeRevoked, Title: "over"})
		b.expectPhase(ControlSignedOut)
		b.controller.set(func() { b.controller.holdSignIn = make(chan struct{}) })
		b.do(SignIn{Password: "tide"})
		close(hold)
		if p := b.state().Prompt; p == nil || p.Kind != PromptSignIn || !p.Busy || p.Error != nil {
			t.Fatalf("the sign-in under way shows as %+v", p)
		}
		if err := b.s.Do(context.Background(), SignIn{Password: "again"}); !errors.Is(err, errBusy) {
			t.Errorf("a second sign-in meanwhile: %v", err)
		}
		close(b.controller.holdSignIn)
		b.expectPhase(ControlEstablished)
	})
}

// An administrator may begin to want a code while the dialog is open.
func TestSignInLearnsThatACodeIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("").start()
		b.controller.set(func() {
			b.controller.code = true
			b.controller.problem = &wire.Problem{Code: wire.CodeSignIn, Title: "no"}
		})
		b.do(SignIn{Password: "tide"})
		if p := b.state().Prompt; p == nil || !p.Code || p.Error == nil {
			t.Fatalf("prompt %+v", p)
		}
	})
}

// A controller that takes a stream and ends it at once is not asked without rest.
func TestFleetingStreamsBackOff(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.controller.fleeting = true
		b.enrolled("kept").start()
		b.pass(time.Minute)
		if n := b.controller.called("events"); n > 20 {
			t.Errorf("%d tries within a minute", n)
		}
	})
}

func TestDamagedEnrolmentIsExplained(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.records.err = errors.New("decode message: unexpected EOF")
		b.start()
		s := b.state()
		if len(s.Problems) != 1 || s.Problems[0].Code != "enrolment-damaged" || s.Problems[0].Fix == "" || s.Prompt == nil {
			t.Fatalf("problems %+v, prompt %+v", s.Problems, s.Prompt)
		}
		b.records.err = nil
		b.do(Enrol{Link: goodLink})
		if ps := b.state().Problems; len(ps) != 0 {
			t.Errorf("enrolled anew, yet %+v", ps)
		}
	})
}
