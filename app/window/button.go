package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/assets"
)

// style is how a button looks.
type style int

const (
	plain   style = iota // outlined
	primary              // filled: the one thing to do here
	quiet                // no ground until the pointer is on it
	danger               // outlined, in the colour of harm
	tab                  // quiet, and tinted while chosen
	wash                 // tinted
)

// button is a rounded button with a text, an icon, or both. A press of it
// takes Enter and Space as well as the pointer.
type button struct {
	node
	press
	style style
	text  string // shown; where it is empty, name still says it
	name  string
	icon  string

	disabled, busy, chosen bool

	back  *surface
	ring  *surface
	label *label
	glyph *glyph
	spin  *spinner
	high  float32 // at the usual size of text
	left  bool    // text at the left, not centred
}

func newButton(st style, text, icon string, tap func()) *button {
	b := &button{style: st, text: text, name: text, icon: icon, high: 38}
	b.act = func() {
		if !b.Disabled() {
			tap()
		}
	}
	b.changed = b.Refresh
	b.back, b.ring = newSurface("", "", 10), newRing(12)
	b.label = newLabel(text, font{size: 14, weight: assets.SemiBold, role: roleText})
	b.label.elastic = true
	b.glyph = newGlyph(icon, false, 18, roleText)
	b.spin = newSpinner(18, 2.5, roleText)
	b.parts = []fyne.CanvasObject{b.back, b.ring, b.glyph, b.spin, b.label}
	b.least, b.arrange, b.paint = b.min, b.place, b.draw
	b.ExtendBaseWidget(b)
	b.draw()
	return b
}

// newButton makes a button whose keys go to the window, and which is scrolled to
// when it gets the focus.
func (w *Window) newButton(st style, text, icon string, tap func()) *button {
	return w.adopt(newButton(st, text, icon, tap))
}

// newIconButton is newButton without text.
func (w *Window) newIconButton(st style, name, icon string, tap func()) *button {
	return w.adopt(newIconButton(st, name, icon, tap))
}

func (w *Window) adopt(b *button) *button {
	b.keys, b.runes = w.key, w.rune
	b.changed = func() {
		b.Refresh()
		if b.focused {
			w.reveal(b)
		}
		w.hintAt(b)
	}
	return b
}

// newIconButton is a button without text; name is for assistance and tests.
func newIconButton(st style, name, icon string, tap func()) *button {
	b := newButton(st, "", icon, tap)
	b.name = name
	return b
}

func (b *button) min() fyne.Size {
	if b.text == "" {
		return fyne.NewSquareSize(b.height())
	}
	w := b.label.font.measure(b.text).Width + 32
	if b.icon != "" || b.busy {
		w += em(18) + 8
	}
	return fyne.NewSize(w, b.height())
}

func (b *button) height() float32 { return grown(b.high, b.label.font.size) }

func (b *button) place(s fyne.Size) {
	place(b.back, 0, 0, s.Width, s.Height)
	place(b.ring, -3, -3, s.Width+6, s.Height+6)
	var content, icon float32
	if b.icon != "" || b.busy {
		icon = em(18)
	}
	if b.text != "" {
		content = min(b.label.font.measure(b.text).Width, s.Width-16-icon)
		if icon > 0 {
			icon += 8
		}
	}
	x := (s.Width - content - icon) / 2
	if b.left {
		x = 12
	}
	place(b.glyph, x, (s.Height-em(18))/2, em(18), em(18))
	place(b.spin, x, (s.Height-em(18))/2, em(18), em(18))
	h := b.label.MinSize().Height
	place(b.label, x+icon, (s.Height-h)/2, content+1, h)
}

func (b *button) draw() {
	fg, fill, stroke := b.colors()
	b.back.set(fill, stroke)
	b.label.tint(fg)
	b.label.set(b.text)
	b.glyph.set(b.icon, b.chosen, fg)
	b.spin.role = fg
	b.spin.set(b.busy)
	shown(b.label, b.text != "")
	shown(b.glyph, b.icon != "" && !b.busy)
	shown(b.ring, b.focused && !b.Disabled())
	if s := b.Size(); s.Width > 0 {
		b.place(s)
	}
}

func (b *button) colors() (fg, fill, stroke role) {
	switch b.style {
	case primary:
		fg, fill = roleOnFill, roleAccentFill
		if b.over {
			fill = roleAccentOver
		}
	case danger:
		fg, fill, stroke = roleBad, roleSurface, roleLineStrong
		if b.over {
			fill = roleBadSoft
		}
	case quiet, tab:
		fg = roleMuted
		if b.over {
			fg, fill = roleText, roleRaised
		}
		if b.chosen {
			fg, fill = roleAccent, roleAccentSoft
		}
	case wash:
		fg, fill = roleAccent, roleAccentSoft
		if b.over {
			stroke = roleAccent
		}
	default:
		fg, fill, stroke = roleText, roleSurface, roleLineStrong
		if b.over {
			fill = roleRaised
		}
	}
	if b.Disabled() && !b.busy {
		fg, fill, stroke = roleFaint, roleRaised, roleLine
	}
	return fg, fill, stroke
}

// set changes what the button says.
func (b *button) set(text, icon string) {
	if b.text != text || b.icon != icon {
		b.text, b.name, b.icon = text, text, icon
		b.Refresh()
	}
}

// setState changes what may be done with the button.
func (b *button) setState(disabled, busy bool) {
	if b.disabled != disabled || b.busy != busy {
		b.disabled, b.busy = disabled, busy
		b.Refresh()
	}
}

func (b *button) choose(v bool) {
	if b.chosen != v {
		b.chosen = v
		b.Refresh()
	}
}

// Cursor implements desktop.Cursorable.
func (b *button) Cursor() desktop.Cursor {
	if b.Disabled() {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// Enable implements fyne.Disableable.
func (b *button) Enable() { b.setState(false, b.busy) }

// Disable implements fyne.Disableable.
func (b *button) Disable() { b.setState(true, b.busy) }

// Disabled implements fyne.Disableable.
func (b *button) Disabled() bool { return b.disabled || b.busy }
