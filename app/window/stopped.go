package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// stopped says that the client has died, and starts it again.
type stopped struct {
	again      func()
	title      *paragraph
	text       *paragraph
	start      *button
	asked      bool
	close      *button
	closeAfter func()
}

// Stopped has the window say that the client is there no more, since Run has returned
// and nobody wanted that; again is called on Fyne's thread when the user wants it back.
// false: nobody looks at the window. Call it on Fyne's thread.
func (w *Window) Stopped(again func()) bool {
	if w.hidden {
		return false
	}
	w.stopped = again
	w.apply(session.State{At: w.options.Now(), Choices: w.state.Choices, Enrolment: w.state.Enrolment, Enrolments: w.state.Enrolments,
		ZTA: session.ZTA{Title: lang.T("Tidegate has stopped")}, Control: session.ControlChannel{Phase: session.ControlLost}})
	return true
}

// NotStarted says why the client is not there again. Call it on Fyne's thread.
func (w *Window) NotStarted(err error) {
	s, ok := w.layer.face.(*stopped)
	if !ok {
		return
	}
	s.asked = false
	s.start.setState(false, false)
	s.text.set(lang.F("It did not start: %s.", err))
	w.layer.modal.settle()
}

func (w *Window) newStopped() (*modal, face) {
	s := &stopped{again: w.stopped, closeAfter: w.closed}
	s.title = newParagraph(lang.T("Tidegate has stopped"), font{size: 18, weight: assets.SemiBold, role: roleText}, 0)
	s.text = newParagraph(lang.T("Your open connections are cut, and your applications are closed until it runs again."), font{size: 14, role: roleMuted}, 0)
	s.close = w.newButton(plain, lang.T("Close"), "", s.escape)
	s.start = w.newButton(primary, lang.T("Start again"), "", s.enter)
	actions := newLine(10, insets{}, nil, s.close, s.start).growing(s.close, s.start)
	return newModal(400, newStack(0, pad(24), nil, s.title, newGap(8), s.text, newGap(22), actions), nil), s
}

func (s *stopped) update(session.State)  {}
func (s *stopped) first() fyne.Focusable { return s.start }
func (s *stopped) escape()               { s.closeAfter() }

func (s *stopped) enter() {
	if s.asked {
		return
	}
	s.asked = true
	s.start.setState(true, false)
	s.again()
}
