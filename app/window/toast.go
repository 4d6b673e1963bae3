package window

import (
	"time"

	"fyne.io/fyne/v2"
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
	w.root.hold(w.toast, w.layer.modal)
	s, min := w.canvas().Size(), w.toast.MinSize()
	place(w.toast.line, (s.Width-min.Width)/2, s.Height-min.Height-24, min.Width, min.Height)
	relayout(w.toast.line)
}

// root is the window's content: the side, the pages, and the note over them.
type root struct {
	node
	w      *Window
	ground *surface
	edge   *surface
}

// The width of the side, and the least that the pages take beside it, at the
// usual size of text, and the least height: a screen of 1280 by 800 pixels holds
// the window at a scale of 1.5, whether of everything or of the text.
const (
	sideWidth  = 300
	leastPages = 540
	leastHigh  = 480
)

// sideRoom is the width of the side: its words are few, and need less more room
// than they grow.
func sideRoom() float32 { return (sideWidth + em(sideWidth)) / 2 }

func newRoot(w *Window) *root {
	r := &root{w: w, ground: newSurface(roleGround, "", 0), edge: newSurface(roleLine, "", 0)}
	r.parts = []fyne.CanvasObject{r.ground, w.side, r.edge, w.pages, w.toast.line}
	r.least = func() fyne.Size {
		return fyne.NewSize(sideRoom()+em(leastPages), max((leastHigh+em(leastHigh))/2, w.side.MinSize().Height))
	}
	r.arrange = func(s fyne.Size) {
		r.ground.Resize(s)
		side := sideRoom()
		place(w.side, 0, 0, side, s.Height)
		place(r.edge, side, 0, 1, s.Height)
		place(w.pages, side+1, 0, s.Width-side-1, s.Height)
		if w.toast.Visible() {
			w.placeToast()
		}
		if m := w.layer.modal; m != nil && m.corner != nil {
			m.settle() // it hangs on the side
		}
	}
	r.ExtendBaseWidget(r)
	return r
}

// hold makes the note part of the layer, where there is one, so that it is
// drawn over it.
func (r *root) hold(t *toast, m *modal) {
	without := func(parts []fyne.CanvasObject) []fyne.CanvasObject {
		if n := len(parts); n > 0 && parts[n-1] == fyne.CanvasObject(t.line) {
			return parts[:n-1]
		}
		return parts
	}
	r.parts = without(r.parts)
	if m != nil {
		m.parts = append(without(m.parts), t.line)
		return
	}
	r.parts = append(r.parts, t.line)
}
