package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// shownTerms is how many criteria there is room for.
const shownTerms = 6

// terms lists what keeps an application closed, or will, and what the device
// reported; nothing where nothing is known.
type terms struct {
	*stack
	title  *label
	hidden *label
	rows   []*termRow
}

func newTerms() *terms {
	t := &terms{
		title:  newLabel(words.termsTitle, font{size: 13, weight: assets.SemiBold, role: roleMuted}),
		hidden: newElastic(words.termsHidden, font{size: 13, role: roleFaint}),
	}
	t.stack = newStack(6, insets{top: 14, left: 2, right: 2}, nil)
	t.stack.Hide()
	return t
}

func (t *terms) set(failing [][2]string, hidden bool) {
	shown(t.stack, len(failing) > 0)
	if n := len(failing); n > shownTerms {
		failing = append(failing[:shownTerms-1:shownTerms-1], [2]string{moreText(n - shownTerms + 1)})
	}
	for len(t.rows) < len(failing) {
		t.rows = append(t.rows, newTermRow())
	}
	items := []fyne.CanvasObject{t.title}
	for i, f := range failing {
		t.rows[i].set(f[0], f[1])
		items = append(items, t.rows[i].line)
	}
	if hidden {
		items = append(items, t.hidden)
	}
	t.stack.set(items...)
}

// termRow is one criterion.
type termRow struct {
	*line
	name, value *label
}

func newTermRow() *termRow {
	r := &termRow{
		name:  newElastic("", font{size: 13, role: roleText}),
		value: newElastic("", font{size: 13, weight: assets.Medium, role: roleText, align: fyne.TextAlignTrailing}),
	}
	r.line = newLine(9, insets{}, nil, newGlyph("circle", true, 7, roleFaint), r.name, r.value).growing(r.name, r.value)
	return r
}

func (r *termRow) set(name, value string) {
	r.name.set(name)
	r.value.set(value)
	shown(r.value, value != "")
	r.Refresh()
}
