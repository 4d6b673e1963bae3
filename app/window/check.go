package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// check is a box to tick, with what ticking it says.
type check struct {
	node
	press
	name   string
	on     bool
	locked bool

	back, ring, box *surface
	mark            *glyph
	texts           *stack
}

func (w *Window) newCheck(name, text string) *check {
	c := &check{name: name, back: newSurface("", "", 10), ring: newRing(12), box: newSurface(roleRaised, roleFaint, 6), mark: newGlyph("check", true, 18, roleOnFill)}
	c.press = press{keys: w.key}
	c.act = func() {
		if !c.locked {
			c.on = !c.on
			c.Refresh()
		}
	}
	c.changed = func() {
		c.Refresh()
		if c.focused {
			w.reveal(c)
		}
	}
	c.texts = newStack(1, insets{}, nil, newParagraph(name, font{size: 14, weight: assets.Medium, role: roleText}, 0), newParagraph(text, font{size: 13, role: roleMuted}, 0))
	c.parts = []fyne.CanvasObject{c.back, c.ring, c.box, c.mark, c.texts}
	c.least = func() fyne.Size { return fyne.NewSize(120, c.height(max(120, c.Size().Width))) }
	c.grows, c.arrange, c.paint = c.height, c.place, c.draw
	c.ExtendBaseWidget(c)
	c.draw()
	return c
}

// What is beside the texts of a check.
const (
	checkPad = 7
	checkBox = 22
	checkGap = 12
)

// textAt is where the texts begin.
func (c *check) textAt() float32 { return checkPad + em(checkBox) + checkGap }

func (c *check) height(w float32) float32 {
	return c.texts.heightFor(w-c.textAt()-checkPad) + 2*checkPad
}

func (c *check) place(s fyne.Size) {
	place(c.back, 0, 0, s.Width, s.Height)
	place(c.ring, -2, -2, s.Width+4, s.Height+4)
	place(c.box, checkPad, checkPad, em(checkBox), em(checkBox))
	place(c.mark, checkPad, checkPad, em(checkBox), em(checkBox))
	place(c.texts, c.textAt(), checkPad, s.Width-c.textAt()-checkPad, s.Height-2*checkPad)
}

func (c *check) draw() {
	fill, stroke, ground := roleRaised, roleFaint, role("")
	if c.on {
		fill, stroke = roleAccentFill, roleAccentFill
	}
	if c.over {
		ground = roleRaised
	}
	c.back.set(ground, "")
	c.box.set(fill, stroke)
	shown(c.mark, c.on)
	shown(c.ring, c.focused)
}

// set ticks the box or not.
func (c *check) set(on bool) {
	if c.on != on {
		c.on = on
		c.Refresh()
	}
}

// Enable implements fyne.Disableable.
func (c *check) Enable() { c.locked = false }

// Disable implements fyne.Disableable.
func (c *check) Disable() { c.locked = true }

// Disabled implements fyne.Disableable.
func (c *check) Disabled() bool { return c.locked }
