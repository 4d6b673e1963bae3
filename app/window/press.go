package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// press makes a widget that embeds it something to press: by the pointer, by
// Enter and by Space. Other keys, and what is typed, go to the window.
type press struct {
	act     func()
	keys    func(*fyne.KeyEvent)
	runes   func(rune) // nil: for nothing
	changed func()     // after focused or over changed

	focused, over bool
}

// Tapped implements fyne.Tappable.
func (p *press) Tapped(*fyne.PointEvent) { p.act() }

// FocusGained implements fyne.Focusable.
func (p *press) FocusGained() { p.focused = true; p.changed() }

// FocusLost implements fyne.Focusable.
func (p *press) FocusLost() { p.focused = false; p.changed() }

// TypedRune implements fyne.Focusable.
func (p *press) TypedRune(r rune) {
	if p.runes != nil {
		p.runes(r)
	}
}

// TypedKey implements fyne.Focusable.
func (p *press) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		p.act()
	default:
		if p.keys != nil {
			p.keys(k)
		}
	}
}

// MouseIn implements desktop.Hoverable.
func (p *press) MouseIn(*desktop.MouseEvent) { p.over = true; p.changed() }

// MouseMoved implements desktop.Hoverable.
func (p *press) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (p *press) MouseOut() { p.over = false; p.changed() }

// Cursor implements desktop.Cursorable.
func (p *press) Cursor() desktop.Cursor { return desktop.PointerCursor }
