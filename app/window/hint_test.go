package window

import (
	"testing"
	"time"

	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/session"
)

// What a sign without words does is said below it, a moment after the pointer has come or
// the focus has, inside the window, until they leave or another page shows.
func TestHint(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	small(b)
	b.pages.show(session.PageHome)
	rests := func(d time.Duration) {
		b.now = b.now.Add(d)
		b.rings()
	}
	expect := func(when, want string) {
		t.Helper()
		got := ""
		if b.hint.Visible() {
			got = b.hint.text.text
		}
		if got != want {
			t.Errorf("%s: the hint is %q, want %q", when, got, want)
		}
	}
	today, home, settings := b.pages.tabs[session.PageToday], b.pages.tabs[session.PageHome], b.pages.tabs[session.PageSettings]
	today.MouseIn(&desktop.MouseEvent{})
	rests(hintAfter / 2)
	expect("in passing", "")
	rests(hintAfter)
	expect("the pointer rests", "Today")
	today.MouseOut()
	expect("the pointer leaves", "")
	home.MouseIn(&desktop.MouseEvent{})
	rests(hintAfter)
	expect("on a tab with its word", "")
	home.MouseOut()
	settings.MouseIn(&desktop.MouseEvent{})
	settings.MouseOut()
	settings.MouseIn(&desktop.MouseEvent{})
	rests(hintAfter)
	expect("come again", "Settings")
	settings.MouseOut()
	b.canvas().Focus(settings)
	rests(hintAfter)
	expect("focused", "Settings")
	at, size := b.hint.Position(), b.hint.Size()
	if all := b.canvas().Size(); at.X < 0 || at.X+size.Width > all.Width || at.Y < settings.Size().Height || at.Y+size.Height > all.Height {
		t.Errorf("it is at %v, %v large, in a window of %v", at, size, all)
	}
	b.pages.show(session.PageSettings)
	expect("pressed", "")

	// Over a dialog it is part of that.
	b.pages.apps.open("orders")
	b.canvas().Unfocus()
	pin := b.layer.face.(*detail).pin
	pin.MouseIn(&desktop.MouseEvent{})
	rests(hintAfter)
	expect("in a dialog", pin.name)
	if m := b.layer.modal; m.parts[len(m.parts)-1] != b.hint.line {
		t.Error("it lies below the dialog")
	}
	b.layer.escape()
	expect("the dialog is closed", "")
}
