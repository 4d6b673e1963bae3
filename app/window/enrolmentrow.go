package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// enrolmentRow is an enrolment in the user's menu: whose controller it is, and for
// whom. Long names are broken, not cut: two may begin alike.
type enrolmentRow struct {
	node
	press
	says       string
	active     bool
	back, ring *surface
	content    *line
}

func (w *Window) newEnrolmentRow(e session.Enrolment, active bool, act func()) *enrolmentRow {
	r := &enrolmentRow{says: enrolWords.switchTo + " " + enrolledAs(e), active: active, back: newSurface("", "", 10), ring: newRing(12)}
	r.press = press{act: act, keys: w.key}
	r.changed = func() {
		r.Refresh()
		if r.focused {
			w.reveal(r)
		}
	}
	icon, ink := "domain", roleMuted
	if active {
		icon, ink, r.says = "check_circle", roleAccent, captioned(enrolWords.active, enrolledAs(e))
	}
	texts := newStack(1, insets{}, nil,
		newParagraph(e.Label(), font{size: 14, weight: assets.SemiBold, role: roleText}, 0),
		newParagraph(e.User, font{size: 12, role: roleMuted}, 0))
	r.content = newLine(10, pads(7, 12), nil, newGlyph(icon, active, 20, ink), texts).growing(texts)
	r.parts = []fyne.CanvasObject{r.back, r.ring, r.content}
	r.least = func() fyne.Size { return r.content.MinSize() }
	r.grows = r.content.heightFor
	r.arrange = func(s fyne.Size) {
		place(r.back, 0, 0, s.Width, s.Height)
		place(r.ring, -3, -3, s.Width+6, s.Height+6)
		place(r.content, 0, 0, s.Width, s.Height)
	}
	r.paint = func() {
		fill := role("")
		switch {
		case r.active:
			fill = roleAccentSoft
		case r.over:
			fill = roleRaised
		}
		r.back.set(fill, "")
		shown(r.ring, r.focused)
	}
	r.ExtendBaseWidget(r)
	r.paint()
	return r
}
