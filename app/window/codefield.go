package window

import (
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/assets"
)

// codeDigits is the length of a one-time code.
const codeDigits = 6

// codeField takes a one-time code in six boxes, typed or pasted. It is one
// stop for Tab, and shows its digits: they are worthless in half a minute.
type codeField struct {
	node
	name    string
	digits  string
	changed func()
	filled  func() // the user gave the last digit; may be nil
	keys    func(*fyne.KeyEvent)
	chord   func(fyne.Shortcut)
	want    func(fyne.Focusable)
	reveal  func(fyne.CanvasObject)

	focused, disabled, wrong bool

	boxes [codeDigits]*surface
	marks [codeDigits]*label
	caret *canvas.Rectangle
}

func (w *Window) newCodeField(name string) *codeField {
	c := &codeField{name: name, keys: w.key, chord: w.canvas().(fyne.Shortcutable).TypedShortcut, want: w.canvas().Focus, reveal: w.reveal}
	for i := range c.boxes {
		c.boxes[i] = newSurface(roleRaised, roleLineStrong, 10)
		c.marks[i] = newLabel("", font{size: 22, weight: assets.SemiBold, role: roleText, align: fyne.TextAlignCenter})
		c.parts = append(c.parts, c.boxes[i], c.marks[i])
	}
	c.caret = canvas.NewRectangle(ink(roleFocus))
	c.caret.CornerRadius = 1
	c.parts = append(c.parts, c.caret)
	c.least = func() fyne.Size { return fyne.NewSize(6*em(44)+4*8+18, grown(54, 22)) }
	c.arrange, c.paint = c.place, c.draw
	c.ExtendBaseWidget(c)
	c.draw()
	return c
}

// at is where box i begins, and how wide it is: two groups of three.
func (c *codeField) at(i int) (x, w float32) {
	const gap, middle = 8, 20
	w = (c.Size().Width - 4*gap - middle) / codeDigits
	x = float32(i) * (w + gap)
	if i >= codeDigits/2 {
		x += middle - gap
	}
	return x, w
}

func (c *codeField) place(s fyne.Size) {
	for i := range c.boxes {
		x, w := c.at(i)
		place(c.boxes[i], x, 0, w, s.Height)
		place(c.marks[i], x, 0, w, s.Height)
	}
	x, w := c.at(min(len(c.digits), codeDigits-1))
	place(c.caret, x+w/2-1, 15, 2, s.Height-30)
}

func (c *codeField) draw() {
	for i := range c.boxes {
		stroke, width, mark := roleLineStrong, float32(1), roleText
		switch {
		case c.disabled:
			stroke, mark = roleLine, roleFaint
		case c.focused && i == min(len(c.digits), codeDigits-1):
			stroke, width = roleFocus, 2
		case c.wrong:
			stroke = roleBad
		}
		c.boxes[i].width = width
		c.boxes[i].set(roleRaised, stroke)
		var digit string
		if i < len(c.digits) {
			digit = c.digits[i : i+1]
		}
		c.marks[i].tint(mark)
		c.marks[i].set(digit)
	}
	c.caret.FillColor = ink(roleFocus)
	c.caret.Refresh()
	shown(c.caret, c.focused && !c.disabled && len(c.digits) < codeDigits)
	c.place(c.Size())
}

// set replaces what was typed by the digits of s.
func (c *codeField) set(s string) {
	s = strings.Map(digit, s)
	s = s[:min(len(s), codeDigits)]
	if s == c.digits {
		return
	}
	c.digits = s
	c.Refresh()
	if c.changed != nil {
		c.changed()
	}
}

// digit is a digit of any script, of full width or Arabic, as one of ours, and -1 for
// what is none. Unicode has the ten of each one after the other, from nought on.
func digit(r rune) rune {
	for _, ten := range unicode.Nd.R16 {
		if rune(ten.Lo) <= r && r <= rune(ten.Hi) {
			return '0' + (r-rune(ten.Lo))%10
		}
	}
	return -1
}

// take is set for what the user gives.
func (c *codeField) take(s string) {
	was := c.digits
	c.wrong = false
	c.set(s)
	if c.complete() && c.digits != was && c.filled != nil {
		c.filled()
	}
}

func (c *codeField) complete() bool { return len(c.digits) == codeDigits }

// fail marks the field after a wrong code.
func (c *codeField) fail(v bool) {
	if c.wrong != v {
		c.wrong = v
		c.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (c *codeField) Tapped(*fyne.PointEvent) { c.want(c) }

// Cursor implements desktop.Cursorable.
func (c *codeField) Cursor() desktop.Cursor { return desktop.TextCursor }

// FocusGained implements fyne.Focusable.
func (c *codeField) FocusGained() { c.focused = true; c.Refresh(); c.reveal(c) }

// FocusLost implements fyne.Focusable.
func (c *codeField) FocusLost() { c.focused = false; c.Refresh() }

// TypedRune implements fyne.Focusable.
func (c *codeField) TypedRune(r rune) {
	if !c.disabled {
		c.take(c.digits + string(r))
	}
}

// TypedKey implements fyne.Focusable.
func (c *codeField) TypedKey(k *fyne.KeyEvent) {
	switch {
	case k.Name != fyne.KeyBackspace && k.Name != fyne.KeyDelete:
		c.keys(k)
	case !c.disabled && c.digits != "":
		c.set(c.digits[:len(c.digits)-1])
	}
}

// TypedShortcut implements fyne.Shortcutable.
func (c *codeField) TypedShortcut(s fyne.Shortcut) {
	switch s := s.(type) {
	case *fyne.ShortcutPaste:
		if !c.disabled {
			c.take(s.Clipboard.Content())
		}
	case *fyne.ShortcutCut:
		if !c.disabled {
			c.set("")
		}
	case *desktop.CustomShortcut:
		c.chord(s)
	}
}

// Enable implements fyne.Disableable.
func (c *codeField) Enable() { c.disabled = false; c.Refresh() }

// Disable implements fyne.Disableable.
func (c *codeField) Disable() { c.disabled = true; c.Refresh() }

// Disabled implements fyne.Disableable.
func (c *codeField) Disabled() bool { return c.disabled }
