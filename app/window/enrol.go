package window

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// enrolling asks for an enrolment link, or whether to follow one that was clicked. As
// soon as there is a whole link, the dialog says whose controller it leads to.
type enrolling struct {
	asking
	link  *field
	paste *button
	row   *stack // the link, and what pastes one
	gap   *surface

	whose        *stack
	organisation *paragraph
	host         *paragraph
	print        *paragraph
	shownOf      wire.EnrolmentLink // what whose shows
}

func (w *Window) newEnrol() (*modal, face) {
	e := &enrolling{link: w.newField(words.enrolField, words.enrolHint, false)}
	e.link.input.secret = true // it holds a code
	e.asking = asking{w: w, word: words.enrolDo,
		wipe: func() {},
		lock: func(on bool) {
			setEnabled(e.link.input, !on)
			e.paste.setState(on, false)
		},
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
	if w.state.Enrolment.Enrolled() {
		e.away = words.cancel
	}
	e.link.input.OnChanged = func(string) { e.typed() }
	e.paste = w.newButton(plain, enrolWords.paste, "content_paste", e.pasteLink)
	e.paste.high = 42
	line := newLine(10, insets{}, nil, e.link.input.frame, e.paste).growing(e.link.input.frame)
	e.row = newStack(8, insets{}, nil, e.link.caption, line)
	e.whose = e.newWhose()
	e.gap = newGap(14)
	m := e.build("add_link", 500, e.row, e.gap, e.whose, newGap(14))
	e.propose()
	return m, e
}

// newWhose is what there is to know of a controller before it is trusted.
func (e *enrolling) newWhose() *stack {
	fact := func(caption string, mono bool) (*paragraph, fyne.CanvasObject) {
		p := newParagraph("", font{size: 14, role: roleText, mono: mono}, 0)
		return p, newStack(2, insets{}, nil, newLabel(caption, captionFont), p)
	}
	var rows [3]fyne.CanvasObject
	e.organisation, rows[0] = fact(enrolWords.organisation, false)
	e.host, rows[1] = fact(words.controller, false)
	e.print, rows[2] = fact(enrolWords.fingerprint, true)
	s := newStack(12, pads(14, 16), newSurface(roleRaised, roleLine, 12), rows[0], rows[1], rows[2],
		newParagraph(enrolWords.check, font{size: 13, role: roleMuted}, 0))
	s.Hide()
	return s
}

// propose shows the field, or the controller of the link that was clicked, and what
// enrolling changes.
func (e *enrolling) propose() {
	clicked, now := e.prompt.Proposed != "", e.w.state.Enrolment
	shown(e.row, !clicked)
	l, err := wire.ParseEnrolmentLink(e.link.input.Text)
	whole := clicked || err == nil
	shown(e.gap, !clicked && whole)
	shown(e.whose, whole)
	switch {
	case clicked:
		e.say(e.prompt.Organisation, e.prompt.Proposed, e.prompt.Fingerprint)
	case whole && l != e.shownOf:
		e.shownOf = l
		e.say(l.Name, l.Controller, l.Fingerprint())
	}
	switch {
	case clicked && now.Enrolled():
		e.title.set(words.proposeTitle)
		e.text.set(clickedText(e.prompt.Proposed, now.Label()))
	case clicked:
		e.title.set(words.proposeTitle)
		e.text.set(proposeText(e.prompt.Proposed))
	case now.Enrolled():
		e.title.set(enrolWords.addTitle)
		e.text.set(fmt.Sprintf(enrolWords.addText, now.Label()))
	default:
		e.title.set(words.enrolTitle)
		e.text.set(words.enrolText)
	}
}

// say tells whose controller it is.
func (e *enrolling) say(organisation, host, print string) {
	organisation = plaintext.Line(organisation)
	shown(e.whose.items[0], organisation != "")
	e.organisation.set(fmt.Sprintf(enrolWords.organisationSays, organisation))
	e.host.set(plaintext.Line(host))
	shown(e.whose.items[2], print != "")
	e.print.set(print)
}

// pasteLink takes the link from the clipboard, which is looked at then and not
// before. What is no link stays there.
func (e *enrolling) pasteLink() {
	text := strings.TrimSpace(e.w.app.Clipboard().Content())
	_, err := wire.ParseEnrolmentLink(text)
	switch {
	case text == "":
		e.local = enrolWords.nothing
	case err != nil && !strings.HasPrefix(text, "tidegate:"):
		e.local = enrolWords.other
	case err != nil:
		e.local = sentence(err)
	default:
		e.link.input.SetText(text)
		e.w.canvas().Focus(e.submit)
		return
	}
	e.refresh(false)
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
