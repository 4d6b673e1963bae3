package window

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

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
	if first, second := b.sent(), b.sent(); first == nil || second != nil {
		t.Fatalf("%v was sent, and then %v", first, second)
	}
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
	b.rings() // a page may want to look ahead again
	b.says("Access has lapsed until you answer")
	if ticking() {
		t.Error("it ticks after the end")
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

// What was typed for one organisation does not end in another, however soon that asks
// the same.
func TestTypedIsForOneEnrolment(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signInPrompt())
	b.typed("hunter2")
	other := signInPrompt()
	other.Enrolment.Device = "d-harbour"
	b.apply(other)
	if got := b.layer.face.(*signingIn).password.input.Text; got != "" {
		t.Errorf("the other organisation would be told %q", got)
	}
	b.apply(everythingPrompt())
	d := b.layer.face.(*interacting)
	b.canvas().Focus(d.password.input)
	b.typed("hunter2")
	other = everythingPrompt()
	other.Enrolment.Device = "d-harbour"
	b.apply(other)
	if got := b.layer.face.(*interacting).password.input.Text; got != "" {
		t.Errorf("the other organisation would be told %q", got)
	}
}
