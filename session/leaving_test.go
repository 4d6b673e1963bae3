package session

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// severed is a controller whose connections lose what is under way when they are
// closed, as a real one's do.
type severed struct{ bothControllers }

func (s severed) Connect(e Enrolled, id Identity) ControlClient {
	return &severedClient{s.of(e.Controller), make(chan struct{})}
}

type severedClient struct {
	*fakeController
	gone chan struct{}
}

func (c *severedClient) Close() { close(c.gone) }

func (c *severedClient) SignIn(ctx context.Context, r wire.SignInRequest) (Secret, error) {
	cookie, err := c.fakeController.SignIn(ctx, r)
	select {
	case <-c.gone:
		return "", errDown
	default:
		return cookie, err
	}
}

// A sign-in that is answered after a switch away leaves no session at the controller.
func TestASignInThatIsLateIsSignedOut(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		other := enrolledTwice(t, b)
		b.stop()
		<-b.ended
		b.both = severed{bothControllers{b.controller, other}}
		b.start()
		b.do(Enrol{Link: otherLink})
		other.holdSignIn = make(chan struct{})
		b.do(SignIn{Password: "tide"})
		b.do(SwitchEnrolment{"d1"})
		b.closed()
		close(other.holdSignIn)
		if s := b.expectPhase(ControlEstablished); s.User.Session != "s1" {
			t.Fatalf("session %s", s.User.Session)
		}
		if in, out := other.called("sign-in"), other.called("sign-out"); in != 1 || out != 1 || other.cookies["other cookie"] {
			t.Errorf("%d sign-ins, %d sign-outs; there is a session: %v", in, out, other.cookies["other cookie"])
		}
	})
}

// A cookie that was left in the keychain is another enrolment's, and its alone.
func TestNoCookieIsInherited(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.vault.items[ItemDeviceKey], b.vault.items[ItemCookie] = "left", "left"
		b.start()
		b.do(Enrol{Link: goodLink})
		if b.state(); b.vault.has(ItemCookie) || b.vault.items[ItemDeviceKey] == "left" {
			t.Errorf("kept %q", b.vault.names())
		}
	})
}

// impostor answers an enrolment with the name of another controller's device.
type impostor struct{ bothControllers }

func (i impostor) Enrol(ctx context.Context, l wire.EnrolmentLink, key crypto.Signer) (Enrolled, error) {
	e, err := i.bothControllers.Enrol(ctx, l, key)
	e.Device = "d1"
	return e, err
}

// No controller takes the place of another by calling a device as that does.
func TestADeviceOfTwoControllers(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.both = impostor{bothControllers{b.controller, newFakeController(t)}}
		b.enrolled("kept").start()
		b.do(Enrol{Link: otherLink})
		s := b.expectPhase(ControlEstablished)
		if s.Prompt == nil || s.Prompt.Kind != PromptEnrol || s.Prompt.Error == nil || s.Enrolment.Controller != "zta.example:8443" || len(s.Enrolments) != 1 {
			t.Fatalf("%+v, prompt %+v", s.Enrolments, s.Prompt)
		}
		k, _ := b.records.LoadEnrolments()
		if err := k.Checked(); err != nil || len(k.All()) != 1 {
			t.Errorf("kept %d: %v", len(k.All()), err)
		}
		if n := len(b.vault.names()); n != 2 {
			t.Errorf("keychain: %q", b.vault.names())
		}
	})
}

// What the data plane said before it heard that all is to be closed does not say that it
// is: neither after a switch, nor after a sign-out and a switch.
func TestAReportOfBeforeOpensNothing(t *testing.T) {
	for name, before := range map[string][]Command{"signed in": nil, "signed out": {SignOut{}}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				enrolledTwice(t, b)
				b.second()
				b.closed()
				b.expectPhase(ControlEstablished)
				early := DataplaneFacts{Change: b.plane.last().Change}
				for _, cmd := range before {
					b.do(cmd)
				}
				b.do(SwitchEnrolment{"d1"})
				b.s.ReportDataplane(early)
				if b.expectPhase(ControlEstablished); b.plane.last().Session != "" {
					t.Fatalf("flows of %s are wanted", b.plane.last().Session)
				}
				b.closed()
				if b.state(); b.plane.last().Session != "s1" {
					t.Errorf("and then: %q", b.plane.last().Session)
				}
			})
		})
	}
}

// What the keychain did not take is kept as soon as it takes anything.
func TestKeptLater(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.vault.set(ErrKeychainLocked)
		b.do(Enrol{Link: otherLink})
		b.vault.set(nil)
		b.do(SignIn{Password: "tide"})
		if s := b.state(); s.Keychain != KeychainReady || !b.vault.has("device-key.d2") || !b.vault.has("session-cookie.d2") {
			t.Errorf("keychain %s has %q", s.Keychain, b.vault.names())
		}
	})
}

// wordy is a controller that says more of an enrolment than is kept.
type wordy struct {
	*fakeController
	more func(*Enrolled)
}

func (w wordy) Enrol(ctx context.Context, l wire.EnrolmentLink, key crypto.Signer) (Enrolled, error) {
	e, err := w.fakeController.Enrol(ctx, l, key)
	w.more(&e)
	return e, err
}

// No controller makes what is kept of the others too large to be read again.
func TestAnEnrolmentOfNoMeasure(t *testing.T) {
	much := strings.Repeat("x", 100<<10)
	for name, more := range map[string]func(*Enrolled){
		"its name":    func(e *Enrolled) { e.Name = much },
		"the user's":  func(e *Enrolled) { e.User = much },
		"the device":  func(e *Enrolled) { e.Device = wire.DeviceID(much) },
		"certificate": func(e *Enrolled) { e.Certificate += much },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.both = wordy{b.controller, more}
				b.start()
				b.do(Enrol{Link: goodLink})
				if s := b.state(); s.Enrolment.Enrolled() || s.Prompt == nil || s.Prompt.Error == nil || s.Prompt.Error.Code != "enrolment-damaged" || len(b.vault.names()) > 0 {
					t.Errorf("%.100v, prompt %.200v", s.Enrolment, s.Prompt)
				}
			})
		})
	}
}

// Hosts are called alike in upper and in lower case.
func TestEnrollingAgainInCapitals(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept")
		b.records.e.Controller = "ZTA.Example:8443"
		b.start()
		b.do(Enrol{Link: goodLink})
		if s := b.state(); len(s.Enrolments) != 1 || s.Enrolment.Controller != "zta.example:8443" {
			t.Errorf("%+v", s.Enrolments)
		}
	})
}

// What was pinned of an enrolment that is no more goes at the next start, where a crash
// left it.
func TestPinsOfNobody(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{"read": {nil, 1}, "damaged": {errors.New("damaged"), 2}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept")
				b.records.err = c.err
				b.records.choices = KeptChoices{Pinned: map[wire.DeviceID][]wire.AppID{"d1": {"wiki"}, "d9": {"wiki"}}}
				b.start()
				if p := b.records.choices.Pinned; len(p) != c.want || len(p["d1"]) != 1 {
					t.Errorf("pinned %v", p)
				}
			})
		})
	}
}

// Who forgets an enrolment in the midst of signing in leaves no session there, and no
// cookie here.
func TestForgettingWhileSigningIn(t *testing.T) {
	for name, locked := range map[string]error{"": nil, "locked": ErrKeychainLocked} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				other := enrolledTwice(t, b)
				b.do(Enrol{Link: otherLink})
				b.vault.set(locked)
				other.holdSignIn = make(chan struct{})
				b.do(SignIn{Password: "tide"})
				b.do(ForgetEnrolment{"d2"})
				b.closed()
				close(other.holdSignIn)
				b.expectPhase(ControlEstablished)
				b.vault.set(nil)
				b.do(Retry{})
				if s := b.expectPhase(ControlEstablished); s.User.Session != "s1" || other.called("sign-out") != 1 || other.cookies["other cookie"] {
					t.Errorf("session %s, %d sign-outs", s.User.Session, other.called("sign-out"))
				}
				if n := b.vault.names(); len(n) != 2 || len(b.records.gone) > 0 {
					t.Errorf("keychain %q, to go %q", n, b.records.gone)
				}
			})
		})
	}
}

// heldEnrol is a controller that enrols once release is closed.
type heldEnrol struct {
	bothControllers
	release chan struct{}
}

func (h heldEnrol) Enrol(ctx context.Context, l wire.EnrolmentLink, key crypto.Signer) (Enrolled, error) {
	<-h.release
	return h.bothControllers.Enrol(ctx, l, key)
}

// While an enrolment is being made, none is switched to or forgotten; then either is.
func TestSwitchingWhileEnrolling(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		h := heldEnrol{bothControllers{b.controller, newFakeController(t)}, make(chan struct{})}
		b.both = h
		b.enrolled("kept")
		second := testEnrolled(testKey())
		second.Enrolment = Enrolment{Controller: "third.example:8443", User: "maya", Device: "d3"}
		second.Apart = true
		b.records.others = []Enrolled{second}
		b.start()
		b.do(Enrol{Link: otherLink})
		for _, cmd := range []Command{SwitchEnrolment{"d3"}, ForgetEnrolment{"d3"}, ForgetEnrolment{"d1"}, Enrol{Link: goodLink}} {
			if err := b.s.Do(t.Context(), cmd); !errors.Is(err, errBusy) {
				t.Errorf("%s: %v", cmd.command(), err)
			}
		}
		b.do(SwitchEnrolment{"d1"}) // which it is
		close(h.release)
		if s := b.state(); s.Enrolment.Device != "d2" || len(s.Enrolments) != 3 {
			t.Fatalf("%+v of %d", s.Enrolment, len(s.Enrolments))
		}
		b.do(ForgetEnrolment{"d3"})
		b.do(SwitchEnrolment{"d1"})
		b.closed()
		if s := b.expectPhase(ControlEstablished); len(s.Enrolments) != 2 {
			t.Errorf("%+v", s.Enrolments)
		}
	})
}
