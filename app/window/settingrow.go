package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// settingRow is a title, what it means, and a word or a control at the end.
type settingRow struct {
	*line
	title  *label
	detail *paragraph
	pill   *pill
	fixed  bool // by the administrator: the pill has a lock
}

func newSettingRow(icon, title string) *settingRow {
	r := &settingRow{title: newElastic(title, font{size: 14, weight: assets.SemiBold, role: roleText}), pill: newPill("", "circle", neutral)}
	r.detail = newParagraph("", font{size: 13, role: roleMuted}, 0)
	texts := newStack(2, insets{}, nil, r.title, r.detail)
	r.line = newLine(16, pads(13, 16), nil, newGlyph(icon, false, 22, roleFaint), texts, r.pill).growing(texts)
	r.pill.Hide()
	return r
}

// with puts a control at the end.
func (r *settingRow) with(control fyne.CanvasObject) {
	r.line.items = append(r.line.items, control)
	r.line.parts = append(r.line.parts, control)
}

func (r *settingRow) set(title, detail, word string, t tone) {
	r.title.set(title)
	r.detail.set(detail)
	icon := map[tone]string{good: "check_circle", warn: "error"}[t]
	if icon == "" {
		icon = "help"
	}
	if r.fixed {
		icon = "lock"
	}
	r.pill.set(word, icon, t)
	shown(r.pill, word != "")
}

// settingGroup is a card of rows with hairlines between those that are shown.
type settingGroup struct {
	*stack
	rows, rules []fyne.CanvasObject
}

func newSettingGroup(rows ...fyne.CanvasObject) *settingGroup {
	s := &settingGroup{}
	var items []fyne.CanvasObject
	for _, r := range rows {
		if row, ok := r.(*settingRow); ok {
			r = row.line // which Fyne knows
		}
		s.rows = append(s.rows, r)
		rule := newSurface(roleLine, "", 0)
		rule.least = func() fyne.Size { return fyne.NewSize(0, 1) }
		s.rules = append(s.rules, rule)
		items = append(items, rule, r)
	}
	s.stack = newStack(0, pads(3, 1), newSurface(roleSurface, roleLine, 14), items...)
	s.rule()
	return s
}

// rule draws the hairlines.
func (s *settingGroup) rule() {
	above := false
	for i, r := range s.rows {
		shown(s.rules[i], above && r.Visible())
		above = above || r.Visible()
	}
}
