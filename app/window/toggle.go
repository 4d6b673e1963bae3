package window

import "fyne.io/fyne/v2"

// toggle switches something on or off, at once. Where its knob is says which, and the
// tick in it.
type toggle struct {
	node
	press
	name string
	on   bool

	track, ring, knob *surface
	mark              *glyph
}

// The size of a toggle, at the usual size of text.
const (
	toggleWide = 46
	toggleHigh = 26
	toggleEdge = 3 // between knob and track
)

func (w *Window) newToggle(name string, act func(on bool)) *toggle {
	t := &toggle{name: name, track: newSurface(roleRaised, roleFaint, toggleHigh/2), ring: newRing(toggleHigh/2 + 3),
		knob: newSurface(roleMuted, "", toggleHigh/2-toggleEdge), mark: newGlyph("check", true, 16, roleAccent)}
	t.press = press{keys: w.key}
	t.act = func() { act(!t.on) }
	t.changed = func() {
		t.Refresh()
		if t.focused {
			w.reveal(t)
		}
	}
	t.parts = []fyne.CanvasObject{t.ring, t.track, t.knob, t.mark}
	t.least = func() fyne.Size { return fyne.NewSize(em(toggleWide), em(toggleHigh)) }
	t.arrange, t.paint = t.place, t.draw
	t.ExtendBaseWidget(t)
	t.draw()
	return t
}

func (t *toggle) place(s fyne.Size) {
	place(t.ring, -3, -3, s.Width+6, s.Height+6)
	place(t.track, 0, 0, s.Width, s.Height)
	side, x := s.Height-2*toggleEdge, float32(toggleEdge)
	if t.on {
		x = s.Width - side - toggleEdge
	}
	place(t.knob, x, toggleEdge, side, side)
	inner := side - 4
	place(t.mark, x+2, toggleEdge+2, inner, inner)
}

func (t *toggle) draw() {
	fill, stroke, knob := roleRaised, roleFaint, roleMuted
	if t.on {
		fill, stroke, knob = roleAccentFill, roleAccentFill, roleOnFill
	}
	if t.over {
		stroke = roleText
	}
	t.track.set(fill, stroke)
	t.knob.set(knob, "")
	t.mark.set("check", true, roleAccentFill)
	shown(t.mark, t.on)
	shown(t.ring, t.focused)
	if s := t.Size(); s.Width > 0 {
		t.place(s)
	}
}

// set has it show what is so.
func (t *toggle) set(on bool) {
	if t.on != on {
		t.on = on
		t.Refresh()
	}
}
