package window

import (
	"strings"

	"fyne.io/fyne/v2"
)

// picker is a choice of one among several, which unfolds below what is chosen. It
// is unfolded and folded by a press; the arrow keys choose without unfolding it.
type picker struct {
	*stack
	w       *Window
	caption string
	shown   []string // what the choices are called
	notes   []string // what is said of them beside; may be nil
	chosen  int
	head    *button
	list    *stack
	options []*button
	changed func()
}

func (w *Window) newPicker(caption string, choices, notes []string, changed func()) *picker {
	p := &picker{w: w, caption: caption, shown: choices, notes: notes, changed: changed}
	p.head = w.newButton(plain, "", "keyboard_arrow_down", p.unfold)
	p.head.left, p.head.high = true, 42
	p.head.keys = func(k *fyne.KeyEvent) { p.key(k, p.chosen, false) }
	var items []fyne.CanvasObject
	for i := range choices {
		b := w.newButton(tab, p.word(i), "", func() {
			p.choose(i)
			p.unfold()
		})
		b.left, b.high = true, 36
		b.keys = func(k *fyne.KeyEvent) { p.key(k, i, true) }
		p.options = append(p.options, b)
		items = append(items, b)
	}
	p.list = newStack(2, pad(5), newSurface(roleRaised, roleLine, 12), items...)
	p.list.Hide()
	p.stack = newStack(6, insets{}, nil, newStack(8, insets{}, nil, newParagraph(caption, captionFont, 0), p.head), p.list)
	p.show()
	return p
}

func (p *picker) word(i int) string {
	if i >= len(p.shown) {
		return ""
	}
	if i < len(p.notes) && p.notes[i] != "" {
		return p.shown[i] + " · " + p.notes[i]
	}
	return p.shown[i]
}

// unfold shows the choices, or hides them.
func (p *picker) unfold() {
	open := shown(p.list, !p.list.Visible()) && p.list.Visible()
	p.show()
	if m := p.w.layer.modal; m != nil {
		m.settle()
	}
	if open && p.chosen < len(p.options) {
		p.w.canvas().Focus(p.options[p.chosen])
		return
	}
	p.w.canvas().Focus(p.head)
}

// key chooses by the arrows; at is the choice that has the focus.
func (p *picker) key(k *fyne.KeyEvent, at int, open bool) {
	next := at
	switch k.Name {
	case fyne.KeyUp, fyne.KeyLeft:
		next--
	case fyne.KeyDown, fyne.KeyRight:
		next++
	case fyne.KeyEscape:
		if p.list.Visible() {
			p.unfold()
			return
		}
		p.w.key(k)
		return
	default:
		p.w.key(k)
		return
	}
	if next < 0 || next >= len(p.options) {
		return
	}
	if open {
		p.w.canvas().Focus(p.options[next])
		return
	}
	p.choose(next)
}

// choose takes another choice.
func (p *picker) choose(i int) {
	if p.chosen != i && i >= 0 && i < len(p.options) {
		p.chosen = i
		p.show()
		if p.changed != nil {
			p.changed()
		}
	}
}

func (p *picker) show() {
	p.head.set(p.word(p.chosen), "keyboard_arrow_down")
	p.head.name = captioned(strings.TrimRight(p.caption, ":\u202f\u00a0 "), p.word(p.chosen))
	for i, b := range p.options {
		b.choose(i == p.chosen)
	}
}

// hold keeps the choice from changing.
func (p *picker) hold(on bool) {
	p.head.setState(on, false)
	for _, b := range p.options {
		b.setState(on, false)
	}
}
