package window

import "fyne.io/fyne/v2"

// flow puts its items beside each other, each as wide as it asks to be, and
// begins a new row where one is full.
type flow struct {
	node
	gap, rows float32 // between items, and between rows
}

func newFlow(gap, rows float32, items ...fyne.CanvasObject) *flow {
	f := &flow{gap: gap, rows: rows}
	f.parts = items
	f.arrange = func(s fyne.Size) { f.lay(s.Width, place) }
	f.grows = func(w float32) float32 {
		return f.lay(w, func(fyne.CanvasObject, float32, float32, float32, float32) {})
	}
	f.least = func() fyne.Size {
		var w float32
		for _, o := range f.parts {
			w = max(w, o.MinSize().Width)
		}
		return fyne.NewSize(w, f.grows(max(w, f.Size().Width)))
	}
	f.ExtendBaseWidget(f)
	return f
}

// set replaces the items.
func (f *flow) set(items ...fyne.CanvasObject) {
	f.parts = items
	f.arrange(f.Size())
	f.Refresh()
}

// lay places the items in a width, and returns the height that they need.
func (f *flow) lay(width float32, place func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	var x, y, high float32
	for _, o := range f.parts {
		if !o.Visible() {
			continue
		}
		s := o.MinSize()
		if x > 0 && x+s.Width > width {
			x, y, high = 0, y+high+f.rows, 0
		}
		place(o, x, y, min(s.Width, width), s.Height)
		x += s.Width + f.gap
		high = max(high, s.Height)
	}
	return y + high
}
