package window

import (
	"fmt"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// textScales are the sizes of text that the user can choose, in hundredths of
// the usual one.
var textScales = []int{100, 125, 150}

// prefTextScale keeps the choice, as one of textScales.
const prefTextScale = "textScale"

// textScale is the size of text that the preferences hold; what is none of
// textScales counts as the usual one.
func textScale(p fyne.Preferences) int {
	chosen := p.IntWithFallback(prefTextScale, 100)
	for _, s := range textScales {
		if s == chosen {
			return s
		}
	}
	return 100
}

// em is a length that goes with text: v at the usual size, and in proportion
// at the one that the user chose. It is whole, as texts have to be.
func em(v float32) float32 {
	if l, ok := theme.Current().(*look); ok {
		return l.em(v)
	}
	return v
}

func (l *look) em(v float32) float32 {
	if l.text == 0 || l.text == 100 {
		return v
	}
	return float32(math.Round(float64(v) * float64(l.text) / 100))
}

// grown is the height of something that text of that size stands in, and which
// is high at the usual size: the room around the text stays.
func grown(high, text float32) float32 { return high + lineOf(em(text)) - lineOf(text) }

// lineOf is how high a line of text of a size is.
func lineOf(size float32) float32 { return float32(int(size*1.45 + 0.5)) }

// newTextRow is the setting of it.
func (w *Window) newTextRow() *settingRow {
	r := newSettingRow("article", words.textSize)
	r.detail.set(words.textSizeText)
	buttons := map[int]*button{}
	show := func() {
		for percent, b := range buttons {
			b.choose(percent == w.look.text)
		}
	}
	var choices []fyne.CanvasObject
	for _, percent := range textScales {
		b := w.newButton(tab, fmt.Sprintf(words.percent, percent), "", func() {
			w.chooseText(percent)
			show()
		})
		b.name, b.high = words.textSize+" "+b.text, 34
		buttons[percent] = b
		choices = append(choices, b)
	}
	show()
	r.with(newLine(4, pad(4), newSurface(roleGround, roleLine, 13), choices...))
	return r
}

// chooseText changes the size of text and keeps the choice.
func (w *Window) chooseText(percent int) {
	w.app.Preferences().SetInt(prefTextScale, percent)
	w.wear(w.look.choice)
	w.refit()
}

// refit lays everything out anew, after all texts have another size; the window
// grows where it is too small for them.
func (w *Window) refit() {
	for range 2 { // what wraps knows its height only after it has got its width
		refresh(w.root)
		relayoutAll(w.root)
		if m := w.layer.modal; m != nil {
			refresh(m)
			m.settle()
			relayoutAll(m)
		}
	}
	w.win.Resize(w.root.fitting(w.canvas().Size()))
	relayoutAll(w.root)
}

// refresh paints anew everything below o, seen or not.
func refresh(o fyne.CanvasObject) {
	if s, ok := o.(*container.Scroll); ok {
		refresh(s.Content)
	}
	if b, ok := o.(interface{ base() *node }); ok {
		for _, p := range b.base().parts {
			refresh(p)
		}
	}
	o.Refresh()
}

// relayoutAll is relayout, and goes into what scrolls, too.
func relayoutAll(o fyne.CanvasObject) {
	if !o.Visible() {
		return
	}
	if s, ok := o.(*container.Scroll); ok {
		relayoutAll(s.Content)
		s.Refresh()
	}
	if b, ok := o.(interface{ base() *node }); ok {
		n := b.base()
		if n.arrange != nil {
			n.arrange(n.Size())
		}
		for _, p := range n.parts {
			relayoutAll(p)
		}
	}
}
