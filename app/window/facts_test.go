package window

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
)

// Where the words of the facts need all the room, their signs make way, and come
// back.
func TestFactsAreReadWhole(t *testing.T) {
	b := newSized(t, alwaysDark, 150)
	s := signedIn()
	for _, x := range []struct {
		until time.Duration
		signs bool
	}{{time.Hour, true}, {24 * time.Hour, false}, {2 * time.Hour, true}} {
		s.Revision++
		s.User.Expires = s.At.Add(x.until)
		b.apply(s)
		b.win.Resize(b.root.fitting(fyne.NewSize(defaultWidth, defaultHeight)))
		rows := b.side.facts.rows[:len(b.side.facts.items)]
		last := rows[len(rows)-1]
		if last.name.drawn.Text != last.name.text {
			t.Errorf("of %q only %q is to be read", last.name.text, last.name.drawn.Text)
		}
		if got := last.glyph.Visible(); got != x.signs {
			t.Errorf("with %q the signs show: %v", last.value.text, got)
		}
	}
}
