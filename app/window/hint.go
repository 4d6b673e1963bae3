package window

import (
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// hint says what a button does that shows a sign alone, while the pointer rests on it or
// it has the focus.
type hint struct {
	*line
	text *label
	of   *button // nil: none
	turn int     // of the last button
}

// hintAfter is for how long a pointer rests on what is looked at.
const hintAfter = 600 * time.Millisecond

func newHint() *hint {
	h := &hint{text: newLabel("", font{size: 12, weight: assets.Medium, role: roleGround})}
	h.line = newLine(0, pads(6, 10), newSurface(roleText, "", 8), h.text)
	h.Hide()
	return h
}

// hintAt follows the pointer and the focus to b, or away from it.
func (w *Window) hintAt(b *button) {
	rests := (b.over || b.focused) && b.text == "" && b.name != ""
	switch {
	case !rests && w.hint.of == b:
		w.unhint()
	case rests && w.hint.of != b:
		w.unhint()
		w.hint.of = b
		turn := w.hint.turn
		w.clock.at(w.options.Now().Add(hintAfter), func() {
			if w.hint.turn == turn && b.Visible() && b.text == "" {
				w.placeHint()
			}
		})
	}
}

func (w *Window) unhint() {
	w.hint.of = nil
	w.hint.turn++
	w.hint.Hide()
}

// placeHint shows the hint below its button, or above where that is the window's end.
func (w *Window) placeHint() {
	const gap, rim = 6, 4
	b := w.hint.of
	w.hint.text.set(typeset(b.name))
	w.root.hold(w.layer.modal)
	all, size, at := w.canvas().Size(), w.hint.MinSize(), fyne.CurrentApp().Driver().AbsolutePositionForObject(b)
	x := at.X + (b.Size().Width-size.Width)/2
	y := at.Y + b.Size().Height + gap
	if y+size.Height > all.Height-rim {
		y = at.Y - gap - size.Height
	}
	place(w.hint.line, max(rim, min(x, all.Width-rim-size.Width)), y, size.Width, size.Height)
	relayout(w.hint.line)
	w.hint.Show()
}
