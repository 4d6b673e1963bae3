package window

import (
	"image/color"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// paragraph is text that wraps at the width it is given, typeset but where it is of
// one width, as what is compared sign by sign.
type paragraph struct {
	node
	font  font
	text  string
	wrap  float32 // the width it asks for; zero: whatever it gets
	lines []*canvas.Text

	broken []string // text, broken at the width of brokenAt
	at     float32
}

func newParagraph(text string, f font, wrap float32) *paragraph {
	p := &paragraph{font: f, wrap: wrap}
	p.text = p.typeset(text)
	p.least = func() fyne.Size {
		w := p.Size().Width
		if w <= 0 {
			w = max(p.wrap, 80)
		}
		return fyne.NewSize(p.wrap, p.height(w))
	}
	p.grows = p.height
	p.arrange = p.place
	p.paint = func() {
		p.at = 0
		for _, t := range p.lines {
			p.font.apply(t)
			t.Refresh()
		}
		if w := p.Size().Width; w > 0 {
			p.place(p.Size())
		}
	}
	p.ExtendBaseWidget(p)
	return p
}

// set changes the text, and says whether it was another one.
func (p *paragraph) set(text string) bool {
	if text = p.typeset(text); p.text == text {
		return false
	}
	p.text = text
	p.Refresh()
	return true
}

func (p *paragraph) typeset(text string) string {
	if p.font.mono {
		return text
	}
	return typeset(text)
}

func (p *paragraph) step() float32 { return lineOf(em(p.font.size)) }

func (p *paragraph) height(w float32) float32 {
	if p.text == "" {
		return 0
	}
	return p.step() * float32(len(p.breakAt(w)))
}

func (p *paragraph) breakAt(w float32) []string {
	if p.at == w && p.broken != nil {
		return p.broken
	}
	p.at, p.broken = w, nil
	space := p.font.measure("x x").Width - p.font.measure("xx").Width
	for part := range strings.SplitSeq(p.text, "\n") {
		var row string
		var wide float32 // that the words of row and the spaces between them are
		for word := range strings.FieldsFuncSeq(part, gap) {
			if row != "" {
				longer := row + " " + word
				wide += space + p.font.measure(word).Width
				if p.holds(longer, wide, w) {
					row = longer
					continue
				}
				p.broken = append(p.broken, row)
			}
			row = p.split(word, w)
			wide = p.font.measure(row).Width
		}
		p.broken = append(p.broken, row)
	}
	return p.broken
}

// holds says whether a row fits into w. Its words say so all but exactly, and they are
// measured once, wherever they stand; to measure each row that is tried takes long.
func (p *paragraph) holds(row string, wide, w float32) bool {
	near := em(p.font.size) // more than what words close up or part when they meet
	switch {
	case wide < w-near:
		return true
	case wide > w+near:
		return false
	}
	return p.font.measure(row).Width <= w
}

// gap says whether a line may end there: French has spaces that hold its marks.
func gap(r rune) bool { return unicode.IsSpace(r) && r != 0xA0 && r != 0x202F }

// split breaks a word that is wider than w, and returns what is left of it.
func (p *paragraph) split(word string, w float32) string {
	r := []rune(word)
	for {
		n := p.fit(r, w)
		if n == len(r) {
			return string(r)
		}
		p.broken = append(p.broken, string(r[:n]))
		r = r[n:]
	}
}

// fit is how many of r are at most w wide, and at least one. Little more than those is
// measured, which takes long for what is long.
func (p *paragraph) fit(r []rune, w float32) int {
	fits := func(n int) bool { return p.font.measure(string(r[:n])).Width <= w }
	low, high := min(1, len(r)), len(r)
	for n := 16; n < len(r); n *= 2 {
		if !fits(n) {
			high = n - 1
			break
		}
		low = n
	}
	if high == len(r) && fits(high) {
		return high
	}
	for low < high {
		if mid := (low + high + 1) / 2; fits(mid) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

func (p *paragraph) place(s fyne.Size) {
	rows := p.breakAt(s.Width)
	for len(p.lines) < len(rows) {
		t := canvas.NewText("", color.Transparent)
		p.font.apply(t)
		p.lines = append(p.lines, t)
		p.parts = append(p.parts, t)
	}
	for i, t := range p.lines {
		var row string
		if i < len(rows) {
			row = rows[i]
		}
		if t.Text != row {
			t.Text = row
			t.Refresh()
		}
		place(t, 0, float32(i)*p.step(), s.Width, p.step()) // see label
	}
}
