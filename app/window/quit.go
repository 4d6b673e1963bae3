package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// quitting asks before the client ends while applications are in use, or a VPN is
// connected.
type quitting struct {
	w      *Window
	text   *paragraph
	cancel *button
}

func (w *Window) newQuit() (*modal, face) {
	q := &quitting{w: w}
	q.text = newParagraph("", font{size: 14, role: roleMuted}, 0)
	q.cancel = w.newButton(plain, words.cancel, "", q.escape)
	quit := w.newButton(danger, words.quitDo, "", q.enter)
	actions := newLine(10, insets{}, nil, q.cancel, quit).growing(q.cancel, quit)
	body := newStack(0, pad(24), nil,
		newLabel(words.quitTitle, font{size: 18, weight: assets.SemiBold, role: roleText}), newGap(8), q.text, newGap(22), actions)
	return newModal(400, body, q.escape), q
}

func (q *quitting) update(s session.State) {
	if text := quitText(s); text != "" && q.text.set(text) && q.w.layer.modal != nil { // what it would cut may end meanwhile
		q.w.layer.modal.settle()
	}
}

func (q *quitting) first() fyne.Focusable { return q.cancel }
func (q *quitting) escape()               { q.w.ending = false; q.w.settle() }

func (q *quitting) enter() {
	q.escape()
	q.w.do(session.Quit{}, nil)
}
