package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// detailRow is a fact of an application; an empty one is hidden.
type detailRow struct {
	*line
	name, value *label
}

func newDetailRow(name string) *detailRow {
	r := &detailRow{value: newElastic("", font{size: 13, weight: assets.Medium, role: roleText, align: fyne.TextAlignTrailing})}
	r.name = newLabel(name, font{size: 13, role: roleMuted})
	height := newGap(32)
	r.line = newLine(0, pads(0, 2), nil, height, r.name, r.value).growing(r.value)
	return r
}

// newCopyRow is a fact that somebody wants to paste elsewhere.
func (w *Window) newCopyRow(name string, mono bool) *detailRow {
	r := newDetailRow(name)
	r.value.font.mono = mono
	r.value.font.size = 13
	b := w.newIconButton(quiet, words.copy+" "+name, "content_copy", func() { w.copy(r.value.text, words.copied) })
	b.high = 30
	r.line.items = append(r.line.items, b)
	r.line.parts = append(r.line.parts, b)
	return r
}

func (r *detailRow) set(value string) {
	r.value.set(value)
	shown(r.line, value != "")
}

// newFactGroup puts facts together under a heading; nothing where all are empty.
func newFactGroup(title string, rows ...*detailRow) *stack {
	lines := make([]fyne.CanvasObject, len(rows))
	for i, r := range rows {
		lines[i] = r.line
	}
	list := newStack(0, pads(5, 14), newSurface(roleGround, roleLine, 12), lines...)
	return newStack(8, insets{top: 18}, nil, newLabel(title, groupFont), list)
}

// groupFont is that of a heading above facts.
var groupFont = font{size: 13, weight: assets.SemiBold, role: roleMuted}
