package window

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestDialogsAnswerExactly(t *testing.T) {
	only := func(k wire.InteractionKind, text string) session.State {
		s := mfaPrompt()
		s.Prompt.Interactions = []wire.Interaction{{Kind: k, Message: text}}
		return s
	}
	noCode := signInPrompt()
	noCode.Prompt.Code = false
	link := wire.EnrolmentLink{Controller: "zta.example:8443", Code: "abc"}.String()
	for _, c := range []struct {
		name  string
		state session.State
		do    func(*bench)
		want  session.Command
	}{
		{"enrol", enrolPrompt(), func(b *bench) { b.typed(link); b.key(fyne.KeyReturn) }, session.Enrol{Link: session.Secret(link)}},
		{"enrol by the button", enrolPrompt(), func(b *bench) { b.typed(link); b.press("Enrol") }, session.Enrol{Link: session.Secret(link)}},
		{"a clicked link, confirmed", proposedPrompt(), func(b *bench) { b.press("Enrol") }, session.Enrol{Prompt: "enrol-1"}},
		{"a clicked link, by the keyboard", proposedPrompt(), func(b *bench) { b.key(fyne.KeySpace) }, session.Enrol{Prompt: "enrol-1"}},
		{"enrol with a damaged link", enrolPrompt(), func(b *bench) { b.typed("tidegate:enrol?x"); b.press("Enrol") }, nil},
		{"sign in", noCode, func(b *bench) { b.typed("pass word"); b.key(fyne.KeyReturn) }, session.SignIn{Device: "x4k9-m2p7-q8dz", Password: "pass word"}},
		{"sign in with a code", signInPrompt(), func(b *bench) {
			b.typed("pw")
			b.key(fyne.KeyReturn) // goes on to the code
			b.typed("12 34-56")
			b.key(fyne.KeyReturn)
		}, session.SignIn{Device: "x4k9-m2p7-q8dz", Password: "pw", Code: "123456"}},
		{"sign in with the last digit", signInPrompt(), func(b *bench) { b.typed("pw"); b.key(fyne.KeyReturn); b.typed("123456") }, session.SignIn{Device: "x4k9-m2p7-q8dz", Password: "pw", Code: "123456"}},
		{"sign in, code first", signInPrompt(), func(b *bench) {
			b.canvas().FocusNext()
			b.canvas().FocusNext()
			b.typed("123456") // goes back to the password
			b.typed("pw")
			b.key(fyne.KeyReturn)
		}, session.SignIn{Device: "x4k9-m2p7-q8dz", Password: "pw", Code: "123456"}},
		{"sign in without the code", signInPrompt(), func(b *bench) {
			b.typed("pw")
			b.canvas().FocusNext()
			b.canvas().FocusNext()
			b.typed("123")
			b.key(fyne.KeyReturn)
		}, nil},
		{"sign in later", signInPrompt(), func(b *bench) { b.key(fyne.KeyEscape) }, session.DismissPrompt{Prompt: "s1"}},
		{"code", mfaPrompt(), func(b *bench) { b.typed("123456"); b.key(fyne.KeyReturn) }, session.Answer{Prompt: "i1", Device: "x4k9-m2p7-q8dz", MFA: "123456"}},
		{"code by its last digit", mfaPrompt(), func(b *bench) { b.typed("123456") }, session.Answer{Prompt: "i1", Device: "x4k9-m2p7-q8dz", MFA: "123456"}},
		{"code, half", mfaPrompt(), func(b *bench) { b.typed("12345"); b.key(fyne.KeyReturn) }, nil},
		{"code later", mfaPrompt(), func(b *bench) { b.press("Later") }, session.DismissPrompt{Prompt: "i1"}},
		{"password", only(wire.InteractionPassword, ""), func(b *bench) { b.typed("pw"); b.press("Verify") }, session.Answer{Prompt: "i1", Device: "x4k9-m2p7-q8dz", Password: "pw"}},
		{"reason", only(wire.InteractionReason, "Which ticket?"), func(b *bench) { b.typed("4711"); b.press("Continue") }, session.Answer{Prompt: "i1", Device: "x4k9-m2p7-q8dz", Reason: "4711"}},
		{"message", only(wire.InteractionMessage, "Be careful."), func(b *bench) { b.key(fyne.KeyReturn) }, session.Answer{Prompt: "i1", Device: "x4k9-m2p7-q8dz"}},
		{"everything", everythingPrompt(), func(b *bench) {
			b.typed("123456")
			b.canvas().FocusNext()
			b.typed("pw")
			b.canvas().FocusNext() // the eye
			b.canvas().FocusNext()
			b.typed("why")
			b.key(fyne.KeyReturn)
		}, session.Answer{Prompt: "i2", Device: "x4k9-m2p7-q8dz", MFA: "123456", Password: "pw", Reason: "why"}},
		{"the first choice, with its last digit", choicePrompt(), func(b *bench) { b.typed("123456") }, session.Answer{Prompt: "i3", Device: "x4k9-m2p7-q8dz", Choice: wire.InteractionMFA, MFA: "123456"}},
		{"another choice, and nothing of the first", choicePrompt(), func(b *bench) {
			b.typed("12345")
			b.press("Password")
			b.typed("pw") // what it shows has the focus
			b.key(fyne.KeyReturn)
		}, session.Answer{Prompt: "i3", Device: "x4k9-m2p7-q8dz", Choice: wire.InteractionPassword, Password: "pw"}},
		{"a choice by the keyboard", choicePrompt(), func(b *bench) {
			b.canvas().FocusPrevious() // Message
			b.canvas().FocusPrevious() // Password
			b.key(fyne.KeyRight)
			b.press("Verify")
		}, session.Answer{Prompt: "i3", Device: "x4k9-m2p7-q8dz", Choice: wire.InteractionMessage}},
		{"there and back by the keyboard", choicePrompt(), func(b *bench) {
			b.canvas().FocusPrevious()
			b.key(fyne.KeySpace)
			b.key(fyne.KeyLeft)
			b.key(fyne.KeyLeft)
			b.key(fyne.KeyLeft)
			b.canvas().Focus(b.layer.face.(*interacting).code)
			b.typed("123456")
		}, session.Answer{Prompt: "i3", Device: "x4k9-m2p7-q8dz", Choice: wire.InteractionMFA, MFA: "123456"}},
		{"a choice that is not complete", choicePrompt(), func(b *bench) { b.press("Password"); b.press("Later") }, session.DismissPrompt{Prompt: "i3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.apply(c.state)
			c.do(b)
			if got := b.sent(); got != c.want {
				t.Errorf("sent %#v, want %#v", got, c.want)
			}
			if more := b.sent(); more != nil {
				t.Errorf("and then %#v", more)
			}
		})
	}
}

func TestRefusedCommandIsSaidInTheDialog(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(mfaPrompt())
	b.typed("123456")
	o := b.order()
	o.done(errors.New("nothing is asked now"))
	b.says("Nothing is asked now.")
	if b.labels()["Verify"].Enabled != true {
		t.Error("the answer cannot be sent again")
	}
}

func TestOneDialogAtATime(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := mfaPrompt()
	p := *s.Prompt
	p.Dismissed = true
	s.Prompt = &p
	b.apply(s)
	if b.layer.modal != nil {
		t.Fatal("a dismissed prompt has a dialog")
	}
	b.says("Verify to keep Bastion host and Sluice control")
	b.press("Verify")
	if got := b.sent(); got != (session.ShowPrompt{}) {
		t.Errorf("sent %#v", got)
	}
	b.pages.apps.open("scada")
	b.press("Enter a code")
	if got := b.sent(); got != (session.ShowPrompt{App: "scada"}) {
		t.Errorf("sent %#v", got)
	}
	b.apply(everythingPrompt())
	if !strings.HasPrefix(b.layer.key, "prompt interaction i2 ") || len(b.canvas().Overlays().List()) != 1 {
		t.Errorf("open: %q and %d layers", b.layer.key, len(b.canvas().Overlays().List()))
	}
	b.apply(signInPrompt())
	if !strings.HasPrefix(b.layer.key, "prompt sign-in s1 ") || len(b.canvas().Overlays().List()) != 1 {
		t.Errorf("open: %q and %d layers", b.layer.key, len(b.canvas().Overlays().List()))
	}
	b.apply(signedIn())
	if b.layer.key != "app scada" {
		t.Errorf("after the prompts %q is open", b.layer.key)
	}
}
