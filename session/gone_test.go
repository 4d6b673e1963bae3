package session

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// keychainTold is what is said of the keychain; nil: nothing.
func keychainTold(s State) *Problem {
	for i, p := range s.Problems {
		if strings.HasPrefix(p.Code, "keychain-") {
			return &s.Problems[i]
		}
	}
	return nil
}

// What is forgotten while the keychain is locked goes at once for the user, and from the
// keychain when it opens: by Retry, at the next start, or with the next that it takes.
func TestForgettingWhileTheKeychainIsLocked(t *testing.T) {
	for name, opens := range map[string]func(b *bench){
		"and then Retry":     func(b *bench) { b.do(Retry{}) },
		"and then a start":   func(b *bench) { b.stop(); <-b.ended; b.start() },
		"and then a sign-in": func(b *bench) { b.do(SignOut{}); b.do(SignIn{Password: "tide"}) },
	} {
		for gone, left := range map[wire.DeviceID][]string{
			"d1": {"device-key.d2", "session-cookie.d2"},
			"d2": {"device-key", "session-cookie"},
		} {
			t.Run(string(gone)+" "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, b *bench) {
					enrolledTwice(t, b)
					b.second()
					b.closed()
					b.vault.set(ErrKeychainLocked)
					b.do(ForgetEnrolment{gone})
					b.closed()
					s := b.expectPhase(ControlEstablished)
					if len(s.Enrolments) != 1 || len(b.records.others) != 0 || len(b.vault.names()) != 4 {
						t.Fatalf("%+v, keychain %q", s.Enrolments, b.vault.names())
					}
					if p := keychainTold(s); p == nil || p.Action != "retry" || !strings.Contains(p.Detail, "removed goes as soon") || strings.Contains(p.Detail, "memory") {
						t.Errorf("told %+v", p)
					}
					b.vault.set(nil)
					opens(b)
					s = b.expectPhase(ControlEstablished)
					if d := cmp.Diff(left, b.vault.names()); d != "" || len(b.records.gone) > 0 {
						t.Errorf("still to go %q; keychain (-want +got):\n%s", b.records.gone, d)
					}
					if p := keychainTold(s); p != nil {
						t.Errorf("told %+v", p)
					}
				})
			})
		}
	}
}

// The locked keychain alone has the session of an enrolment that has rested since the
// start, and it is not asked for what is forgotten: the controller is told of another's.
func TestWhoIsToldOfWhatIsForgottenWhileTheKeychainIsLocked(t *testing.T) {
	for name, want := range map[string]int{"rested since the start": 0, "was active": 1} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				enrolledTwice(t, b)
				b.second()
				b.closed()
				if want == 0 {
					b.stop()
					<-b.ended
					b.start()
					b.closed()
				}
				b.expectPhase(ControlEstablished)
				b.vault.set(ErrKeychainLocked)
				b.do(ForgetEnrolment{"d1"})
				b.vault.set(nil)
				b.do(Retry{})
				b.pass(time.Minute)
				if d := cmp.Diff([]string{"device-key.d2", "session-cookie.d2"}, b.vault.names()); d != "" || b.controller.called("sign-out") != want {
					t.Errorf("%d sign-outs, want %d; keychain (-want +got):\n%s", b.controller.called("sign-out"), want, d)
				}
			})
		})
	}
}

// The last one may be forgotten while the keychain is locked as well.
func TestForgettingTheLastWhileTheKeychainIsLocked(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.vault.set(ErrKeychainLocked)
		b.do(ForgetEnrolment{"d1"})
		s := b.state()
		if p := keychainTold(s); s.Enrolment.Enrolled() || p == nil || !strings.Contains(p.Detail, "removed goes as soon") {
			t.Fatalf("%+v, told %+v", s.Enrolment, p)
		}
		b.stop()
		<-b.ended
		b.start() // nothing is enrolled, and it is tried again
		if s := b.state(); keychainTold(s) == nil || s.Keychain != KeychainLocked || len(b.vault.names()) != 2 {
			t.Fatalf("after a start: %s, %+v", s.Keychain, s.Problems)
		}
		b.vault.set(nil)
		b.do(Retry{})
		if s := b.state(); keychainTold(s) != nil || len(b.vault.names()) > 0 || len(b.records.gone) > 0 {
			t.Errorf("keychain %q, to go %q, told %+v", b.vault.names(), b.records.gone, keychainTold(s))
		}
	})
}

// A crash between the forgetting and the keychain's leaves nothing there for ever, and
// what it left is nobody's.
func TestACrashWhileForgetting(t *testing.T) {
	for name, kept := range map[string][]VaultItem{
		"before anything was removed": {ItemCookie, ItemDeviceKey},
		"in the midst":                {ItemDeviceKey},
		"before it was noted":         nil,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept")
				b.records.e, b.records.gone = Enrolled{}, []VaultItem{ItemCookie, ItemDeviceKey}
				for _, i := range []VaultItem{ItemCookie, ItemDeviceKey} {
					if !slices.Contains(kept, i) {
						delete(b.vault.items, i)
					}
				}
				b.start()
				if s := b.state(); s.Enrolment.Enrolled() || len(b.vault.names()) > 0 || len(b.records.gone) > 0 {
					t.Errorf("%+v, keychain %q, to go %q", s.Enrolment, b.vault.names(), b.records.gone)
				}
			})
		})
	}
}

// Who enrols anew while the keychain is locked inherits nothing of what was forgotten, and
// loses nothing to its going.
func TestEnrollingAfterForgettingWhileTheKeychainIsLocked(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		other := newFakeController(t)
		other.mint, other.snapshot.Session = "other cookie", "s2"
		b.both = bothControllers{b.controller, other}
		b.enrolled("kept").start()
		b.vault.set(ErrKeychainLocked)
		b.do(ForgetEnrolment{"d1"})
		b.do(Enrol{Link: otherLink})
		b.stop()
		<-b.ended
		b.vault.set(nil)
		b.start()
		if s := b.state(); s.Enrolment.Device != "d2" || len(b.vault.names()) > 0 || other.called("events") > 0 {
			t.Fatalf("%+v, keychain %q, %d cookies were shown", s.Enrolment, b.vault.names(), other.called("events"))
		}
		b.do(Enrol{Link: otherLink})
		b.do(SignIn{Password: "tide"})
		b.expectPhase(ControlEstablished)
		b.do(Retry{})
		if n := b.vault.names(); len(n) != 2 || len(b.records.gone) > 0 {
			t.Fatalf("keychain %q, to go %q", n, b.records.gone)
		}
	})
}

// Enrolling with the same controller again while the keychain is locked: what is kept
// once it opens is the new key.
func TestEnrollingAgainWhileTheKeychainIsLocked(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		before := b.vault.items[ItemDeviceKey]
		b.vault.set(ErrKeychainLocked)
		b.do(Enrol{Link: goodLink})
		b.vault.set(nil)
		b.do(SignIn{Password: "tide"})
		b.expectPhase(ControlEstablished)
		if b.vault.items[ItemDeviceKey] == before || len(b.vault.names()) != 2 || len(b.records.gone) > 0 {
			t.Fatalf("keychain %q, to go %q", b.vault.names(), b.records.gone)
		}
		b.stop()
		<-b.ended
		b.start()
		if s := b.expectPhase(ControlEstablished); s.Prompt != nil {
			t.Errorf("after a start: %+v", s.Prompt)
		}
	})
}

// Who signs out is signed out, though the keychain is locked: what it has of the session
// is not taken up again.
func TestSigningOutWhileTheKeychainIsLocked(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.expectPhase(ControlEstablished)
		b.vault.set(ErrKeychainLocked)
		b.controller.down = true
		b.do(SignOut{})
		b.stop()
		<-b.ended
		b.controller.down = false
		b.controller.cookies["kept"] = true // it has not heard
		b.vault.set(nil)
		b.start()
		b.expectPhase(ControlSignedOut)
		if b.vault.has(ItemCookie) || len(b.records.gone) > 0 {
			t.Errorf("keychain %q, to go %q", b.vault.names(), b.records.gone)
		}
	})
}

// A controller that does not answer holds up nothing of the keychain's: the next
// enrolment is opened at once.
func TestForgettingOfflineHoldsUpNothing(t *testing.T) {
	for name, started := range map[string]bool{"in memory": false, "in the keychain": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				other := enrolledTwice(t, b)
				b.second()
				b.closed()
				if started {
					b.stop()
					<-b.ended
					b.start()
					b.closed()
				}
				b.expectPhase(ControlEstablished)
				other.holdSignOut = make(chan struct{})
				began := time.Now()
				b.do(ForgetEnrolment{"d2"})
				b.closed()
				s := b.expectPhase(ControlEstablished)
				synctest.Wait()
				if s.User.Session != "s1" || len(b.vault.names()) != 2 || time.Since(began) > 0 {
					t.Fatalf("after %v: session %s, keychain %q", time.Since(began), s.User.Session, b.vault.names())
				}
				close(other.holdSignOut)
				if b.pass(time.Second); other.called("sign-out") != 1 {
					t.Errorf("%d sign-outs", other.called("sign-out"))
				}
			})
		})
	}
}

// An enrolment that could not be saved is in memory alone: what was saved still works
// after a restart, and nothing of the new one is left behind in the keychain.
func TestAnEnrolmentThatCannotBeSaved(t *testing.T) {
	for name, link := range map[string]Secret{"of another controller": otherLink, "of the same one": goodLink} {
		for end, saved := range map[string]bool{"never": false, "then": true} {
			t.Run(name+", "+end, func(t *testing.T) {
				bubble(t, func(t *testing.T, b *bench) {
					other := newFakeController(t)
					other.mint, other.snapshot.Session = "other cookie", "s2"
					b.both = bothControllers{b.controller, other}
					b.enrolled("kept").start()
					key := b.vault.items[ItemDeviceKey]
					b.records.stuck = errors.New("no space left on device")
					b.do(Enrol{Link: link})
					b.do(SignIn{Password: "tide"})
					s := b.expectPhase(ControlEstablished)
					if i := slices.IndexFunc(s.Problems, func(p Problem) bool { return p.Code == "save" }); i < 0 || s.Problems[i].Action != "retry" {
						t.Fatalf("told %+v", s.Problems)
					}
					if err := b.s.Do(t.Context(), Retry{}); err == nil || !strings.Contains(err.Error(), "free some space") {
						t.Errorf("Retry: %v", err)
					}
					if s := b.state(); len(s.Problems) != 1 || b.vault.items[ItemDeviceKey] != key || len(b.vault.names()) != 2 {
						t.Fatalf("told %+v, keychain %q", s.Problems, b.vault.names())
					}
					want := b.records.e
					if saved {
						b.records.stuck = nil
						b.do(Retry{})
						if s := b.state(); len(s.Problems) > 0 {
							t.Errorf("saved, yet %+v", s.Problems)
						}
						want = b.records.e
						if want.Device != s.Enrolment.Device {
							t.Errorf("saved is %s", want.Device)
						}
					}
					b.stop()
					<-b.ended
					b.records.stuck = nil
					b.start()
					if s := b.state(); s.Enrolment != want.Enrolment || s.Control.Phase == ControlOff || saved && s.Control.Phase != ControlEstablished {
						t.Errorf("after a start: %+v, %s", s.Enrolment, s.Control.Phase)
					}
				})
			})
		}
	}
}

// While the keychain gives the next enrolment's key, that is awaited, and not missed.
func TestForgettingWithASlowKeychain(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.second()
		b.closed()
		b.stop()
		<-b.ended
		b.slow = &slowVault{fakeVault: fakeVault{items: b.vault.items}, release: make(chan struct{})}
		close(b.slow.release)
		b.start()
		b.closed()
		b.expectPhase(ControlEstablished)
		b.slow.release = make(chan struct{})
		b.do(ForgetEnrolment{"d2"})
		b.closed()
		if s := b.state(); s.Enrolment.Device != "d1" || len(s.Enrolments) != 1 || s.ZTA.Attention || !s.ZTA.Working || len(s.Problems) > 0 || len(b.slow.names()) != 2 {
			t.Errorf("of %d, %s: %+v, told %+v, keychain %q", len(s.Enrolments), s.Enrolment.Device, s.ZTA, s.Problems, b.slow.names())
		}
		close(b.slow.release)
		b.expectPhase(ControlEstablished)
	})
}
