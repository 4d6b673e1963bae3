package window

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// interacting asks for everything that one prompt wants: a code, the password,
// a reason, the acknowledgement of a message; and of several ways to answer for
// the one that the user chooses.
type interacting struct {
	asking
	device   wire.DeviceID // of the enrolment that asks
	choice   *chooser      // nil: there is no choice
	rows     map[wire.InteractionKind]fyne.CanvasObject
	code     *codeField
	password *field
	reason   *field
	deadline *pill
	lapses   *stack // holds deadline
	ticks    bool   // its next tick is set
}

func (w *Window) newInteraction() (*modal, face) {
	d := &interacting{device: w.state.Enrolment.Device, deadline: newPill("", "timer", warn), rows: map[wire.InteractionKind]fyne.CanvasObject{}}
	d.asking = asking{w: w, word: words.verifyDo, wipe: d.forget, lock: d.hold, focus: d.start, command: d.answer, extra: d.show}
	d.lapses = newStack(0, insets{bottom: 18}, nil, newCentred(d.deadline))
	p := w.state.Prompt
	fields := []fyne.CanvasObject{d.lapses}
	for _, i := range p.Interactions {
		fields = append(fields, d.row(i))
	}
	if len(p.Choice) > 0 {
		d.choice = w.newChooser(kindsOf(p.Choice), d.chosen)
		fields = append(fields, newStack(8, insets{bottom: 16}, nil, newLabel(words.choose, captionFont), d.choice.line))
		for _, i := range p.Choice {
			fields = append(fields, d.row(i))
		}
		d.reveal()
	}
	icon := "fingerprint"
	if k := kindsOf(p.Interactions); len(k) == 1 && d.choice == nil {
		switch k[0] {
		case wire.InteractionPassword:
			icon = "password"
		case wire.InteractionReason:
			d.word, icon = words.reasonDo, "edit_note"
		case wire.InteractionMessage:
			d.word, icon = words.acknowledge, "chat_info"
		}
	}
	if d.code != nil {
		d.code.filled = func() {
			if d.only(wire.InteractionMFA) { // there is nothing else to do
				d.enter()
			}
		}
	}
	m := d.build(icon, 430, fields...)
	return m, d
}

// row makes what asks for one interaction.
func (d *interacting) row(i wire.Interaction) fyne.CanvasObject {
	var o fyne.CanvasObject
	switch i.Kind {
	case wire.InteractionMFA:
		d.code = d.w.newCodeField(words.code)
		d.code.changed = d.typed
		o = newStack(8, insets{bottom: 14}, nil, newParagraph(cmp.Or(i.Message, words.code), captionFont, 0), d.code)
	case wire.InteractionPassword:
		d.password = d.w.newField(words.password, words.passwordHint, true)
		d.password.input.OnChanged = func(string) { d.typed() }
		d.password.caption.set(cmp.Or(i.Message, words.password))
		o = newStack(0, insets{bottom: 14}, nil, d.password.stack)
	case wire.InteractionReason:
		d.reason = d.w.newField(words.reason, words.reasonHint, false)
		d.reason.input.OnChanged = func(string) { d.typed() }
		d.reason.caption.set(cmp.Or(i.Message, words.reason))
		o = newStack(0, insets{bottom: 14}, nil, d.reason.stack)
	default:
		text := newParagraph(i.Message, font{size: 14, role: roleText}, 0)
		o = newStack(0, insets{bottom: 14}, nil,
			newLine(12, pads(14, 16), newSurface(roleRaised, roleLine, 12), newGlyph("chat_info", false, 22, roleAccent), text).growing(text))
	}
	d.rows[i.Kind] = o
	return o
}

// asked says whether that kind is to be answered.
func (d *interacting) asked(k wire.InteractionKind) bool {
	if d.choice != nil && slices.Contains(d.choice.kinds, k) {
		return k == d.choice.chosen
	}
	return d.rows[k] != nil
}

// only says whether that kind is all there is to answer.
func (d *interacting) only(k wire.InteractionKind) bool {
	for other := range d.rows {
		if other != k && d.asked(other) {
			return false
		}
	}
	return d.asked(k)
}

// reveal shows the fields of what is to be answered.
func (d *interacting) reveal() {
	for k, o := range d.rows {
		shown(o, d.asked(k))
	}
}

// chosen goes on with another choice.
func (d *interacting) chosen() {
	d.reveal()
	d.typed()
	if f := d.field(d.choice.chosen); f != nil && !d.choosing() {
		d.w.canvas().Focus(f)
	}
}

// choosing says whether the keyboard is at the choice.
func (d *interacting) choosing() bool {
	b, ok := d.w.canvas().Focused().(*button)
	return ok && slices.Contains(d.choice.buttons, b)
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
	title, text := asks(kindsOf(append(p.Interactions[:len(p.Interactions):len(p.Interactions)], p.Choice...)), namesOf(d.w.state, p.Apps), lapsed)
	d.title.set(title)
	d.text.set(text)
	if d.remaining() && !d.ticks {
		d.count()
	}
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

// count counts down for as long as the dialog is open, and there is something to count.
func (d *interacting) count() {
	d.ticks = false
	if d.w.layer.face != face(d) {
		return
	}
	left := d.remaining()
	relayout(d.w.layer.modal.body)
	if !left {
		return
	}
	d.ticks = true
	d.w.clock.at(d.w.options.Now().Add(time.Second), d.count)
}

// start is the first field of what is to be answered.
func (d *interacting) start() fyne.Focusable {
	for _, k := range []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword, wire.InteractionReason} {
		if f := d.field(k); f != nil && d.asked(k) {
			return f
		}
	}
	return d.submit
}

// field is where that kind is answered; nil: nothing is typed.
func (d *interacting) field(k wire.InteractionKind) fyne.Focusable {
	switch {
	case k == wire.InteractionMFA && d.code != nil:
		return d.code
	case k == wire.InteractionPassword && d.password != nil:
		return d.password.input
	case k == wire.InteractionReason && d.reason != nil:
		return d.reason.input
	}
	return nil
}

// begun says whether anything was typed, or is being checked.
func (d *interacting) begun() bool {
	return d.working() || d.code != nil && d.code.digits != "" || d.password != nil && d.password.input.Text != "" ||
		d.reason != nil && d.reason.input.Text != ""
}

// resume takes over what was typed for a prompt that this one has taken the
// place of, unless that was answered or was another enrolment's, and returns the
// field that goes on from the focus at the old one's; nil: none.
func (d *interacting) resume(was face, at fyne.Focusable) (next fyne.Focusable) {
	old, ok := was.(*interacting)
	if !ok || old.working() || old.device != d.device {
		return nil
	}
	if d.choice != nil && old.choice != nil && slices.Contains(d.choice.kinds, old.choice.chosen) {
		d.choice.choose(old.choice.chosen)
	}
	for k := range old.rows {
		from, to := old.field(k), d.field(k)
		if from == nil || to == nil {
			continue
		}
		switch k {
		case wire.InteractionMFA:
			d.code.set(old.code.digits)
		case wire.InteractionPassword:
			d.password.input.SetText(old.password.input.Text)
		case wire.InteractionReason:
			d.reason.input.SetText(old.reason.input.Text)
		}
		if from == at && d.asked(k) {
			next = to
		}
	}
	for _, i := range []*field{d.password, d.reason} {
		if i != nil {
			i.input.CursorColumn = len([]rune(i.input.Text))
		}
	}
	return next
}

// answer is nil while what is asked is not complete. It holds nothing that was
// typed for what was not chosen.
func (d *interacting) answer() session.Command {
	a := session.Answer{Prompt: d.prompt.ID, Device: d.device}
	if d.choice != nil {
		a.Choice = d.choice.chosen
	}
	if d.asked(wire.InteractionMFA) {
		if !d.code.complete() {
			return nil
		}
		a.MFA = session.Secret(d.code.digits)
	}
	if d.asked(wire.InteractionPassword) {
		if d.password.input.Text == "" {
			return nil
		}
		a.Password = session.Secret(d.password.input.Text)
	}
	if d.asked(wire.InteractionReason) {
		a.Reason = strings.TrimSpace(d.reason.input.Text)
		if a.Reason == "" {
			return nil
		}
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
	if d.choice != nil {
		d.choice.hold(on)
	}
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
