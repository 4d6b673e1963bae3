package window

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// forgetting asks before an enrolment is removed from this device.
type forgetting struct {
	w      *Window
	device wire.DeviceID
	cancel *button
}

// enrolmentOf is the enrolment of that device.
func enrolmentOf(s session.State, d wire.DeviceID) (session.Enrolment, bool) {
	i := slices.IndexFunc(s.Enrolments, func(e session.Enrolment) bool { return e.Device == d })
	if d == "" || i < 0 {
		return session.Enrolment{}, false
	}
	return s.Enrolments[i], true
}

func (w *Window) newForget() (*modal, face) {
	d := &forgetting{w: w, device: w.forgetting}
	e, _ := enrolmentOf(w.state, d.device)
	d.cancel = w.newButton(plain, words.cancel, "", d.escape)
	forget := w.newButton(danger, enrolWords.forget, "", d.enter)
	actions := newLine(10, insets{}, nil, d.cancel, forget).growing(d.cancel, forget)
	text := fmt.Sprintf(enrolWords.forgetText, e.User)
	if next := nextAfter(w.state, d.device); next != "" {
		text += " " + fmt.Sprintf(enrolWords.forgetLast, next)
	}
	body := newStack(0, pad(24), nil,
		newParagraph(forgetTitle(e), font{size: 18, weight: assets.SemiBold, role: roleText}, 0), newGap(8),
		newParagraph(text, font{size: 14, role: roleMuted}, 0), newGap(22), actions)
	return newModal(400, body, d.escape), d
}

// nextAfter is who becomes active once that enrolment is gone; empty: nobody else than
// is.
func nextAfter(s session.State, d wire.DeviceID) string {
	if d != s.Enrolment.Device {
		return ""
	}
	for _, e := range s.Enrolments {
		if e.Device != d {
			return enrolledAs(e)
		}
	}
	return ""
}

// update closes the question where there is nothing to forget any more.
func (d *forgetting) update(s session.State) {
	if _, ok := enrolmentOf(s, d.device); !ok {
		d.w.forgetting = ""
		d.w.closeLayer()
	}
}

func (d *forgetting) first() fyne.Focusable { return d.cancel }
func (d *forgetting) escape()               { d.w.forgetting = ""; d.w.settle() }

func (d *forgetting) enter() {
	d.escape()
	d.w.do(session.ForgetEnrolment{Device: d.device}, nil)
}
