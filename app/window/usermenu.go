package window

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// menuWidth is that of the user's menu, at the usual size of text.
const menuWidth = 348

// usermenu is the menu of the user's row: who is signed in, the enrolments, of which
// a press makes one active, and what ends the session or begins one.
type usermenu struct {
	w          *Window
	button     *button
	action     userAction
	active     wire.DeviceID
	enrolments []session.Enrolment
}

func (w *Window) newMenu() (*modal, face) {
	u := &usermenu{w: w, active: w.state.Enrolment.Device, enrolments: w.state.Enrolments}
	v := userOf(w.state)
	u.action = v.action
	style, text, icon := wash, words.signIn, "login"
	switch v.action {
	case actSignOut:
		style, text, icon = danger, words.signOut, "logout"
	case actEnrol:
		text, icon = words.enrol, "add_link"
	}
	u.button = w.newButton(style, text, icon, u.act)
	items := []fyne.CanvasObject{}
	if v.initials != "" {
		items = append(items, newElastic(v.name, font{size: 14, weight: assets.SemiBold, role: roleText}),
			newElastic(strings.Join(nonEmpty(v.detail, w.state.Enrolment.Name), " · "), font{size: 12, role: roleFaint}), newGap(8))
	}
	items = append(items, u.list()...)
	m := newModal(menuWidth, newStack(2, pad(14), nil, append(items, u.button)...), u.escape)
	m.corner = func() fyne.Position { return fyne.NewPos(12, w.side.user.Position().Y-8) }
	return m, u
}

// list are the enrolments: the active one, the others below it, and what adds one.
func (u *usermenu) list() (items []fyne.CanvasObject) {
	if len(u.enrolments) == 0 {
		return nil
	}
	caption := func(text string) fyne.CanvasObject {
		return newStack(0, insets{top: 4, bottom: 4}, nil, newLabel(text, captionFont))
	}
	others := false
	for _, e := range u.inOrder() {
		switch {
		case e.Device == u.active:
			items = append(items, caption(enrolWords.active))
		case !others:
			others = true
			items = append(items, caption(enrolWords.switchTo))
		}
		row := u.w.newEnrolmentRow(e, e.Device == u.active, func() { u.pick(e) })
		forget := u.w.newIconButton(quiet, forgetName(e), "delete", func() { u.forget(e) })
		forget.high = 40
		items = append(items, newLine(4, insets{}, nil, row, forget).growing(row))
	}
	add := u.w.newButton(quiet, enrolWords.add, "add_link", u.add)
	add.left, add.high = true, 40
	return append(items, newGap(4), add, newGap(8))
}

// inOrder are the enrolments, the active one first.
func (u *usermenu) inOrder() []session.Enrolment {
	all := slices.Clone(u.enrolments)
	slices.SortStableFunc(all, func(a, b session.Enrolment) int {
		switch u.active {
		case a.Device:
			return -1
		case b.Device:
			return 1
		}
		return 0
	})
	return all
}

// pick makes another enrolment the active one.
func (u *usermenu) pick(e session.Enrolment) {
	u.escape()
	if e.Device != u.active {
		u.w.do(session.SwitchEnrolment{Device: e.Device}, nil)
	}
}

func (u *usermenu) add() {
	u.escape()
	u.w.do(session.ProposeEnrol{}, nil)
}

// forget asks whether to.
func (u *usermenu) forget(e session.Enrolment) {
	u.w.menu, u.w.forgetting = false, e.Device
	u.w.settle()
}

func nonEmpty(s ...string) []string {
	var kept []string
	for _, v := range s {
		if v != "" {
			kept = append(kept, v)
		}
	}
	return kept
}

func (u *usermenu) act() {
	u.escape()
	if u.action == actSignOut {
		u.w.do(session.SignOut{}, nil)
		return
	}
	u.w.do(session.ShowPrompt{}, nil)
}

// update closes the menu where what it offers is no more.
func (u *usermenu) update(s session.State) {
	if userOf(s).action != u.action || s.Enrolment.Device != u.active || !slices.Equal(s.Enrolments, u.enrolments) {
		u.w.menu = false
		u.w.closeLayer()
	}
}

func (u *usermenu) first() fyne.Focusable { return u.button }
func (u *usermenu) enter()                { u.act() }
func (u *usermenu) escape()               { u.w.menu = false; u.w.settle() }
