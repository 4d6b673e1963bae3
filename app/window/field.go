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
}

func (w *Window) newInput(name, hint string, secret bool) *input {
	i := &input{name: name, secret: secret, keys: w.key, chord: w.canvas().(fyne.Shortcutable).TypedShortcut}
	i.PlaceHolder = hint
	i.Password = secret
	i.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	i.ExtendBaseWidget(i)
	if secret {
		i.ActionItem = w.newReveal(i)
	}
	return i
}

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
	b = newIconButton(quiet, words.show, "visibility", func() {
		i.Password = !i.Password
		b.icon, b.name = "visibility", words.show
		if !i.Password {
			b.icon, b.name = "visibility_off", words.hide
		}
		b.Refresh()
		i.Refresh()
	})
	b.high = 34
	b.keys = w.key
	return b
}

// field is an input with its caption, and what is wrong with it.
type field struct {
	*stack
	input *input
}

func (w *Window) newField(caption, hint string, secret bool) *field {
	f := &field{input: w.newInput(caption, hint, secret)}
	f.stack = newStack(6, insets{}, nil, newLabel(caption, captionFont), f.input)
	return f
}

var captionFont = font{size: 12.5, weight: assets.Medium, role: roleMuted}
