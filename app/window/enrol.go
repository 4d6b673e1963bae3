package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// enrolling asks for an enrolment link, or whether to follow one that was
// clicked: whose controller it is stands there then, in place of the field.
type enrolling struct {
	asking
	link *field
	gap  *surface
}

func (w *Window) newEnrol() (*modal, face) {
	e := &enrolling{link: w.newField(words.enrolField, words.enrolHint, false)}
	e.link.input.secret = true // it holds a code
	e.asking = asking{w: w, word: words.enrolDo,
		wipe: func() {},
		lock: func(on bool) { setEnabled(e.link.input, !on) },
		focus: func() fyne.Focusable {
			if e.prompt.Proposed != "" {
				return e.submit
			}
			return e.link.input
		},
		extra: func(*session.Prompt) { e.propose() },
		command: func() session.Command {
			if e.prompt.Proposed != "" {
				return session.Enrol{Prompt: e.prompt.ID}
			}
			if e.link.input.Text == "" {
				return nil
			}
			return session.Enrol{Link: session.Secret(e.link.input.Text)}
		},
	}
	e.link.input.OnChanged = func(string) { e.typed() }
	e.gap = newGap(14)
	m := e.build("add_link", 460, e.link.stack, e.gap)
	e.propose()
	return m, e
}

// propose shows the field, or the controller of the link that was clicked.
func (e *enrolling) propose() {
	clicked := e.prompt.Proposed != ""
	shown(e.link.stack, !clicked)
	shown(e.gap, !clicked)
	if clicked {
		e.title.set(words.proposeTitle)
		e.text.set(proposeText(e.prompt.Proposed))
		return
	}
	e.title.set(words.enrolTitle)
	e.text.set(words.enrolText)
}

// begun says whether anything was typed, or is being checked.
func (e *enrolling) begun() bool { return e.working() || e.link.input.Text != "" }

// enter looks at the link before it is sent: what is wrong with it is said at once.
func (e *enrolling) enter() {
	if e.command() == nil || e.working() {
		return
	}
	if e.prompt.Proposed != "" {
		e.asking.enter()
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
