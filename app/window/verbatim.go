package window

import (
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
)

// verbatim is text as it stands in a file: each line is one, or as many as it
// takes, and white space stays.
type verbatim struct {
	node
	text string
	rows []*label
	at   float32 // the width that rows are broken at
}

var verbatimFont = font{size: 12, role: roleText, mono: true}

func newVerbatim(text string) *verbatim {
	v := &verbatim{text: strings.ReplaceAll(text, "\t", "    ")}
	v.grows = func(w float32) float32 { return v.step() * float32(len(v.broken(w))) }
	v.least = func() fyne.Size { return fyne.NewSize(0, v.grows(max(v.Size().Width, 80))) }
	v.arrange = v.place
	v.ExtendBaseWidget(v)
	return v
}

func (v *verbatim) step() float32 { return float32(int(verbatimFont.measure("0").Height*1.2 + 0.5)) }

// broken are the rows at a width.
func (v *verbatim) broken(w float32) (rows []string) {
	room := max(8, int(w/verbatimFont.measure("0").Width))
	for line := range strings.Lines(v.text) {
		line = strings.TrimRight(line, "\r\n")
		for utf8.RuneCountInString(line) > room {
			r := []rune(line)
			rows = append(rows, string(r[:room]))
			line = string(r[room:])
		}
		rows = append(rows, line)
	}
	return rows
}

func (v *verbatim) place(s fyne.Size) {
	if s.Width != v.at {
		v.at, v.rows, v.parts = s.Width, nil, nil
		for _, row := range v.broken(s.Width) {
			l := newElastic(row, verbatimFont)
			v.rows, v.parts = append(v.rows, l), append(v.parts, l)
		}
	}
	for i, l := range v.rows {
		place(l, 0, float32(i)*v.step(), s.Width, v.step())
	}
}

// part is some lines of a file, counted from 1.
type part struct {
	text     string
	from, to int
}

// A part has no more than so many lines and bytes, but for a line that is longer
// than that.
const (
	partLines = 120
	partBytes = 8 << 10
)

// parted cuts a text into parts, at least one.
func parted(text string) (parts []part) {
	begin, at, from, n := 0, 0, 1, 0
	for line := range strings.Lines(text) {
		if n > 0 && (n == partLines || at-begin+len(line) > partBytes) {
			parts = append(parts, part{text[begin:at], from, from + n - 1})
			begin, from, n = at, from+n, 0
		}
		at += len(line)
		n++
	}
	return append(parts, part{text[begin:at], from, max(from+n-1, 1)})
}
