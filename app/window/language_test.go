package window

import (
	"testing"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// english has the process speak English again after a test.
func english(t testing.TB) {
	t.Cleanup(func() { lang.Set("en"); translate() })
}

// in is a state of somebody who chose a language.
func in(tag string, s session.State) session.State {
	s.Choices.Language = tag
	return s
}

// What the user looks at stays where it is while its words change.
func TestLanguageChangesAtOnce(t *testing.T) {
	english(t)
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	b.pages.show(session.PageSettings)
	small(b)
	b.pages.settings.scroll.ScrollToOffset(fyne.NewPos(0, 20))
	b.focusOn("Dark")
	b.apply(in("de", signedIn()))
	if e := b.labels()["Dunkel"]; !e.Focused {
		t.Errorf("the button Dunkel is %+v", e)
	}
	if y := b.pages.settings.scroll.Offset.Y; y != 20 {
		t.Errorf("the page was scrolled by 20, and is by %v", y)
	}
	b.says("Einstellungen")
	b.silent("Settings")
	b.apply(in("en", signedIn()))
	b.says("Settings")
	b.silent("Einstellungen")
}

// What is typed is not lost: the window waits for the end of the dialog.
func TestLanguageWaitsForWhoTypes(t *testing.T) {
	english(t)
	b := newBench(t, alwaysDark)
	b.apply(signInPrompt())
	b.apply(in("fr", signInPrompt()))
	b.says("Mot de passe")
	b.typed("secret")
	b.apply(in("de", signInPrompt()))
	b.says("Mot de passe")
	if d := b.layer.face.(*signingIn); d.password.input.Text != "secret" {
		t.Errorf("of what was typed %q is left", d.password.input.Text)
	}
	b.apply(in("de", signedIn()))
	b.says("Anwendungen")
}

// The search and what it has found outlast a change of language, and the dialog
// of an application does.
func TestLanguageKeepsWhatIsOpen(t *testing.T) {
	english(t)
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	b.pages.apps.search.SetText("order")
	b.pages.apps.open("orders")
	b.apply(in("es", signedIn()))
	b.says("Cerrar", "Order desk")
	if b.pages.apps.search.Text != "order" || len(b.pages.apps.found) != 1 {
		t.Errorf("the search is %q and has found %d", b.pages.apps.search.Text, len(b.pages.apps.found))
	}
}

// A caret blinks for as long as its line has the focus: the one that is gone has none,
// and in the new one it stands where it stood.
func TestLanguageMovesTheCaret(t *testing.T) {
	english(t)
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	b.pages.show(session.PageApplications)
	was := b.pages.apps.search
	b.canvas().Focus(was)
	b.typed("ord")
	b.apply(in("de", signedIn()))
	if was.ring.Visible() {
		t.Error("the search that is gone still has the focus")
	}
	if now := b.pages.apps.search; now == was || b.canvas().Focused() != fyne.Focusable(now) {
		t.Errorf("the focus is on %T", b.canvas().Focused())
	}
	if b.typed("er"); b.pages.apps.search.Text != "order" {
		t.Errorf("who types on has typed %q", b.pages.apps.search.Text)
	}
}

// focusOn gives the focus to what has that name.
func (b *bench) focusOn(label string) {
	b.t.Helper()
	for _, o := range partsOf(b.root) {
		if e, ok := (&inspection{}).describe(o); ok && e.Label == label {
			if f, ok := o.(fyne.Focusable); ok {
				b.canvas().Focus(f)
				return
			}
		}
	}
	b.t.Fatalf("there is nothing called %q", label)
}
