package window

import "fyne.io/fyne/v2"

// choosing is a setting that is one of a few: its texts, and the choices beside them
// or, where there is no room, below.
type choosing struct {
	node
	row     *settingRow
	back    *surface
	choices *flow
	buttons []*button
}

// choice is one of them.
type choice struct {
	text, icon string
	name       string // for assistance; empty: the text
	take       func()
}

// newChoosing makes one whose row has an icon and a title.
func (w *Window) newChoosing(icon, title string, choices ...choice) *choosing {
	c := &choosing{row: newSettingRow(icon, title), back: newSurface(roleGround, roleLine, 13), choices: newFlow(4, 4)}
	c.parts = []fyne.CanvasObject{c.row.line, c.back, c.choices}
	c.least = func() fyne.Size {
		return fyne.NewSize(em(leastTexts), c.height(max(em(leastTexts), c.Size().Width)))
	}
	c.grows, c.arrange = c.height, c.place
	c.ExtendBaseWidget(c)
	c.offer(w, choices...)
	return c
}

// offer replaces the choices.
func (c *choosing) offer(w *Window, choices ...choice) {
	c.buttons = nil
	var items []fyne.CanvasObject
	for _, x := range choices {
		b := w.newButton(tab, x.text, x.icon, x.take)
		b.high = 34
		if x.name != "" {
			b.name = x.name
		}
		c.buttons = append(c.buttons, b)
		items = append(items, b)
	}
	c.choices.set(items...)
}

// choose marks the one that holds; -1: none of them.
func (c *choosing) choose(i int) {
	for n, b := range c.buttons {
		b.choose(n == i)
	}
}

const (
	leastTexts  = 200 // wide, of a setting's title and what it means beside choices
	choosingEnd = 16  // beside the choices, and below them
	choosingPad = 4   // around them
)

// choosingAt is where the texts begin, and the choices below them.
func choosingAt() float32 { return 16 + em(22) + 16 }

// wide is how wide the choices are in one line.
func (c *choosing) wide() float32 {
	w := float32(2 * choosingPad)
	for i, b := range c.buttons {
		if i > 0 {
			w += c.choices.gap
		}
		w += b.MinSize().Width
	}
	return w
}

// beside says whether there is room for the choices beside the texts.
func (c *choosing) beside(w float32) bool {
	return w-c.wide()-choosingEnd >= em(leastTexts)+choosingAt()
}

// high is how high the choices are in a width.
func (c *choosing) high(w float32) float32 {
	return c.choices.heightFor(w-2*choosingPad) + 2*choosingPad
}

func (c *choosing) height(w float32) float32 {
	switch {
	case len(c.buttons) == 0:
		return c.row.heightFor(w)
	case c.beside(w):
		return max(c.row.heightFor(w-c.wide()-choosingEnd), c.high(c.wide())+16)
	}
	return c.row.heightFor(w) + c.high(c.under(w)) + choosingEnd - 4
}

// under is how wide the choices are below the texts, where the width is w.
func (c *choosing) under(w float32) float32 { return min(c.wide(), w-choosingAt()-choosingEnd) }

func (c *choosing) place(s fyne.Size) {
	shown(c.back, len(c.buttons) > 0)
	var x, y float32
	wide, texts := c.wide(), s.Width
	switch {
	case len(c.buttons) == 0:
		place(c.row.line, 0, 0, s.Width, s.Height)
		return
	case c.beside(s.Width):
		texts -= wide + choosingEnd
		x, y = texts, (s.Height-c.high(wide))/2
		place(c.row.line, 0, 0, texts, s.Height)
	default:
		h := c.row.heightFor(s.Width)
		x, y, wide = choosingAt(), h-4, c.under(s.Width)
		place(c.row.line, 0, 0, texts, h)
	}
	place(c.back, x, y, wide, c.high(wide))
	place(c.choices, x+choosingPad, y+choosingPad, wide-2*choosingPad+0.5, c.choices.heightFor(wide-2*choosingPad))
}
