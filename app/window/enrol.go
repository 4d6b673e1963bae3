package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// enrolling asks for an enrolment link.
type enrolling struct {
	asking
	link *field
}

func (w *Window) newEnrol() (*modal, face) {
	e := &enrolling{link: w.newField(words.enrolField, words.enrolHint, false)}
	e.link.input.secret = true // it holds a code
	e.asking = asking{w: w, word: words.enrolDo,
		wipe:  func() {},
		lock:  func(on bool) { setEnabled(e.link.input, !on) },
		focus: func() fyne.Focusable { return e.link.input },
		command: func() session.Command {
			if e.link.input.Text == "" {
				return nil
			}
			return session.Enrol{Link: session.Secret(e.link.input.Text)}
		},
	}
	e.link.input.OnChanged = func(string) { e.typed() }
	m := e.build("add_link", 460, e.link.stack, newGap(14))
	e.title.set(words.enrolTitle)
	e.text.set(words.enrolText)
	return m, e
}

// enter looks at the link before it is sent: what is wrong with it is said at once.
func (e *enrolling) enter() {
	if e.command() == nil || e.working() {
		return
	}
	if _, err := wire.ParseEnrolmentLink(e.link.input.Text); err != nil {
		e.local = sentence(err)
		e.refresh(false)
		return
	}
	e.asking.enter()
}

// setEnabled enables or disables a field.
func setEnabled(f fyne.Disableable, on bool) {
	if on {
		f.Enable()
	} else {
		f.Disable()
	}
}
