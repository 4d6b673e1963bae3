package window

import (
	"errors"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/google/go-cmp/cmp"
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
		{"sign in", noCode, func(b *bench) { b.typed("pass word"); b.key(fyne.KeyReturn) }, session.SignIn{Password: "pass word"}},
		{"sign in with a code", signInPrompt(), func(b *bench) {
			b.typed("pw")
			b.key(fyne.KeyReturn) // goes on to the code
			b.typed("12 34-56")
			b.key(fyne.KeyReturn)
		}, session.SignIn{Password: "pw", Code: "123456"}},
		{"sign in with the last digit", signInPrompt(), func(b *bench) { b.typed("pw"); b.key(fyne.KeyReturn); b.typed("123456") }, session.SignIn{Password: "pw", Code: "123456"}},
		{"sign in, code first", signInPrompt(), func(b *bench) {
			b.canvas().FocusNext()
			b.canvas().FocusNext()
			b.typed("123456") // goes back to the password
			b.typed("pw")
			b.key(fyne.KeyReturn)
		}, session.SignIn{Password: "pw", Code: "123456"}},
		{"sign in without the code", signInPrompt(), func(b *bench) {
			b.typed("pw")
			b.canvas().FocusNext()
			b.canvas().FocusNext()
			b.typed("123")
			b.key(fyne.KeyReturn)
		}, nil},
		{"sign in later", signInPrompt(), func(b *bench) { b.key(fyne.KeyEscape) }, session.DismissPrompt{Prompt: "s1"}},
		{"code", mfaPrompt(), func(b *bench) { b.typed("123456"); b.key(fyne.KeyReturn) }, session.Answer{Prompt: "i1", MFA: "123456"}},
		{"code by its last digit", mfaPrompt(), func(b *bench) { b.typed("123456") }, session.Answer{Prompt: "i1", MFA: "123456"}},
		{"code, half", mfaPrompt(), func(b *bench) { b.typed("12345"); b.key(fyne.KeyReturn) }, nil},
		{"code later", mfaPrompt(), func(b *bench) { b.press("Later") }, session.DismissPrompt{Prompt: "i1"}},
		{"password", only(wire.InteractionPassword, ""), func(b *bench) { b.typed("pw"); b.press("Verify") }, session.Answer{Prompt: "i1", Password: "pw"}},
		{"reason", only(wire.InteractionReason, "Which ticket?"), func(b *bench) { b.typed("4711"); b.press("Continue") }, session.Answer{Prompt: "i1", Reason: "4711"}},
		{"message", only(wire.InteractionMessage, "Be careful."), func(b *bench) { b.key(fyne.KeyReturn) }, session.Answer{Prompt: "i1"}},
		{"everything", everythingPrompt(), func(b *bench) {
			b.typed("123456")
			b.canvas().FocusNext()
			b.typed("pw")
			b.canvas().FocusNext() // the eye
			b.canvas().FocusNext()
			b.typed("why")
			b.key(fyne.KeyReturn)
		}, session.Answer{Prompt: "i2", MFA: "123456", Password: "pw", Reason: "why"}},
		{"the first choice, with its last digit", choicePrompt(), func(b *bench) { b.typed("123456") }, session.Answer{Prompt: "i3", Choice: wire.InteractionMFA, MFA: "123456"}},
		{"another choice, and nothing of the first", choicePrompt(), func(b *bench) {
			b.typed("12345")
			b.press("Password")
			b.typed("pw") // what it shows has the focus
			b.key(fyne.KeyReturn)
		}, session.Answer{Prompt: "i3", Choice: wire.InteractionPassword, Password: "pw"}},
		{"a choice by the keyboard", choicePrompt(), func(b *bench) {
			b.canvas().FocusPrevious() // Message
			b.canvas().FocusPrevious() // Password
			b.key(fyne.KeyRight)
			b.press("Verify")
		}, session.Answer{Prompt: "i3", Choice: wire.InteractionMessage}},
		{"there and back by the keyboard", choicePrompt(), func(b *bench) {
			b.canvas().FocusPrevious()
			b.key(fyne.KeySpace)
			b.key(fyne.KeyLeft)
			b.key(fyne.KeyLeft)
			b.key(fyne.KeyLeft)
			b.canvas().Focus(b.layer.face.(*interacting).code)
			b.typed("123456")
		}, session.Answer{Prompt: "i3", Choice: wire.InteractionMFA, MFA: "123456"}},
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

func TestCodeIsPasted(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(mfaPrompt())
	b.app.Clipboard().SetContent(" 987 654\n")
	code := b.canvas().Focused().(*codeField)
	code.TypedShortcut(&fyne.ShortcutPaste{Clipboard: b.app.Clipboard()})
	if code.digits != "987654" {
		t.Errorf("pasted %q", code.digits)
	}
	if got := b.sent(); got != (session.Answer{Prompt: "i1", MFA: "987654"}) {
		t.Errorf("a pasted code sent %#v", got)
	}
	b.key(fyne.KeyBackspace)
	if code.digits != "987654" {
		t.Errorf("while it is checked the field becomes %q", code.digits)
	}
	b.apply(everythingPrompt())
	code = b.canvas().Focused().(*codeField)
	b.typed("987654")
	if got := b.sent(); got != nil {
		t.Errorf("a code that is not all there is to answer sent %#v", got)
	}
	b.key(fyne.KeyBackspace)
	b.typed("x1٣")
	if code.digits != "987651" {
		t.Errorf("holds %q", code.digits)
	}
}

// What was typed is kept across states that come meanwhile, sent once, and
// forgotten once it was wrong.
func TestWrongAnswer(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := everythingPrompt()
	b.apply(s)
	d := b.layer.face.(*interacting)
	b.typed("123456")
	s.Revision++
	b.apply(s)
	d.password.input.SetText("pw")
	d.reason.input.SetText("because")
	b.press("Verify")
	b.key(fyne.KeyReturn)
	if got := len(b.queue); got != 1 {
		t.Fatalf("%d commands were sent", got)
	}
	b.sent()
	busy := *s.Prompt
	busy.Busy = true
	s.Prompt = &busy
	b.apply(s)
	if e := b.labels()["Checking…"]; e.Kind != "button" || e.Enabled {
		t.Errorf("while an answer is under way the button is %+v", e)
	}
	if !d.code.Disabled() || !d.password.input.Disabled() || !d.reason.input.Disabled() {
		t.Error("a field can be changed while its answer is under way")
	}
	wrong := *s.Prompt
	wrong.Busy, wrong.Error = false, &session.Problem{Title: "That code did not match", Fix: "Enter the next one"}
	s.Prompt = &wrong
	b.apply(s)
	b.says("That code did not match. Enter the next one.")
	if d.code.digits != "" || d.password.input.Text != "" || d.reason.input.Text != "because" {
		t.Errorf("kept %q, %q, %q", d.code.digits, d.password.input.Text, d.reason.input.Text)
	}
	if b.canvas().Focused() != fyne.Focusable(d.code) {
		t.Error("the first field has not the focus again")
	}
	b.typed("1")
	b.says("That code did not match. Enter the next one.")
	s.Prompt = nil
	b.apply(s)
	if b.layer.modal != nil || b.canvas().Overlays().Top() != nil {
		t.Error("the dialog is still open")
	}
}

// A second wrong answer may bring the very same error, and latest-wins may
// skip the busy state: the dialog is usable again all the same.
func TestSameErrorTwice(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := mfaPrompt()
	s.Prompt.Error = &session.Problem{Title: "That code did not match"}
	b.apply(s)
	b.typed("111111")
	b.sent()
	b.apply(s)
	b.now = b.now.Add(sentGrace)
	for _, f := range b.clock.take(b.now) {
		f()
	}
	d := b.layer.face.(*interacting)
	if d.working() || d.code.Disabled() || d.code.digits != "" {
		t.Errorf("working %v, disabled %v, holds %q", d.working(), d.code.Disabled(), d.code.digits)
	}
	b.says("That code did not match.")
}

func TestRefusedCommandIsSaidInTheDialog(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(mfaPrompt())
	b.typed("123456")
	o := <-b.queue
	o.done(errors.New("nothing is asked now"))
	b.says("Nothing is asked now.")
	if b.labels()["Verify"].Enabled != true {
		t.Error("the answer cannot be sent again")
	}
}

func TestLockOutSaysUntilWhen(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := signInPrompt()
	s.Prompt.Error = &session.Problem{Title: "Too many attempts", Until: noon.Add(15 * time.Minute)}
	b.apply(s)
	b.says("Too many attempts. Try again at 14:51.")
	b.typed("pw")
	b.key(fyne.KeyReturn)
	b.typed("123456") // which sends it else
	if len(b.queue) > 0 || b.labels()["Sign in"].Enabled {
		t.Errorf("an answer is sent that none will take, or can be")
	}
	b.now = noon.Add(15 * time.Minute)
	for _, f := range b.clock.take(b.now) {
		f()
	}
	b.silent("Too many attempts. Try again at 14:51.")
	b.press("Sign in")
	if got := b.sent(); got != (session.SignIn{Password: "pw", Code: "123456"}) {
		t.Errorf("sent %#v", got)
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
	if b.layer.key != "prompt interaction i2" || len(b.canvas().Overlays().List()) != 1 {
		t.Errorf("open: %q and %d layers", b.layer.key, len(b.canvas().Overlays().List()))
	}
	b.apply(signInPrompt())
	if b.layer.key != "prompt sign-in s1" || len(b.canvas().Overlays().List()) != 1 {
		t.Errorf("open: %q and %d layers", b.layer.key, len(b.canvas().Overlays().List()))
	}
	b.apply(signedIn())
	if b.layer.key != "app scada" {
		t.Errorf("after the prompts %q is open", b.layer.key)
	}
}

func TestCountdown(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(mfaPrompt())
	b.says("Access lapses in 4:12")
	b.now = b.now.Add(time.Second)
	for _, f := range b.clock.take(b.now) {
		f()
	}
	b.says("Access lapses in 4:11")
	b.apply(signedIn())
	b.now = b.now.Add(time.Hour)
	for _, f := range b.clock.take(b.now) {
		f()
	}
	if _, ticking := b.clock.next(); ticking {
		t.Error("the clock ticks for a dialog that is closed")
	}
}

// What has no end, or is over, is not counted, until there is something to count.
func TestNothingToCount(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := mfaPrompt()
	end := s.Prompt.Deadline
	until := func(at time.Time) {
		p := *s.Prompt
		p.Deadline = at
		s.Prompt = &p
		b.apply(s)
	}
	b.apply(s)
	if n := len(b.clock.take(b.now.Add(time.Second))); n != 1 {
		t.Errorf("%d ticks in the first second", n)
	}
	b.layer.face.(*interacting).ticks = false // it was taken
	ticking := func() bool {
		at, ok := b.clock.next()
		return ok && !at.After(b.now.Add(time.Second))
	}
	until(time.Time{})
	if ticking() {
		t.Error("it ticks without an end")
	}
	until(end)
	until(end)
	if n := len(b.clock.take(b.now.Add(time.Second))); n != 1 {
		t.Errorf("%d ticks in a second", n)
	}
	b.now = end
	b.layer.face.(*interacting).count()
	b.says("Access has lapsed until you answer")
	if ticking() {
		t.Error("it ticks after the end")
	}
}

func TestOpeningApplications(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	b.press("Order desk")
	b.press("Open in browser")
	if got := b.sent(); got != (session.OpenApp{App: "orders"}) {
		t.Errorf("sent %#v", got)
	}
	b.key(fyne.KeyEscape)
	b.press("Bastion host")
	b.press("Copy Local address")
	if got := b.app.Clipboard().Content(); got != "127.83.14.6:2222" {
		t.Errorf("copied %q", got)
	}
	b.press("Copy Decision")
	if got := b.app.Clipboard().Content(); got != "d-9c4b7v2n" {
		t.Errorf("copied %q", got)
	}
	b.press("Copy command")
	if got := b.app.Clipboard().Content(); got != "ssh -p 2222 127.83.14.6" {
		t.Errorf("copied %q", got)
	}
	b.says(openedWord(session.OpenTerminal))
	if got := b.sent(); got != nil {
		t.Errorf("sent %#v", got)
	}
	if e := b.labels()["Close"]; !e.Enabled {
		t.Error("the layer cannot be closed")
	}
	test.TapCanvas(b.canvas(), fyne.NewPos(5, 5))
	if b.layer.modal != nil {
		t.Error("a press beside the layer does not close it")
	}
}

func TestUserMenu(t *testing.T) {
	for _, c := range []struct {
		name, row, button string
		state             session.State
		want              session.Command
	}{
		{"signed in", "Maya Lindqvist", "Sign out", signedIn(), session.SignOut{}},
		{"signed out", "maya", "Sign in", signedOut(), session.ShowPrompt{}},
		{"not enrolled", "Not enrolled", "Enrol this device", notEnrolled(), session.ShowPrompt{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.apply(c.state)
			b.press(c.row)
			b.press(c.button)
			if got := b.sent(); got != c.want {
				t.Errorf("sent %#v", got)
			}
			if b.layer.modal != nil {
				t.Error("the menu is still open")
			}
		})
	}
}

func TestQuitAsksOnlyWhereItCutsSomething(t *testing.T) {
	b := newBench(t, alwaysDark)
	quiet := signedOut()
	b.apply(quiet)
	b.quit()
	if got := b.sent(); got != (session.Quit{}) {
		t.Errorf("sent %#v", got)
	}
	b.apply(signedIn())
	b.quit()
	if got := b.sent(); got != nil {
		t.Fatalf("sent %#v without a question", got)
	}
	b.says("2 applications are in use. Quitting closes their connections.")
	b.key(fyne.KeyEscape)
	quiet.VPN = vpnUp().VPN
	b.apply(quiet)
	b.quit()
	if got := b.sent(); got != nil {
		t.Fatalf("sent %#v without a question, and a VPN is connected", got)
	}
	b.says("The VPN Head office is connected. Quitting disconnects it.")
	b.key(fyne.KeyEscape)
	b.apply(signedIn())
	b.quit()
	b.press("Quit")
	if d := cmp.Diff(session.Command(session.Quit{}), b.sent()); d != "" {
		t.Error(d)
	}
}

// What was missed has a banner and no dialog, unless the user is at it: what was
// typed stays.
func TestMissedPrompt(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(missed())
	if b.layer.modal != nil {
		t.Fatal("a missed prompt has a dialog")
	}
	b.says("Verify to use Bastion host and Sluice control", "Access is blocked until you answer.")
	b.press("Verify")
	if got := b.sent(); got != (session.ShowPrompt{}) {
		t.Errorf("sent %#v", got)
	}
	b.apply(mfaPrompt())
	b.apply(missed())
	if b.layer.modal != nil {
		t.Fatal("a dialog that nobody has touched stays open")
	}
	b.apply(mfaPrompt())
	b.typed("123")
	b.apply(missed())
	if d, ok := b.layer.face.(*interacting); !ok || d.code.digits != "123" {
		t.Fatalf("while the user was at it: %q is open", b.layer.key)
	}
	b.says("Then you can use Bastion host and Sluice control.")
	s := missed()
	s.Prompt.Dismissed = true
	b.apply(s)
	if b.layer.modal != nil {
		t.Error("a dismissed prompt has a dialog")
	}
}

// Another application that joins what is asked does not undo what was typed.
func TestTypedStaysWhenMoreIsAsked(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := everythingPrompt()
	b.apply(s)
	b.typed("123")
	d := b.layer.face.(*interacting)
	b.canvas().Focus(d.password.input)
	b.typed("sec")
	more := everythingPrompt()
	more.Prompt.ID, more.Prompt.Apps = "i2+crm", append(more.Prompt.Apps, "crm")
	b.apply(more)
	b.typed("ret")
	d = b.layer.face.(*interacting)
	if d.prompt.ID != "i2+crm" || d.code.digits != "123" || d.password.input.Text != "secret" {
		t.Errorf("prompt %s: code %q, password %q", d.prompt.ID, d.code.digits, d.password.input.Text)
	}
	// What was answered is not typed for the next one.
	more.Revision++
	p := *more.Prompt
	p.Busy = true
	more.Prompt = &p
	b.apply(more)
	next := everythingPrompt()
	next.Prompt.ID = "i9"
	b.apply(next)
	if d = b.layer.face.(*interacting); d.code.digits != "" || d.password.input.Text != "" {
		t.Errorf("the next prompt: code %q, password %q", d.code.digits, d.password.input.Text)
	}
}

func TestDetailSaysWhatDecides(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(denied(false))
	b.pages.apps.open("scada")
	b.says("What decides", "One-time code", "answered 13:30", "Firewall", "off", "Agent running", "not reported", "Since", "14:18:35", "d-2w8h5t1x")
	b.silent("Your administrator hides the values.")
	b.press("Enter a code")
	if got := b.sent(); got != (session.ShowPrompt{App: "scada"}) {
		t.Errorf("sent %#v", got)
	}
	b.apply(denied(true))
	b.says("One-time code", "This device", "Something that is not known", "Your administrator hides the values.")
	b.silent("Firewall", "off", "answered 13:30")
	s := denied(false)
	for range 5 {
		s.Apps[3].Failing = append(s.Apps[3].Failing, session.Failing{Kind: wire.ReasonGroup, Title: "Groups"})
	}
	b.apply(s)
	b.says("3 more")
	b.apply(signedIn())
	b.silent("What decides", "Firewall")
}

// Until is when access ends, and of what is denied when it is decided again.
func TestDetailSaysWhatUntilMeans(t *testing.T) {
	for _, c := range []struct {
		name    string
		state   session.AppState
		allowed bool
		want    string
	}{
		{"in use", session.AppInUse, true, "Access until"},
		{"about to lapse", session.AppNeedsYou, true, "Access until"},
		{"denied, and curable", session.AppNeedsYou, false, "Decided again"},
		{"denied", session.AppBlocked, false, "Decided again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := signedIn()
			a := &s.Apps[1]
			a.State, a.Allowed, a.Until = c.state, c.allowed, noon.Add(9*time.Minute+5*time.Second)
			if v := detailOf(s, a); v.untilIs != c.want || v.until != "14:45:05" {
				t.Errorf("%q %q", v.untilIs, v.until)
			}
		})
	}
}
