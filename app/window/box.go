package window

import (
	"fyne.io/fyne/v2"
)

// insets are the paddings of a box.
type insets struct{ top, right, bottom, left float32 }

func pad(v float32) insets       { return insets{v, v, v, v} }
func pads(y, x float32) insets   { return insets{y, x, y, x} }
func (i insets) across() float32 { return i.left + i.right }
func (i insets) down() float32   { return i.top + i.bottom }

// stack puts its items below each other, as wide as itself. Spacers among them
// share what height is left.
type stack struct {
	node
	gap   float32
	pad   insets
	items []fyne.CanvasObject
	back  *surface // nil: none
}

func newStack(gap float32, p insets, back *surface, items ...fyne.CanvasObject) *stack {
	s := &stack{gap: gap, pad: p, back: back, items: items}
	s.parts = withBack(back, items)
	s.arrange, s.least, s.grows = s.place, s.min, s.height
	s.ExtendBaseWidget(s)
	return s
}

// set replaces the items.
func (s *stack) set(items ...fyne.CanvasObject) {
	s.items, s.parts = items, withBack(s.back, items)
	s.Refresh()
}

func withBack(back *surface, items []fyne.CanvasObject) []fyne.CanvasObject {
	if back == nil {
		return items
	}
	return append([]fyne.CanvasObject{back}, items...)
}

func (s *stack) place(size fyne.Size) {
	if s.back != nil {
		place(s.back, 0, 0, size.Width, size.Height)
	}
	w := size.Width - s.pad.across()
	var spacers int
	for _, o := range s.items {
		if _, ok := o.(*spacer); ok && o.Visible() {
			spacers++
		}
	}
	var each float32
	if spacers > 0 {
		each = max(0, (size.Height-s.height(size.Width))/float32(spacers))
	}
	y := s.pad.top
	for _, o := range s.items {
		if !o.Visible() {
			continue
		}
		h := heightOf(o, w)
		if _, ok := o.(*spacer); ok {
			h += each
		}
		place(o, s.pad.left, y, w, h)
		y += h + s.gap
	}
}

func (s *stack) height(w float32) float32 {
	h, n := s.pad.down(), 0
	for _, o := range s.items {
		if o.Visible() {
			h += heightOf(o, w-s.pad.across())
			n++
		}
	}
	return h + s.gap*float32(max(0, n-1))
}

func (s *stack) min() fyne.Size {
	var w float32
	for _, o := range s.items {
		if o.Visible() {
			w = max(w, o.MinSize().Width)
		}
	}
	w += s.pad.across()
	return fyne.NewSize(w, s.height(max(w, s.Size().Width)))
}

// line puts its items beside each other, centred in height; those of grow
// share what width is left.
type line struct {
	node
	gap   float32
	pad   insets
	items []fyne.CanvasObject
	grow  map[fyne.CanvasObject]bool
	back  *surface
	top   bool // items are aligned at the top, not centred
}

func newLine(gap float32, p insets, back *surface, items ...fyne.CanvasObject) *line {
	l := &line{gap: gap, pad: p, back: back, items: items, grow: map[fyne.CanvasObject]bool{}}
	l.parts = withBack(back, items)
	l.arrange, l.least, l.grows = l.place, l.min, l.height
	l.ExtendBaseWidget(l)
	return l
}

// growing marks the items that take the width that is left.
func (l *line) growing(items ...fyne.CanvasObject) *line {
	for _, o := range items {
		l.grow[o] = true
	}
	return l
}

func (l *line) place(size fyne.Size) {
	if l.back != nil {
		place(l.back, 0, 0, size.Width, size.Height)
	}
	widths := l.widths(size.Width)
	x, h := l.pad.left, size.Height-l.pad.down()
	for i, o := range l.items {
		if !o.Visible() {
			continue
		}
		oh := min(h, heightOf(o, widths[i]))
		y := l.pad.top
		if !l.top {
			y += (h - oh) / 2
		}
		place(o, x, y, widths[i], oh)
		x += widths[i] + l.gap
	}
}

func (l *line) widths(w float32) []float32 {
	widths := make([]float32, len(l.items))
	left, visible, growing := w-l.pad.across(), 0, 0
	for i, o := range l.items {
		switch {
		case !o.Visible():
		case l.grow[o]:
			visible++
			growing++
		default:
			visible++
			widths[i] = o.MinSize().Width
			left -= widths[i]
		}
	}
	left -= l.gap * float32(max(0, visible-1))
	for i, o := range l.items {
		if o.Visible() && l.grow[o] {
			widths[i] = max(0, left/float32(growing))
		}
	}
	return widths
}

func (l *line) height(w float32) float32 {
	var h float32
	for i, width := range l.widths(w) {
		if o := l.items[i]; o.Visible() {
			h = max(h, heightOf(o, width))
		}
	}
	return h + l.pad.down()
}

func (l *line) min() fyne.Size {
	w, n := l.pad.across(), 0
	for _, o := range l.items {
		if o.Visible() {
			w += o.MinSize().Width
			n++
		}
	}
	w += l.gap * float32(max(0, n-1))
	return fyne.NewSize(w, l.height(max(w, l.Size().Width)))
}

// atEnd puts an object to the right of its place, as wide as it asks to be.
func atEnd(o fyne.CanvasObject) *line {
	rest := newSpacer(0)
	return newLine(0, insets{}, nil, rest, o).growing(rest)
}

// spacer takes what height or width is left, at least h high.
type spacer struct{ node }

func newSpacer(h float32) *spacer {
	s := &spacer{}
	s.least = func() fyne.Size { return fyne.NewSize(0, h) }
	s.ExtendBaseWidget(s)
	return s
}

// newGap is a gap of a fixed height.
func newGap(h float32) *surface {
	s := newSurface("", "", 0)
	s.least = func() fyne.Size { return fyne.NewSize(0, h) }
	return s
}
