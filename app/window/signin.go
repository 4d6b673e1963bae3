package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// signingIn asks for the password, and a one-time code where the policy wants one.
type signingIn struct {
	asking
	device   wire.DeviceID // of the enrolment that asks
	password *field
	code     *codeField
	codeRow  *stack
}

func (w *Window) newSignIn() (*modal, face) {
	d := &signingIn{device: w.state.Enrolment.Device, password: w.newField(words.password, words.passwordHint, true), code: w.newCodeField(words.code)}
	d.codeRow = newStack(8, insets{top: 14}, nil, newLabel(words.code, captionFont), d.code)
	d.asking = asking{w: w, word: words.signIn,
		wipe: func() {
			d.password.input.forget()
			d.code.set("")
		},
		lock: func(on bool) {
			setEnabled(d.password.input, !on)
			setEnabled(d.code, !on)
		},
		focus:   func() fyne.Focusable { return d.password.input },
		command: d.answer,
		extra:   d.show,
	}
	d.password.input.OnChanged = func(string) { d.typed() }
	d.code.changed = d.typed
	d.code.filled = d.complete
	m := d.build("login", 420, d.password.stack, d.codeRow, newGap(14))
	d.title.set(words.signInTitle)
	return m, d
}

// begun says whether anything was typed, or is being checked.
func (d *signingIn) begun() bool {
	return d.working() || d.password.input.Text != "" || d.code.digits != ""
}

func (d *signingIn) show(p *session.Prompt) {
	user := p.User
	if user == "" {
		user = d.w.state.Enrolment.User
	}
	d.text.set(signInText(user, d.w.state.Enrolment.Name))
	shown(d.codeRow, p.Code)
}

// enter goes on to the code where only that is missing, and else answers.
func (d *signingIn) enter() {
	if d.prompt.Code && d.password.input.Text != "" && d.code.digits == "" {
		d.w.canvas().Focus(d.code)
		return
	}
	d.asking.enter()
}

// complete answers with the last digit, or asks for the password that is missing.
func (d *signingIn) complete() {
	if d.password.input.Text == "" {
		d.w.canvas().Focus(d.password.input)
		return
	}
	d.asking.enter()
}

func (d *signingIn) answer() session.Command {
	if d.password.input.Text == "" || d.prompt.Code && !d.code.complete() {
		return nil
	}
	c := session.SignIn{Device: d.device, Password: session.Secret(d.password.input.Text)}
	if d.prompt.Code {
		c.Code = session.Secret(d.code.digits)
	}
	return c
}
