package window

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/tidegate/tidegate/assets"
)

// font is how a text looks.
type font struct {
	size   float32 // at the usual size of text, see em; whole: texts are shaped at whole sizes, others come out spaced
	weight assets.Weight
	role   role
	align  fyne.TextAlign
	mono   bool
}

func (f font) apply(t *canvas.Text) {
	t.TextSize, t.Color, t.Alignment = em(f.size), ink(f.role), f.align
	t.TextStyle = fyne.TextStyle{Monospace: f.mono}
	t.FontSource = nil
	if !f.mono {
		t.FontSource = assets.Font(f.weight)
	}
}

func (f font) measure(s string) fyne.Size {
	t := canvas.Text{}
	f.apply(&t)
	size, _ := fyne.CurrentApp().Driver().RenderedTextSize(s, t.TextSize, t.TextStyle, t.FontSource)
	return size
}

// cut shortens s with an ellipsis until it is at most w wide.
func (f font) cut(s string, w float32) string {
	if s == "" || f.measure(s).Width <= w {
		return s
	}
	r := []rune(s)
	low, high := 0, len(r)-1
	for low < high {
		mid := (low + high + 1) / 2
		if f.measure(string(r[:mid])+"…").Width <= w {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return strings.TrimRight(string(r[:low]), " .,:") + "…"
}

// label is one line of text. Where it is elastic it may be narrower than its
// text, which then ends in an ellipsis.
type label struct {
	node
	font    font
	text    string
	elastic bool
	keep    string // the end of the text, which is not cut off
	drawn   *canvas.Text
}

func newLabel(text string, f font) *label {
	l := &label{font: f, text: text, drawn: canvas.NewText(text, color.Transparent)}
	l.parts = []fyne.CanvasObject{l.drawn}
	l.least = func() fyne.Size {
		s := l.font.measure(l.text)
		if l.elastic {
			s.Width = min(s.Width, 24)
		}
		return s
	}
	l.arrange = func(s fyne.Size) {
		if shown := l.fit(s.Width); shown != l.drawn.Text {
			l.drawn.Text = shown
			l.drawn.Refresh()
		}
		// Fyne draws a text pixel by pixel only at a whole position; given
		// the whole height it centres the text by itself.
		y := min(0, float32(int((s.Height-l.drawn.MinSize().Height)/2)))
		place(l.drawn, 0, y, s.Width, s.Height-2*y)
	}
	l.paint = func() {
		l.font.apply(l.drawn)
		l.drawn.Text = l.fit(l.Size().Width)
		l.drawn.Refresh()
	}
	l.ExtendBaseWidget(l)
	l.paint()
	return l
}

func newElastic(text string, f font) *label {
	l := newLabel(text, f)
	l.elastic = true
	return l
}

func (l *label) fit(w float32) string {
	if !l.elastic || w <= 0 {
		return l.text
	}
	if l.keep == "" || l.font.measure(l.text).Width <= w+0.5 {
		return l.font.cut(l.text, w+0.5)
	}
	head, _ := strings.CutSuffix(l.text, l.keep)
	return l.font.cut(head, w-l.font.measure(l.keep).Width) + l.keep
}

// set changes the text, and says whether it was another one.
func (l *label) set(text string) bool {
	if l.text == text {
		return false
	}
	l.text = text
	l.Refresh()
	return true
}

// tint changes the colour.
func (l *label) tint(r role) {
	if l.font.role != r {
		l.font.role = r
		l.Refresh()
	}
}
