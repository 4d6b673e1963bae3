package window

import (
	"cmp"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// interacting asks for everything that one prompt wants: a code, the password,
// a reason, the acknowledgement of a message.
type interacting struct {
	asking
	code     *codeField
	password *field
	reason   *field
	deadline *pill
	lapses   *stack // holds deadline
}

func (w *Window) newInteraction() (*modal, face) {
	d := &interacting{deadline: newPill("", "timer", warn)}
	d.asking = asking{w: w, word: words.verifyDo, wipe: d.forget, lock: d.hold, focus: d.start, command: d.answer, extra: d.show}
	d.lapses = newStack(0, insets{bottom: 18}, nil, newCentred(d.deadline))
	fields := []fyne.CanvasObject{d.lapses}
	icon := "fingerprint"
	kinds := kindsOf(w.state.Prompt.Interactions)
	for _, i := range w.state.Prompt.Interactions {
		switch i.Kind {
		case wire.InteractionMFA:
			d.code = w.newCodeField(words.code)
			d.code.changed = d.typed
			fields = append(fields, newStack(8, insets{bottom: 14}, nil, newParagraph(cmp.Or(i.Message, words.code), captionFont, 0), d.code))
		case wire.InteractionPassword:
			d.password = w.newField(words.password, words.passwordHint, true)
			d.password.input.OnChanged = func(string) { d.typed() }
			d.password.caption.set(cmp.Or(i.Message, words.password))
			fields = append(fields, d.password.stack, newGap(14))
		case wire.InteractionReason:
			d.reason = w.newField(words.reason, words.reasonHint, false)
			d.reason.input.OnChanged = func(string) { d.typed() }
			d.reason.caption.set(cmp.Or(i.Message, words.reason))
			fields = append(fields, d.reason.stack, newGap(14))
		case wire.InteractionMessage:
			text := newParagraph(i.Message, font{size: 14, role: roleText}, 0)
			fields = append(fields, newLine(12, pads(14, 16), newSurface(roleRaised, roleLine, 12), newGlyph("chat_info", false, 22, roleAccent), text).growing(text), newGap(14))
		}
	}
	if len(kinds) == 1 {
		switch kinds[0] {
		case wire.InteractionMFA:
			d.code.filled = d.enter // there is nothing else to do
		case wire.InteractionPassword:
			icon = "password"
		case wire.InteractionReason:
			d.word, icon = words.reasonDo, "edit_note"
		case wire.InteractionMessage:
			d.word, icon = words.acknowledge, "chat_info"
		}
	}
	m := d.build(icon, 430, fields...)
	return m, d
}

// kindsOf are the kinds that are asked, each once.
func kindsOf(is []wire.Interaction) []wire.InteractionKind {
	var kinds []wire.InteractionKind
	for _, i := range is {
		if !slices.Contains(kinds, i.Kind) {
			kinds = append(kinds, i.Kind)
		}
	}
	return kinds
}

func (d *interacting) show(p *session.Prompt) {
	lapsed := p.Deadline.IsZero() || !d.w.options.Now().Before(p.Deadline)
	title, text := asks(kindsOf(p.Interactions), namesOf(d.w.state, p.Apps), lapsed)
	d.title.set(title)
	d.text.set(text)
	d.remaining()
	if d.code != nil {
		d.code.fail(p.Error != nil && !p.Busy && d.code.digits == "")
	}
}

// remaining shows how long there is left, and says whether it matters yet.
func (d *interacting) remaining() bool {
	at := d.prompt.Deadline
	shown(d.lapses, !at.IsZero())
	if at.IsZero() {
		return false
	}
	left := at.Sub(d.w.options.Now())
	t := warn
	if left < 30*time.Second {
		t = bad
	}
	d.deadline.set(countdown(left), "timer", t)
	return left > 0
}

// tick counts down for as long as the dialog is open.
func (d *interacting) tick() {
	if d.w.layer.face != face(d) {
		return
	}
	if d.remaining() {
		relayout(d.w.layer.modal.body)
	}
	d.w.clock.at(d.w.options.Now().Add(time.Second), d.tick)
}

func (d *interacting) start() fyne.Focusable {
	switch {
	case d.code != nil:
		return d.code
	case d.password != nil:
		return d.password.input
	case d.reason != nil:
		return d.reason.input
	}
	return d.submit
}

func (d *interacting) answer() session.Command {
	a := session.Answer{Prompt: d.prompt.ID}
	if d.code != nil {
		if !d.code.complete() {
			return nil
		}
		a.MFA = session.Secret(d.code.digits)
	}
	if d.password != nil {
		if d.password.input.Text == "" {
			return nil
		}
		a.Password = session.Secret(d.password.input.Text)
	}
	if d.reason != nil {
		if d.reason.input.Text == "" {
			return nil
		}
		a.Reason = d.reason.input.Text
	}
	return a
}

func (d *interacting) forget() {
	if d.code != nil {
		d.code.set("")
	}
	if d.password != nil {
		d.password.input.forget()
	}
}

func (d *interacting) hold(on bool) {
	if d.code != nil {
		setEnabled(d.code, !on)
	}
	if d.password != nil {
		setEnabled(d.password.input, !on)
	}
	if d.reason != nil {
		setEnabled(d.reason.input, !on)
	}
}
