package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/wire"
)

// chooser offers several ways to answer, of which one is chosen: by the
// pointer, by Enter or Space, or by the arrow keys.
type chooser struct {
	*line
	kinds   []wire.InteractionKind
	buttons []*button
	chosen  wire.InteractionKind
	changed func()
}

func (w *Window) newChooser(kinds []wire.InteractionKind, changed func()) *chooser {
	c := &chooser{kinds: kinds, changed: changed}
	var items []fyne.CanvasObject
	for i, k := range kinds {
		b := w.newButton(tab, choiceWord(k, len(kinds)), "", func() { c.choose(k) })
		b.high = 36
		b.keys = func(e *fyne.KeyEvent) {
			next := i
			switch e.Name {
			case fyne.KeyLeft:
				next--
			case fyne.KeyRight:
				next++
			default:
				w.key(e)
				return
			}
			if next >= 0 && next < len(kinds) {
				w.canvas().Focus(c.buttons[next])
				c.choose(kinds[next])
			}
		}
		c.buttons = append(c.buttons, b)
		items = append(items, b)
	}
	c.line = newLine(4, pad(4), newSurface(roleRaised, roleLine, 12), items...).growing(items...)
	c.chosen = kinds[0]
	c.show()
	return c
}

func (c *chooser) choose(k wire.InteractionKind) {
	if c.chosen != k {
		c.chosen = k
		c.show()
		c.changed()
	}
}

func (c *chooser) show() {
	for i, b := range c.buttons {
		b.choose(c.kinds[i] == c.chosen)
	}
}

// hold keeps the choice from changing.
func (c *chooser) hold(on bool) {
	for _, b := range c.buttons {
		b.setState(on, false)
	}
}
