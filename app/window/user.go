package window

import (
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// userView is what the row of the user shows, and its menu offers.
type userView struct {
	initials string // empty: nobody is signed in
	name     string
	detail   string
	action   userAction
}

type userAction int

const (
	actEnrol userAction = iota
	actSignIn
	actSignOut
)

func userOf(s session.State) userView {
	switch {
	case !s.Enrolment.Enrolled():
		return userView{name: words.notEnrolled, detail: words.enrol, action: actEnrol}
	case s.Control.Phase == session.ControlSignedOut:
		return userView{name: s.Enrolment.User, detail: words.signedOut, action: actSignIn}
	case s.User.Name == "":
		return userView{name: s.Enrolment.User, detail: phaseWord(s), action: actSignOut}
	}
	v := userView{name: s.User.DisplayName, detail: s.User.Name, action: actSignOut}
	if v.name == "" {
		v.name, v.detail = s.User.Name, s.Enrolment.Name
	}
	v.initials = initials(v.name)
	return v
}

// initials are those of the first and the last word of a name.
func initials(name string) string {
	fields := strings.Fields(name)
	if len(fields) == 0 {
		return ""
	}
	first, _ := utf8.DecodeRuneInString(fields[0])
	if len(fields) == 1 {
		return strings.ToUpper(string(first))
	}
	last, _ := utf8.DecodeRuneInString(fields[len(fields)-1])
	return strings.ToUpper(string([]rune{first, last}))
}

// avatarSide is that of the initials, and leastUser how wide the row is, at the usual
// size of text, that has room for more than those.
const (
	avatarSide = 38
	leastUser  = 140
)

// userRow says who is signed in; a press opens a menu.
type userRow struct {
	node
	press
	back, ring   *surface
	content      *line
	bed          *surface
	initials     *label
	nobody       *glyph
	name, detail *label
}

func (w *Window) newUserRow() *userRow {
	u := &userRow{back: newSurface("", "", 12), ring: newRing(14)}
	u.press = press{act: func() { w.menu = true; w.settle() }, keys: w.key, changed: u.Refresh}
	u.bed = newSurface(roleAccentSoft, "", 19)
	u.initials = newLabel("", font{size: 14, weight: assets.SemiBold, role: roleAccent, align: fyne.TextAlignCenter})
	u.nobody = newGlyph("person", false, 20, roleAccent)
	avatar := newBadge(avatarSide, u.bed, u.initials, u.nobody)
	u.name = newElastic("", font{size: 14, weight: assets.SemiBold, role: roleText})
	u.detail = newElastic("", font{size: 12, weight: assets.Regular, role: roleFaint})
	texts := newStack(1, insets{}, nil, u.name, u.detail)
	more := newGlyph("chevron_right", false, 20, roleFaint)
	u.content = newLine(11, pads(8, 8), nil, avatar, texts, more).growing(texts)
	u.parts = []fyne.CanvasObject{u.back, u.ring, u.content}
	u.least = func() fyne.Size {
		return fyne.NewSize(avatarSide, max(avatarSide, texts.MinSize().Height)).AddWidthHeight(16, 16)
	}
	u.arrange = func(s fyne.Size) {
		wide := s.Width >= em(leastUser)
		shown(texts, wide)
		shown(more, wide)
		var x float32
		if !wide { // the initials alone, in the middle
			w := u.least().Width
			x = (s.Width - w) / 2
			s.Width = w
		}
		place(u.back, x, 0, s.Width, s.Height)
		place(u.ring, x-2, -2, s.Width+4, s.Height+4)
		place(u.content, x, 0, s.Width, s.Height)
	}
	u.paint = func() {
		fill := role("")
		if u.over {
			fill = roleRaised
		}
		u.back.set(fill, "")
		shown(u.ring, u.focused)
	}
	u.ExtendBaseWidget(u)
	return u
}

func (u *userRow) set(v userView) {
	u.initials.set(v.initials)
	shown(u.nobody, v.initials == "")
	u.name.set(v.name)
	u.detail.set(v.detail)
}

// newBadge puts things on top of each other in a square.
func newBadge(side float32, things ...fyne.CanvasObject) *node {
	n := &node{parts: things}
	n.least = func() fyne.Size { return fyne.NewSquareSize(side) }
	n.arrange = func(s fyne.Size) {
		for _, o := range things {
			place(o, (s.Width-side)/2, (s.Height-side)/2, side, side)
		}
	}
	n.ExtendBaseWidget(n)
	return n
}
