package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// facts is a card of short facts, one a row.
type facts struct {
	*stack
	rows []*factRow
}

// factView is one fact. A value has its tone's dot and colour.
type factView struct {
	icon, name, value string
	tone              tone
}

func newFacts() *facts {
	f := &facts{stack: newStack(9, pads(14, 16), newSurface(roleSurface, roleLine, 14))}
	f.arrange = func(s fyne.Size) {
		f.fit(s.Width - f.pad.across())
		f.place(s)
	}
	return f
}

// fit leaves the signs out where there is no room for them beside the words.
func (f *facts) fit(w float32) {
	fits := true
	for i := range f.items {
		fits = fits && f.rows[i].wide() <= w
	}
	for _, r := range f.rows {
		shown(r.glyph, fits)
	}
}

func (f *facts) set(views []factView) {
	for len(f.rows) < len(views) {
		f.rows = append(f.rows, newFactRow())
	}
	items := make([]fyne.CanvasObject, len(views))
	for i, v := range views {
		f.rows[i].set(v)
		items[i] = f.rows[i].line
	}
	f.stack.set(items...)
}

type factRow struct {
	*line
	glyph *glyph
	name  *label
	dot   *glyph
	value *label
}

func newFactRow() *factRow {
	r := &factRow{
		glyph: newGlyph("hub", false, 17, roleFaint),
		name:  newElastic("", font{size: 13, weight: assets.Regular, role: roleMuted}),
		dot:   newGlyph("circle", true, 8, roleGood),
		value: newLabel("", font{size: 13, weight: assets.Medium, role: roleText}),
	}
	r.line = newLine(9, insets{}, nil, r.glyph, r.name, r.dot, r.value).growing(r.name)
	return r
}

func (r *factRow) set(v factView) {
	r.glyph.set(v.icon, false, roleFaint)
	r.name.set(v.name)
	r.value.set(v.value)
	ink := v.tone.ink()
	if v.tone == neutral {
		ink = roleText
	}
	r.value.tint(ink)
	shown(r.dot, v.tone == good)
	r.Refresh()
}

// wide is how wide the row is with its sign and all its words.
func (r *factRow) wide() float32 {
	w := r.glyph.MinSize().Width + r.name.font.measure(r.name.text).Width + r.value.MinSize().Width + 2*r.gap
	if r.dot.Visible() {
		w += r.dot.MinSize().Width + r.gap
	}
	return w
}
