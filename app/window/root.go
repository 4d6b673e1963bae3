package window

import "fyne.io/fyne/v2"

// root is the window's content: the side, the pages, and what floats over them. It alone
// decides whether the window is wide or narrow, and tells by the width that it gives to
// the side: each part shows what its own width has room for, with the widgets that it
// has, so that nothing loses the focus or what was typed while a window is resized.
type root struct {
	node
	w      *Window
	ground *surface
	edge   *surface
}

// The width of the side, in a wide window and in a narrow one, and the least that the
// pages take beside it, at the usual size of text, and the least height: a narrow
// window is half of a screen of 1280 pixels, and at a scale of 1.5, whether of
// everything or of the text, the whole of one of 1024.
const (
	sideWidth   = 300
	narrowWidth = 96
	leastPages  = 540
	leastHigh   = 480
)

// sideRoom is the width of the side: its words are few, and need less more room
// than they grow.
func sideRoom() float32 { return (sideWidth + em(sideWidth)) / 2 }

// leastWide is how wide a window is at least that is not narrow.
func leastWide() float32 { return sideRoom() + em(leastPages) }

func newRoot(w *Window) *root {
	r := &root{w: w, ground: newSurface(roleGround, "", 0), edge: newSurface(roleLine, "", 0)}
	r.parts = []fyne.CanvasObject{r.ground, w.side, r.edge, w.pages, w.toast.line, w.hint.line}
	r.least = func() fyne.Size {
		return fyne.NewSize(em(narrowWidth)+em(leastPages), max((leastHigh+em(leastHigh))/2, w.side.MinSize().Height))
	}
	r.arrange = func(s fyne.Size) {
		r.ground.Resize(s)
		side := sideRoom()
		if s.Width < leastWide() {
			side = em(narrowWidth)
		}
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

// fitting is a size that the window is to have, or the next that holds what it shows:
// one of the usual width is not narrow, however large the texts.
func (r *root) fitting(s fyne.Size) fyne.Size {
	if s.Width >= defaultWidth {
		s.Width = max(s.Width, leastWide())
	}
	return s.Max(r.MinSize())
}

// hold makes what floats over everything, the note and the hint, part of the layer,
// where there is one, so that it is drawn over it.
func (r *root) hold(m *modal) {
	floats := []fyne.CanvasObject{r.w.toast.line, r.w.hint.line}
	without := func(parts []fyne.CanvasObject) []fyne.CanvasObject {
		if n := len(parts) - len(floats); n >= 0 && parts[n] == floats[0] {
			return parts[:n]
		}
		return parts
	}
	r.parts = without(r.parts)
	if m != nil {
		m.parts = append(without(m.parts), floats...)
		return
	}
	r.parts = append(r.parts, floats...)
}
