package window

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

const wholeLink = "tidegate:enrol?controller=gate.harbour.example%3A443&ca=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&code=c&name=Harbour+Logistics"

// enrolledThrice is signed in, and enrolled with two others.
func enrolledThrice() session.State {
	s := signedIn()
	s.Enrolments = []session.Enrolment{
		{Controller: "gate.harbour.example:443", Name: "Harbour Logistics", User: "maya.lindqvist", Device: "d-harbour"},
		{Controller: "zta.municipal-waterworks.example:8443", User: "contractor-17", Device: "d-water"},
		s.Enrolment,
	}
	return s
}

// adding is asked for another enrolment's link.
func adding() session.State {
	s := enrolledThrice()
	s.Prompt = &session.Prompt{ID: "enrol", Kind: session.PromptEnrol}
	return s
}

// clicked is asked about a link that was clicked, on a device that is enrolled or not.
func clicked(s session.State) session.State {
	l, err := wire.ParseEnrolmentLink(wholeLink)
	if err != nil {
		panic(err)
	}
	s.Prompt = &session.Prompt{ID: "enrol-1", Kind: session.PromptEnrol, Proposed: l.Controller, Organisation: l.Name, Fingerprint: l.Fingerprint()}
	return s
}

func enrolmentScenes() []scene {
	refused := enrolPrompt()
	refused.Prompt.Error = &session.Problem{Title: "This link has been used, or is too old", Fix: "Ask your administrator for a new one."}
	paste := func(b *bench) { b.app.Clipboard().SetContent(wholeLink); b.press("Paste") }
	return []scene{
		{"enrolments", enrolledThrice(), func(b *bench) { b.menu = true; b.settle() }},
		{"small-enrolments", enrolledThrice(), func(b *bench) { small(b); b.menu = true; b.settle() }},
		{"enrolment-forget", enrolledThrice(), func(b *bench) { b.forgetting = enrolledThrice().Enrolment.Device; b.settle() }},
		{"enrolment-add", adding(), nil},
		{"enrol-pasted", enrolPrompt(), paste},
		{"small-enrol-pasted", enrolPrompt(), func(b *bench) { small(b); paste(b) }},
		{"enrol-no-link", enrolPrompt(), func(b *bench) { b.app.Clipboard().SetContent("hunter2"); b.press("Paste") }},
		{"enrol-refused", refused, paste},
		{"enrol-clicked", clicked(notEnrolled()), nil},
		{"enrolment-clicked", clicked(enrolledThrice()), nil},
	}
}

// Another enrolment is two clicks away, the active one is marked in words, and a third
// thing adds one.
func TestSwitchingInTheMenu(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(enrolledThrice())
	for _, c := range []struct {
		label string
		want  session.Command
	}{
		{"Switch to Harbour Logistics · maya.lindqvist", session.SwitchEnrolment{Device: "d-harbour"}},
		{"Active: " + enrolledAs(signedIn().Enrolment), nil},
		{"Add another…", session.ProposeEnrol{}},
	} {
		b.press("Maya Lindqvist")
		b.press(c.label)
		if got := b.sent(); got != c.want {
			t.Errorf("%s: sent %#v", c.label, got)
		}
		if b.layer.modal != nil {
			t.Errorf("%s: the menu is still open", c.label)
		}
	}
	// What has changed under the menu is not pressed by mistake.
	b.press("Maya Lindqvist")
	next := enrolledThrice()
	next.Enrolments = next.Enrolments[1:]
	b.apply(next)
	if b.layer.modal != nil {
		t.Error("the menu offers what is no more")
	}
}

// Forgetting asks first, and nothing is forgotten by Escape, nor by an Enter too many.
func TestForgettingAsks(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(enrolledThrice())
	ask := func() {
		b.press("Maya Lindqvist")
		b.press("Forget Harbour Logistics…")
	}
	for _, away := range []fyne.KeyName{fyne.KeyEscape, fyne.KeyReturn} { // Cancel has the focus
		ask()
		b.says("Forget Harbour Logistics?")
		b.key(away)
		if got := b.sent(); got != nil || b.layer.modal != nil {
			t.Fatalf("%s: sent %#v", away, got)
		}
	}
	ask()
	b.press("Forget")
	if got := b.sent(); got != (session.ForgetEnrolment{Device: "d-harbour"}) {
		t.Errorf("sent %#v", got)
	}
	ask()
	gone := enrolledThrice()
	gone.Enrolments = gone.Enrolments[1:]
	b.apply(gone)
	if b.layer.modal != nil {
		t.Error("the question is about nothing")
	}
}

// Whose controller it is shows before anything is sent; the clipboard is looked at when
// Paste is pressed, and what is no link is not taken from it.
func TestPastingALink(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.app.Clipboard().SetContent("hunter2")
	b.apply(enrolPrompt())
	b.press("Paste")
	b.says("What is on the clipboard is no enrolment link. Copy the whole link that your administrator sent you, then press Paste.")
	if f := b.layer.face.(*enrolling); f.link.input.Text != "" {
		t.Error("something else was taken from the clipboard")
	}
	b.app.Clipboard().SetContent("  " + wholeLink + "\n")
	b.press("Paste")
	b.says("Harbour Logistics, as the link says")
	b.says("gate.harbour.example:443")
	b.says(strings.TrimSpace(strings.Repeat("0000 ", 16)))
	if got := b.sent(); got != nil {
		t.Fatalf("sent %#v at once", got)
	}
	b.key(fyne.KeyReturn)
	if got := b.sent(); got != (session.Enrol{Link: wholeLink}) {
		t.Errorf("sent %#v", got)
	}
}
