package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
	"github.com/tidegate/tidegate/assets"
)

// input is a line to type into. Keys and shortcuts that it has no use for go
// to the window.
type input struct {
	widget.Entry
	name   string
	secret bool
	keys   func(*fyne.KeyEvent)
	chord  func(fyne.Shortcut)
	reveal func(fyne.CanvasObject)
	hide   func() // covers a password that was revealed
	frame  *node  // the input with the ring of its focus; this is what is laid out
	ring   *surface
}

func (w *Window) newInput(name, hint string, secret bool) *input {
	i := &input{name: name, secret: secret, keys: w.key, reveal: w.reveal, chord: w.canvas().(fyne.Shortcutable).TypedShortcut}
	i.PlaceHolder = hint
	i.Password = secret
	i.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	i.ExtendBaseWidget(i)
	if secret {
		i.ActionItem = w.newReveal(i)
	}
	i.ring = newRing(11)
	i.frame = &node{parts: []fyne.CanvasObject{i.ring, i}}
	i.frame.least = i.MinSize
	i.frame.arrange = func(s fyne.Size) {
		place(i.ring, -1, -1, s.Width+2, s.Height+2) // over the border
		i.Resize(s)
	}
	i.frame.ExtendBaseWidget(i.frame)
	return i
}

// FocusGained implements fyne.Focusable.
func (i *input) FocusGained() { i.Entry.FocusGained(); i.ring.Show(); i.reveal(i) }

// FocusLost implements fyne.Focusable.
func (i *input) FocusLost() { i.Entry.FocusLost(); i.ring.Hide() }

// TypedKey implements fyne.Focusable.
func (i *input) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyEscape, fyne.KeyUp, fyne.KeyDown, fyne.KeyPageUp, fyne.KeyPageDown, fyne.KeyReturn, fyne.KeyEnter:
		i.keys(k)
	default:
		i.Entry.TypedKey(k)
	}
}

// TypedShortcut implements fyne.Shortcutable.
func (i *input) TypedShortcut(s fyne.Shortcut) {
	if _, ours := s.(*desktop.CustomShortcut); ours {
		i.chord(s)
	}
	i.Entry.TypedShortcut(s)
}

// newReveal is the eye at the end of a password.
func (w *Window) newReveal(i *input) *button {
	var b *button
	cover := func(on bool) {
		i.Password = on
		b.icon, b.name = "visibility", words.show
		if !on {
			b.icon, b.name = "visibility_off", words.hide
		}
		b.Refresh()
		i.Refresh()
	}
	b = w.newIconButton(quiet, words.show, "visibility", func() { cover(!i.Password) })
	i.hide = func() { cover(true) }
	b.high = 34
	return b
}

// forget empties and covers a password.
func (i *input) forget() {
	i.SetText("")
	if i.hide != nil {
		i.hide()
	}
}

// field is an input with its caption, and what is wrong with it.
type field struct {
	*stack
	caption *paragraph
	input   *input
}

func (w *Window) newField(caption, hint string, secret bool) *field {
	f := &field{caption: newParagraph(caption, captionFont, 0), input: w.newInput(caption, hint, secret)}
	f.stack = newStack(8, insets{}, nil, f.caption, f.input.frame)
	return f
}

var captionFont = font{size: 13, weight: assets.Medium, role: roleMuted}
