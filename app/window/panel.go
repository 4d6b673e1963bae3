package window

import "fyne.io/fyne/v2"

// panel is a heading over a card that takes the rest of the height.
type panel struct {
	node
	head *label
	card *stack
}

func newPanel(title string, card *stack) *panel {
	s := &panel{head: newLabel(title, headFont), card: card}
	s.parts = []fyne.CanvasObject{s.head, s.card}
	s.least = func() fyne.Size {
		return fyne.NewSize(s.card.MinSize().Width, em(shelfHeadHigh)+s.card.MinSize().Height)
	}
	s.grows = func(w float32) float32 { return em(shelfHeadHigh) + s.card.heightFor(w) }
	s.arrange = func(size fyne.Size) {
		high := em(shelfHeadHigh)
		place(s.head, 2, 0, size.Width-2, high-6)
		place(s.card, 0, high, size.Width, size.Height-high)
	}
	s.ExtendBaseWidget(s)
	return s
}

// pairLeast is how wide a pair has to be, at the usual size of text, for its two to
// stand beside each other.
const pairLeast = 600

// newPair puts two things beside each other where there is room, else below.
func newPair(a, b fyne.CanvasObject) *node {
	const gap = 14
	n := &node{parts: []fyne.CanvasObject{a, b}}
	lay := func(w float32, put bool) float32 {
		switch {
		case !a.Visible() || !b.Visible():
			one := a
			if !a.Visible() {
				one = b
			}
			h := heightOf(one, w)
			if put {
				place(one, 0, 0, w, h)
			}
			return h
		case w >= em(pairLeast):
			half := (w - gap) / 2
			h := max(heightOf(a, half), heightOf(b, half))
			if put {
				place(a, 0, 0, half, h)
				place(b, half+gap, 0, half, h)
			}
			return h
		}
		ha, hb := heightOf(a, w), heightOf(b, w)
		if put {
			place(a, 0, 0, w, ha)
			place(b, 0, ha+gap, w, hb)
		}
		return ha + gap + hb
	}
	n.least = func() fyne.Size { return fyne.NewSize(200, lay(max(200, n.Size().Width), false)) }
	n.grows = func(w float32) float32 { return lay(w, false) }
	n.arrange = func(s fyne.Size) { lay(s.Width, true) }
	n.ExtendBaseWidget(n)
	return n
}
