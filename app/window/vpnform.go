package window

import (
	"cmp"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// vpnForm is what a VPN's server asks, as a dialog: its message word for word, and a
// field for each of its own.
type vpnForm struct {
	asking
	asked  session.VPNPrompt
	fields []vpnInput
}

// vpnInput is one field: typed into, or chosen from.
type vpnInput struct {
	kind   session.VPNFieldKind
	typed  *field
	chosen *picker
}

func (w *Window) newVPNForm() (*modal, face) {
	d := &vpnForm{asked: *w.state.VPN.Prompt}
	d.asking = asking{w: w, word: vpnWords.formDo, away: words.cancel, of: vpnPrompt, put: d.cancel, wipe: d.forget, lock: d.hold, command: d.answer, focus: d.start}
	var items []fyne.CanvasObject
	if d.asked.Message != "" {
		text := newParagraph(d.asked.Message, font{size: 14, role: roleText}, 0)
		texts := newStack(3, insets{}, nil, newLabel(vpnWords.says, captionFont), text)
		said := newLine(12, pads(12, 14), newSurface(roleRaised, roleLine, 12), newGlyph("chat_info", false, 22, roleAccent), texts).growing(texts)
		said.top = true
		items = append(items, said, newGap(16))
	}
	for _, f := range d.asked.Fields {
		i := vpnInput{kind: f.Kind}
		label := cmp.Or(f.Label, vpnWords.answer)
		if f.Kind == session.VPNChoice && len(f.Choices) > 0 {
			i.chosen = w.newPicker(label, f.Choices, nil, d.typed)
			for n, c := range f.Choices {
				if c == f.Value {
					i.chosen.choose(n)
				}
			}
			items = append(items, i.chosen.stack)
		} else {
			i.typed = w.newField(label, "", f.Kind == session.VPNPassword || f.Kind == session.VPNCode)
			if !i.typed.input.secret {
				i.typed.input.SetText(f.Value)
			}
			i.typed.input.OnChanged = func(string) { d.typed() }
			items = append(items, i.typed.stack)
		}
		items = append(items, newGap(14))
		d.fields = append(d.fields, i)
	}
	m := d.build("vpn_key", 440, items...)
	if c, ok := connectionOf(w.state, d.asked.Connection); ok {
		d.title.set(formTitle(connectionName(c.VPNSettings)))
		d.title.font.weight = assets.SemiBold
		if c.Name != "" {
			d.text.set(c.Address)
		}
	} else {
		d.title.set(vpnWords.formTitle)
	}
	return m, d
}

// vpnPrompt is what a server asks, as a prompt.
func vpnPrompt(s session.State) *session.Prompt {
	p := s.VPN.Prompt
	if p == nil {
		return nil
	}
	prompt := &session.Prompt{ID: p.ID, Busy: p.Busy}
	if p.Error != "" {
		prompt.Error = &session.Problem{Title: p.Error}
	}
	return prompt
}

func (d *vpnForm) cancel() session.Command { return session.CancelVPNPrompt{Prompt: d.asked.ID} }

// lacks says whether a field has to be filled in yet. What the server calls a text
// may be left empty: it is not known what it is.
func (i vpnInput) lacks() bool {
	return i.typed != nil && i.kind != session.VPNText && i.typed.input.Text == ""
}

// empty says whether nothing stands in a field.
func (i vpnInput) empty() bool { return i.typed != nil && i.typed.input.Text == "" }

func (i vpnInput) focus() fyne.Focusable {
	if i.typed != nil {
		return i.typed.input
	}
	return i.chosen.head
}

// start is the first field that is empty.
func (d *vpnForm) start() fyne.Focusable {
	for _, i := range d.fields {
		if i.empty() {
			return i.focus()
		}
	}
	if len(d.fields) > 0 {
		return d.fields[0].focus()
	}
	return d.submit
}

// answer is nil while the form is not complete.
func (d *vpnForm) answer() session.Command {
	a := session.AnswerVPNPrompt{Prompt: d.asked.ID}
	for _, i := range d.fields {
		switch {
		case i.lacks():
			return nil
		case i.typed != nil:
			a.Values = append(a.Values, session.Secret(i.typed.input.Text))
		default:
			a.Values = append(a.Values, session.Secret(i.chosen.shown[i.chosen.chosen]))
		}
	}
	return a
}

// enter goes on to the next field that is empty, and else answers.
func (d *vpnForm) enter() {
	after := false
	for _, i := range d.fields {
		if after && i.empty() {
			d.w.canvas().Focus(i.focus())
			return
		}
		after = after || i.focus() == d.w.canvas().Focused()
	}
	if d.command() == nil {
		d.w.canvas().Focus(d.start())
		return
	}
	d.asking.enter()
}

func (d *vpnForm) forget() {
	for _, i := range d.fields {
		if i.typed != nil && i.typed.input.secret {
			i.typed.input.forget()
		}
	}
}

func (d *vpnForm) hold(on bool) {
	for _, i := range d.fields {
		if i.typed != nil {
			setEnabled(i.typed.input, !on)
		} else {
			i.chosen.hold(on)
		}
	}
}

// begun says whether anything was typed, or is being checked.
func (d *vpnForm) begun() bool {
	for n, i := range d.fields {
		if i.typed != nil && i.typed.input.Text != "" && (i.typed.input.secret || i.typed.input.Text != d.asked.Fields[n].Value) {
			return true
		}
	}
	return d.working()
}

// resume takes over what is no secret and was typed for the form that this one has
// taken the place of: the server asks again after a wrong answer.
func (d *vpnForm) resume(was face, _ fyne.Focusable) fyne.Focusable {
	old, ok := was.(*vpnForm)
	if !ok || old.asked.Connection != d.asked.Connection {
		return nil
	}
	for _, i := range d.fields {
		for _, o := range old.fields {
			if i.empty() && o.typed != nil && i.kind == session.VPNText && o.kind == session.VPNText && o.typed.caption.text == i.typed.caption.text {
				i.typed.input.SetText(o.typed.input.Text)
			}
		}
	}
	return d.start()
}
