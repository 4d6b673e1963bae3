package window

import (
	"time"

	"github.com/tidegate/tidegate/assets"
)

// toast is a note at the foot of the window that goes away by itself.
type toast struct {
	*line
	text   *label
	number int // of the last note
}

func newToast() *toast {
	t := &toast{text: newLabel("", font{size: 14, weight: assets.Medium, role: roleGround})}
	t.line = newLine(10, pads(11, 18), newSurface(roleText, "", 12), newGlyph("info", true, 18, roleGround), t.text)
	t.Hide()
	return t
}

// say shows a note for some seconds, over whatever is open.
func (w *Window) say(text string) {
	w.toast.number++
	number := w.toast.number
	w.toast.text.set(typeset(text))
	w.placeToast()
	w.toast.Show()
	w.clock.at(w.options.Now().Add(4*time.Second), func() {
		if w.toast.number == number {
			w.toast.Hide()
		}
	})
}

// placeToast puts the note where it is seen: on the open layer, or the window.
func (w *Window) placeToast() {
	w.root.hold(w.layer.modal)
	s, min := w.canvas().Size(), w.toast.MinSize()
	place(w.toast.line, (s.Width-min.Width)/2, s.Height-min.Height-24, min.Width, min.Height)
	relayout(w.toast.line)
}
