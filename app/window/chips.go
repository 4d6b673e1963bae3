package window

import "fyne.io/fyne/v2"

// chips are buttons of which one is chosen, in as many rows as they need: by the
// pointer, by Enter or Space, or by the arrow keys.
type chips struct {
	node
	w       *Window
	buttons []*button
	chosen  int
	changed func()
}

const chipGap = 6

func (w *Window) newChips(changed func()) *chips {
	c := &chips{w: w, changed: changed}
	c.least = func() fyne.Size {
		var wide float32
		for _, b := range c.buttons {
			wide = max(wide, b.MinSize().Width)
		}
		return fyne.NewSize(wide, c.flow(max(wide, c.Size().Width), func(fyne.CanvasObject, float32, float32, float32, float32) {}))
	}
	c.grows = func(w float32) float32 {
		return c.flow(w, func(fyne.CanvasObject, float32, float32, float32, float32) {})
	}
	c.arrange = func(s fyne.Size) { c.flow(s.Width, place) }
	c.ExtendBaseWidget(c)
	return c
}

// add adds a chip; the first is chosen.
func (c *chips) add(text, icon, name string) {
	i := len(c.buttons)
	b := c.w.newButton(tab, text, icon, func() { c.choose(i) })
	b.name, b.high = name, 34
	b.keys = func(k *fyne.KeyEvent) {
		next := i
		switch k.Name {
		case fyne.KeyLeft:
			next--
		case fyne.KeyRight:
			next++
		default:
			c.w.key(k)
			return
		}
		if next >= 0 && next < len(c.buttons) {
			c.w.canvas().Focus(c.buttons[next])
			c.choose(next)
		}
	}
	b.choose(i == c.chosen)
	c.buttons, c.parts = append(c.buttons, b), append(c.parts, b)
}

func (c *chips) choose(i int) {
	if c.chosen == i {
		return
	}
	c.chosen = i
	for n, b := range c.buttons {
		b.choose(n == i)
	}
	c.changed()
}

// flow puts the chips into rows and returns the height of all.
func (c *chips) flow(w float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	var x, y, high float32
	for _, b := range c.buttons {
		s := b.MinSize()
		if x > 0 && x+s.Width > w {
			x, y = 0, y+high+chipGap
		}
		put(b, x, y, s.Width, s.Height)
		x, high = x+s.Width+chipGap, s.Height
	}
	return y + high
}
