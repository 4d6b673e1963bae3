package window

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// The least window is at home on a small screen and beside another one, whatever the
// language.
func TestLeastWindow(t *testing.T) {
	for percent, most := range map[int]fyne.Size{100: fyne.NewSize(640, 600), 125: fyne.NewSize(800, 660), 150: fyne.NewSize(960, 720)} {
		for _, tag := range []string{"en", "de", "fr", "es"} {
			t.Run(fmt.Sprint(tag, percent), func(t *testing.T) {
				english(t)
				b := newSized(t, alwaysDark, percent)
				for _, s := range []session.State{signedIn(), lost(), signedOut(), notEnrolled()} {
					b.apply(in(tag, s))
					if least := b.root.MinSize(); least.Width > most.Width || least.Height > most.Height {
						t.Errorf("the least window is %v", least)
					}
				}
			})
		}
	}
}

// Made narrow and wide again, a window shows what it showed, and who types goes on.
func TestNarrowAndBack(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	usual, before := b.canvas().Size(), b.elements()
	search := b.pages.apps.search
	b.canvas().Focus(search)
	b.typed("o")
	b.win.Resize(b.root.MinSize())
	if b.canvas().Focused() != fyne.Focusable(search) || search.Text != "o" {
		t.Errorf("%v has the focus, and %q was typed", b.canvas().Focused(), search.Text)
	}
	for _, e := range b.elements() {
		if e.Label == "Session until" {
			t.Error("the facts stand in a narrow window")
		}
	}
	search.SetText("")
	for _, f := range []fyne.Focusable{b.side.button, b.side.user} {
		b.win.Resize(b.root.MinSize())
		b.canvas().Focus(f)
		b.win.Resize(usual)
		if b.canvas().Focused() != f {
			t.Errorf("%T has lost the focus", f)
		}
	}
	b.canvas().Unfocus()
	if got := b.elements(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("got %v, want %v", got, before)
	}
}

// No word of the side is broken in a narrow window, whatever it says.
func TestNarrowWordsAreWhole(t *testing.T) {
	english(t)
	titles := []string{"Protected", "Action needed", "Reconnecting", "Connecting", "Controller not reached", "Signed out", "Not enrolled", "Keychain", "Starting", "Tidegate has ended", "Tidegate has stopped"}
	for _, percent := range []int{100, 125, 150} {
		b := newSized(t, alwaysDark, percent)
		b.win.Resize(b.root.MinSize())
		for _, tag := range []string{"en", "de", "fr", "es"} {
			lang.Set(tag)
			for _, title := range titles {
				b.side.word.set(lang.T(title))
				if got := strings.Join(b.side.word.breakAt(b.side.word.Size().Width), " "); got != b.side.word.text {
					t.Errorf("%s at %d %%: %q", tag, percent, got)
				}
			}
		}
	}
}
