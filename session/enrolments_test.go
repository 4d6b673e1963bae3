package session

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// bothControllers are that of the bench and another one, of another organisation.
type bothControllers struct{ one, other *fakeController }

const otherHost = "other.example:8443"

var otherLink = Secret(strings.Replace(string(goodLink), "zta.example", "other.example", 1))

func (b bothControllers) of(address string) *fakeController {
	if address == otherHost {
		return b.other
	}
	return b.one
}

func (b bothControllers) Enrol(ctx context.Context, l wire.EnrolmentLink, key crypto.Signer) (Enrolled, error) {
	e, err := b.of(l.Controller).Enrol(ctx, l, key)
	if l.Controller == otherHost {
		e.Enrolment = Enrolment{Controller: otherHost, Name: "Other", User: "maya", Device: "d2"}
	}
	return e, err
}

func (b bothControllers) Connect(e Enrolled, id Identity) ControlClient {
	return b.of(e.Controller).Connect(e, id)
}

// enrolledTwice is a bench that is signed in at one controller, and enrolled with
// another.
func enrolledTwice(t *testing.T, b *bench) *fakeController {
	other := newFakeController(t)
	other.mint, other.snapshot.Session, other.snapshot.Controller = "other cookie", "s2", "Other"
	b.both = bothControllers{b.controller, other}
	b.enrolled("kept").start()
	b.expectPhase(ControlEstablished)
	return other
}

// second enrols the bench with the other controller, and signs in there.
func (b *bench) second() State {
	b.t.Helper()
	b.do(Enrol{Link: otherLink})
	b.do(SignIn{Password: "tide"})
	return b.state()
}

// closed has the data plane say that nothing is open.
func (b *bench) closed() { b.s.ReportDataplane(DataplaneFacts{Change: b.plane.last().Change}) }

// Another enrolment is added to the one that is signed in, which rests; a switch back
// signs in without a question, and so it is after a restart.
func TestSwitchingToAndFro(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		other := enrolledTwice(t, b)
		b.do(ProposeEnrol{Link: otherLink})
		if s := b.state(); s.Prompt == nil || s.Prompt.Proposed != otherHost || s.User.Session != "s1" || s.ZTA.Title != "Protected" {
			t.Fatalf("%s, prompt %+v", s.ZTA.Title, s.Prompt)
		}
		b.do(Enrol{Prompt: b.state().Prompt.ID})
		if s := b.state(); s.Enrolment.Device != "d2" || s.Prompt == nil || s.Prompt.Kind != PromptSignIn || len(s.Apps) > 0 {
			t.Fatalf("enrolled with %+v, prompt %+v", s.Enrolment, s.Prompt)
		}
		b.do(SignIn{Password: "tide"})
		b.closed()
		names := func(s State) (all []string) {
			for _, e := range s.Enrolments {
				all = append(all, e.Label())
			}
			return all
		}
		s := b.expectPhase(ControlEstablished)
		if s.User.Session != "s2" || !slices.Equal(names(s), []string{"Example", "Other"}) {
			t.Fatalf("session %s, %q", s.User.Session, names(s))
		}
		for range 2 {
			b.do(SwitchEnrolment{"d1"})
			b.closed()
			if s = b.expectPhase(ControlEstablished); s.User.Session != "s1" || b.plane.last().Identity.Device != "d1" || s.Prompt != nil {
				t.Fatalf("session %s, flows of %s, prompt %+v", s.User.Session, b.plane.last().Identity.Device, s.Prompt)
			}
			b.do(SwitchEnrolment{"d2"})
			b.closed()
			if s = b.expectPhase(ControlEstablished); s.User.Session != "s2" || b.plane.last().Identity.Device != "d2" {
				t.Fatalf("session %s, flows of %s", s.User.Session, b.plane.last().Identity.Device)
			}
		}
		if b.controller.called("sign-in")+b.controller.called("sign-out")+other.called("sign-out") != 0 || other.called("sign-in") != 1 {
			t.Error("a switch signed in or out")
		}
		var told []string
		for _, e := range s.Events {
			if e.Kind == "enrolled" || e.Kind == "switched" || e.Kind == "signed-out" {
				told = append(told, e.Text)
			}
		}
		want := []string{"Enrolled with Other", "Switched to Example", "Switched to Other", "Switched to Example", "Switched to Other"}
		if d := cmp.Diff(want, told); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
		want = []string{"device-key", "device-key.d2", "session-cookie", "session-cookie.d2"}
		if d := cmp.Diff(want, b.vault.names()); d != "" {
			t.Errorf("kept (-want +got):\n%s", d)
		}
		b.stop()
		<-b.ended
		b.start()
		if s := b.expectPhase(ControlEstablished); s.User.Session != "s2" || s.Prompt != nil {
			t.Fatalf("after a restart: session %s, prompt %+v", s.User.Session, s.Prompt)
		}
		b.do(SwitchEnrolment{"d1"})
		b.closed()
		if s := b.expectPhase(ControlEstablished); s.User.Session != "s1" || s.Prompt != nil {
			t.Fatalf("back after a restart: session %s, prompt %+v", s.User.Session, s.Prompt)
		}
	})
}

// Nothing of the next enrolment reaches the data plane before all of the last is closed.
func TestTheLastIsClosedBeforeTheNextOpens(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.second()
		b.closed()
		b.expectPhase(ControlEstablished)
		b.do(SwitchEnrolment{"d1"})
		for _, open := range []DataplaneFacts{
			{Apps: listening()}, {Sites: map[wire.SiteID]SiteFact{"lab": {State: Connected}}}, {DNS: &DNSFact{}}, {TUN: true},
		} {
			b.s.ReportDataplane(open)
			if a := b.app("wiki"); a.Listen.IsValid() {
				t.Errorf("the last one's address %s is taken for the next one's", a.Listen)
			}
			if s := b.pass(time.Minute); b.plane.last().Session != "" || s.Control.Phase != ControlEstablished {
				t.Fatalf("while %+v is open, flows of %s are wanted; %s", open, b.plane.last().Session, s.Control.Phase)
			}
		}
		b.closed()
		if b.state(); b.plane.last().Session != "s1" || b.plane.last().Identity.Device != "d1" {
			t.Fatalf("and then: %q", b.plane.last().Session)
		}
		// A session is always followed by nothing.
		was := Wanted{}
		for _, w := range b.plane.applied {
			if was.Session != "" && w.Session != "" && w.Session != was.Session {
				t.Errorf("%s followed %s at once", w.Session, was.Session)
			}
			was = w
		}
	})
}

// What is asked of one controller says nothing about the other: late answers are lost.
func TestASignInThatIsLate(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		other := enrolledTwice(t, b)
		b.do(Enrol{Link: otherLink})
		other.holdSignIn = make(chan struct{})
		b.do(SignIn{Password: "tide"})
		b.do(SwitchEnrolment{"d1"})
		b.closed()
		close(other.holdSignIn)
		if s := b.expectPhase(ControlEstablished); s.User.Session != "s1" || b.vault.has("session-cookie.d2") {
			t.Fatalf("session %s", s.User.Session)
		}
	})
}

// Who turned away while an enrolment was asked for keeps the one that is active; the new
// one, whose code is spent, rests.
func TestTurningAwayWhileEnrolling(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		other := enrolledTwice(t, b)
		other.holdEnrol = make(chan struct{})
		b.do(ProposeEnrol{})
		b.do(Enrol{Link: otherLink})
		p := b.state().Prompt
		if p == nil || !p.Busy {
			t.Fatalf("prompt %+v", p)
		}
		b.do(DismissPrompt{p.ID})
		close(other.holdEnrol)
		synctest.Wait()
		s := b.state()
		if s.Enrolment.Device != "d1" || s.User.Session != "s1" || s.Prompt != nil {
			t.Fatalf("%q is active, session %s, prompt %+v", s.Enrolment.Device, s.User.Session, s.Prompt)
		}
		if e := s.Events[len(s.Events)-1]; e.Text != "Enrolled with Other; Example stays in use" {
			t.Errorf("told: %s", e.Text)
		}
		if !b.vault.has("device-key.d2") {
			t.Errorf("kept %q", b.vault.names())
		}
		b.do(SwitchEnrolment{"d2"})
		b.closed()
		b.do(SignIn{Password: "tide"})
		if s := b.expectPhase(ControlEstablished); s.User.Session != "s2" {
			t.Errorf("session %s after the switch", s.User.Session)
		}
	})
}

// One that is forgotten is signed out and gone, with its key, its cookie and its pins;
// the other takes the place of the active one.
func TestForgetting(t *testing.T) {
	for name, c := range map[string]struct {
		gone wire.DeviceID
		left wire.DeviceID
		want []string
	}{
		"the active one":     {"d2", "d1", []string{"device-key", "session-cookie"}},
		"the one that rests": {"d1", "d2", []string{"device-key.d2", "session-cookie.d2"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				other := enrolledTwice(t, b)
				b.do(Pin{"wiki", true})
				b.second()
				b.closed()
				b.do(Pin{"wiki", true})
				b.do(ForgetEnrolment{c.gone})
				b.closed()
				s := b.expectPhase(ControlEstablished)
				if s.Enrolment.Device != c.left || len(s.Enrolments) != 1 || b.records.e.Device != c.left || len(b.records.others) != 0 {
					t.Fatalf("%+v is active of %d; kept %s", s.Enrolment, len(s.Enrolments), b.records.e.Device)
				}
				if d := cmp.Diff(c.want, b.vault.names()); d != "" {
					t.Errorf("keychain (-want +got):\n%s", d)
				}
				if n := b.controller.called("sign-out") + other.called("sign-out"); n != 1 {
					t.Errorf("%d sign-outs", n)
				}
				if p := b.records.choices.Pinned; len(p) != 1 || len(p[c.left]) != 1 {
					t.Errorf("pins: %v", p)
				}
				b.do(ForgetEnrolment{c.left})
				if s := b.state(); s.Enrolment.Enrolled() || len(s.Enrolments) > 0 || s.Prompt == nil || s.Prompt.Kind != PromptEnrol || b.records.e.Device != "" || len(b.vault.names()) > 0 {
					t.Fatalf("the last: %+v, prompt %+v, keychain %q", s.Enrolment, s.Prompt, b.vault.names())
				}
				b.do(Enrol{Link: otherLink})
				if s := b.state(); s.Enrolment.Device != "d2" || !b.vault.has(ItemDeviceKey) {
					t.Errorf("enrolled anew: %+v, %q", s.Enrolment, b.vault.names())
				}
			})
		})
	}
}

// Enrolling with the same controller again takes the place of what was there.
func TestEnrollingAgainReplaces(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.second()
		b.do(Enrol{Link: otherLink})
		s := b.state()
		if len(s.Enrolments) != 2 || s.Enrolment.Device != "d2" || s.Prompt == nil || s.Prompt.Kind != PromptSignIn || b.vault.has("session-cookie.d2") || !b.vault.has("device-key.d2") {
			t.Fatalf("%+v, prompt %+v, keychain %q", s.Enrolments, s.Prompt, b.vault.names())
		}
	})
}

// What cannot be saved does not happen, and a keychain that does not open forgets nothing.
func TestSwitchingInVain(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.vault.mu.Lock()
		b.vault.err = ErrKeychainLocked
		b.vault.mu.Unlock()
		b.second()
		b.closed()
		b.records.stuck = errors.New("no space left on device")
		for _, cmd := range []Command{SwitchEnrolment{"d1"}, ForgetEnrolment{"d1"}} {
			if err := b.s.Do(t.Context(), cmd); err == nil || !strings.Contains(err.Error(), "free some space") {
				t.Errorf("%s: %v", cmd.command(), err)
			}
		}
		for _, cmd := range []Command{SwitchEnrolment{"d9"}, ForgetEnrolment{""}} {
			if err := b.s.Do(t.Context(), cmd); !errors.Is(err, errNoEnrolment) {
				t.Errorf("%s: %v", cmd.command(), err)
			}
		}
		if s := b.expectPhase(ControlEstablished); s.User.Session != "s2" {
			t.Fatalf("session %s", s.User.Session)
		}
		b.records.stuck = nil
		for _, d := range []wire.DeviceID{"d1", "d2"} { // key and cookie are in memory alone
			b.do(SwitchEnrolment{d})
			b.closed()
			if s := b.expectPhase(ControlEstablished); s.Enrolment.Device != d || s.Prompt != nil {
				t.Fatalf("%s: prompt %+v", d, s.Prompt)
			}
		}
		b.do(SwitchEnrolment{"d1"})
		b.vault.mu.Lock()
		b.vault.err = nil
		b.vault.mu.Unlock()
		b.do(Retry{})
		synctest.Wait()
		if !b.vault.has("device-key.d2") || !b.vault.has("session-cookie.d2") {
			t.Errorf("Retry kept %q", b.vault.names())
		}
	})
}

// many are controllers of any number of organisations, by their addresses.
type many struct{ *fakeController }

func (m many) Enrol(ctx context.Context, l wire.EnrolmentLink, key crypto.Signer) (Enrolled, error) {
	e, err := m.fakeController.Enrol(ctx, l, key)
	name, _, _ := strings.Cut(l.Controller, ".")
	e.Enrolment = Enrolment{Controller: l.Controller, Name: name, User: "maya", Device: wire.DeviceID(name)}
	return e, err
}

// A device may have very many enrolments, made while the keychain was locked: a Retry
// asks its user once, whether it opens or not, and then all are kept; and each is
// forgotten by itself.
func TestFiftyEnrolments(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.both = many{b.controller}
		b.vault.set(ErrKeychainLocked)
		b.start()
		const n = 50
		for i := range n {
			b.do(Enrol{Link: Secret(strings.Replace(string(goodLink), "zta.example", fmt.Sprintf("o%02d.example", i), 1))})
			b.do(SignIn{Password: "tide"})
			b.closed()
		}
		b.vault.inVain()
		b.do(ForgetEnrolment{"o07"})
		if asked := b.vault.inVain(); asked != 1 {
			t.Errorf("forgetting asks %d times", asked)
		}
		b.do(Retry{})
		if asked := b.vault.inVain(); asked != 1 {
			t.Errorf("Retry asks %d times", asked)
		}
		b.vault.set(nil)
		b.do(Retry{})
		if s := b.state(); len(b.vault.names()) != 2*(n-1) || len(b.records.gone) > 0 || len(s.Enrolments) != n-1 || len(s.Problems) > 0 {
			t.Fatalf("%d enrolments, %d items, to go %q, told %+v", len(s.Enrolments), len(b.vault.names()), b.records.gone, s.Problems)
		}
		for _, e := range b.state().Enrolments {
			b.do(ForgetEnrolment{e.Device})
			b.closed()
		}
		if s := b.state(); len(s.Enrolments) > 0 || len(b.vault.names()) > 0 || len(b.records.gone) > 0 {
			t.Errorf("%d enrolments, keychain %q, to go %q", len(s.Enrolments), b.vault.names(), b.records.gone)
		}
	})
}
