package window

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/session"
)

func TestVPNDialogsAnswerExactly(t *testing.T) {
	bare := vpnForms()
	bare.VPN.Prompt.Message, bare.VPN.Prompt.Fields = "Your account was locked yesterday.", nil
	unknown := vpnForms()
	unknown.VPN.Prompt.Fields = []session.VPNField{{Kind: session.VPNText, Label: "Press 1 for a push"}}
	for _, c := range []struct {
		name  string
		state session.State
		do    func(*bench)
		want  session.Command
	}{
		{"a form", vpnForms(), func(b *bench) { b.typed("secret"); b.key(fyne.KeyReturn); b.typed("12 ab"); b.key(fyne.KeyReturn) },
			session.AnswerVPNPrompt{Prompt: "f1", Values: []session.Secret{"Staff members", "maya", "secret", "12 ab"}}},
		{"a form by its button", vpnForms(), func(b *bench) {
			b.press("Group: Staff members")
			b.press("Contractors")
			b.canvas().Focus(b.layer.face.(*vpnForm).fields[2].typed.input)
			b.typed("pw")
			b.canvas().Focus(b.layer.face.(*vpnForm).fields[3].typed.input)
			b.typed("7")
			b.press("Continue")
		}, session.AnswerVPNPrompt{Prompt: "f1", Values: []session.Secret{"Contractors", "maya", "pw", "7"}}},
		{"a group by the arrows", vpnForms(), func(b *bench) {
			b.canvas().Focus(b.layer.face.(*vpnForm).fields[0].chosen.head)
			b.key(fyne.KeyDown)
			b.key(fyne.KeySpace) // unfolds
			b.key(fyne.KeyUp)
			b.key(fyne.KeyDown)
			b.key(fyne.KeyDown)
			b.key(fyne.KeySpace) // chooses
			b.canvas().Focus(b.layer.face.(*vpnForm).fields[2].typed.input)
			b.typed("pw")
			b.key(fyne.KeyReturn)
			b.typed("7")
			b.key(fyne.KeyReturn)
		}, session.AnswerVPNPrompt{Prompt: "f1", Values: []session.Secret{"Contractors", "maya", "pw", "7"}}},
		{"not complete", vpnForms(), func(b *bench) { b.typed("pw"); b.key(fyne.KeyReturn); b.key(fyne.KeyReturn) }, nil},
		{"only a message", bare, func(b *bench) { b.key(fyne.KeyReturn) }, session.AnswerVPNPrompt{Prompt: "f1"}},
		{"a text that may be empty", unknown, func(b *bench) { b.key(fyne.KeyReturn) }, session.AnswerVPNPrompt{Prompt: "f1", Values: []session.Secret{""}}},
		{"cancelled", vpnForms(), func(b *bench) { b.key(fyne.KeyEscape) }, session.CancelVPNPrompt{Prompt: "f1"}},
		{"cancelled by its button", vpnForms(), func(b *bench) { b.press("Cancel") }, session.CancelVPNPrompt{Prompt: "f1"}},
		{"folded by Esc, not cancelled", vpnForms(), func(b *bench) {
			b.press("Group: Staff members")
			b.key(fyne.KeyEscape)
		}, nil},
		{"a server is trusted", vpnTrusts(""), func(b *bench) { b.press("Trust this server") }, session.AnswerVPNPrompt{Prompt: "c1"}},
		{"trusted by the keyboard", vpnTrusts("somebody"), func(b *bench) { b.canvas().FocusNext(); b.key(fyne.KeyReturn) }, session.AnswerVPNPrompt{Prompt: "c1"}},
		{"Enter does not trust", vpnTrusts("somebody"), func(b *bench) { b.key(fyne.KeyReturn) }, session.CancelVPNPrompt{Prompt: "c1"}},
		{"Enter nowhere does not trust", vpnTrusts("somebody"), func(b *bench) { b.canvas().Unfocus(); b.key(fyne.KeyReturn) }, nil},
		{"Esc does not trust", vpnTrusts(""), func(b *bench) { b.key(fyne.KeyEscape) }, session.CancelVPNPrompt{Prompt: "c1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			toConnections(b)
			b.apply(c.state)
			c.do(b)
			if d := cmp.Diff(c.want, b.sent()); d != "" {
				t.Error(d)
			}
			if more := b.sent(); more != nil {
				t.Errorf("and then %#v", more)
			}
		})
	}
}

// The server asks again: its own words stand there, what is no secret is kept, and
// what is one is not.
func TestServerAsksAgain(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := vpnForms()
	s.VPN.Prompt.Fields[1].Value = ""
	b.apply(s)
	b.says("The server says", s.VPN.Prompt.Message, "Sign in to Head office", "Username:")
	b.typed("noor")
	b.key(fyne.KeyReturn)
	b.typed("wrong")
	b.key(fyne.KeyReturn)
	b.typed("1")
	b.key(fyne.KeyReturn)
	b.sent()
	busy := s
	p := *s.VPN.Prompt
	p.Busy = true
	busy.VPN.Prompt = &p
	b.apply(busy)
	if e := b.labels()["Checking…"]; e.Kind != "button" || e.Enabled {
		t.Errorf("while the answer is under way the button is %+v", e)
	}
	if e := b.labels()["Password:"]; e.Enabled {
		t.Error("a field can be changed while its answer is under way")
	}
	again := vpnWrong()
	again.VPN.Prompt.Fields[1].Value = ""
	b.apply(again)
	b.says("Login failed.")
	d := b.layer.face.(*vpnForm)
	if got := d.fields[1].typed.input.Text; got != "noor" {
		t.Errorf("the user name is %q", got)
	}
	if d.fields[2].typed.input.Text != "" || d.fields[3].typed.input.Text != "" {
		t.Error("a secret is kept")
	}
	if b.canvas().Focused() != fyne.Focusable(d.fields[2].typed.input) {
		t.Error("the password has not the focus")
	}
	b.apply(vpns())
	if b.layer.modal != nil {
		t.Error("the dialog is still open")
	}
}

// The same prompt with an error wipes what was secret.
func TestWrongAnswerInTheSamePrompt(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := vpnForms()
	b.apply(s)
	b.typed("pw")
	b.key(fyne.KeyReturn)
	b.typed("1")
	b.key(fyne.KeyReturn)
	b.sent()
	p := *s.VPN.Prompt
	p.Error = "That did not work"
	s.VPN.Prompt = &p
	b.apply(s)
	b.says("That did not work.")
	d := b.layer.face.(*vpnForm)
	if d.fields[1].typed.input.Text != "maya" || d.fields[2].typed.input.Text != "" || d.fields[3].typed.input.Text != "" || d.fields[2].typed.input.Disabled() {
		t.Error("what was secret is kept, or what was none is gone")
	}
}

func TestCertificateQuestion(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(vpnTrusts(""))
	b.says("Is this the right server?", "pin-sha256: xp3s cfzy 3rOg QEXn fPiY rrUk 7D66 a8b8 O+gE XaMP leE=", "CN=vpn.tidewater.example, O=Tidewater Energy", "Nobody that this machine trusts",
		trustText("vpn.tidewater.example"))
	if e := b.labels()["Do not connect"]; !e.Focused {
		t.Error("the safe answer has not the focus")
	}
	b.press("Copy Fingerprint of its key")
	if got := b.app.Clipboard().Content(); got != pin {
		t.Errorf("copied %q", got)
	}
	b.apply(vpnTrusts("DigiCert"))
	b.silent("Who")
}

func TestVPNSecretsAreNotTold(t *testing.T) {
	const secret = "correct-horse-918273"
	b := newBench(t, alwaysDark)
	b.apply(vpnForms())
	b.typed(secret)
	b.press("Show password")
	b.quiet(secret)
	b.canvas().Focus(b.layer.face.(*vpnForm).fields[3].typed.input)
	b.typed(secret)
	b.quiet(secret)
	if e := b.labels()["Username:"]; e.Text != "maya" || e.Kind != "field" {
		t.Errorf("the user name is %+v", e)
	}
}

func TestAddingAndEditing(t *testing.T) {
	all := office().VPNSettings
	all.Group, all.Features = "Staff", []session.VPNFeature{session.VPNAlwaysOn, session.VPNIPv6}
	full := vpns()
	full.VPN.Connections[0].VPNSettings = all
	other := vpns()
	other.VPN.Connections[0].Protocol = "array"
	changed := func(change func(*session.VPNSettings)) session.Command {
		v := all
		change(&v)
		return session.SaveVPN{VPNSettings: v}
	}
	focus := func(b *bench, label string) { b.canvas().Focus(b.edit(label).input) }
	for _, c := range []struct {
		name  string
		state session.State
		do    func(*bench)
		want  session.Command
	}{
		{"added by an address alone", signedIn(), func(b *bench) { b.press("Add a connection"); b.typed(" vpn.example "); b.key(fyne.KeyReturn) },
			session.SaveVPN{VPNSettings: session.VPNSettings{Address: "vpn.example", Protocol: session.VPNPulse}}},
		{"added with everything", vpns(), func(b *bench) {
			b.press("Add a connection")
			b.typed("vpn.example")
			b.canvas().FocusNext()
			b.typed("Work")
			b.canvas().FocusNext()
			b.key(fyne.KeyDown)
			b.key(fyne.KeyDown)
			b.canvas().FocusNext()
			b.typed("noor")
			b.canvas().FocusNext()
			b.typed("Guests")
			b.canvas().FocusNext()
			b.key(fyne.KeySpace)
			b.canvas().FocusNext()
			b.key(fyne.KeySpace)
			b.key(fyne.KeySpace)
			b.press("Add a connection")
		}, session.SaveVPN{VPNSettings: session.VPNSettings{Name: "Work", Address: "vpn.example", Protocol: session.VPNAnyConnect, User: "noor", Group: "Guests", Features: []session.VPNFeature{session.VPNRouteMonitoring}}}},
		{"without an address", vpns(), func(b *bench) { b.press("Add a connection"); b.key(fyne.KeyReturn) }, nil},
		{"edited, and the same", full, func(b *bench) { b.press("Edit Head office"); b.press("Save") }, changed(func(*session.VPNSettings) {})},
		{"another name", full, func(b *bench) { b.press("Edit Head office"); b.typed("s"); b.key(fyne.KeyReturn) }, changed(func(v *session.VPNSettings) { v.Name = "Head offices" })},
		{"another protocol", full, func(b *bench) {
			b.press("Edit Head office")
			b.press("Kind of VPN: Cisco AnyConnect / ocserv")
			b.press("F5 BIG-IP · untested")
			focus(b, "user")
			b.key(fyne.KeyReturn)
		}, changed(func(v *session.VPNSettings) { v.Protocol = session.VPNF5 })},
		{"a feature less", full, func(b *bench) { b.press("Edit Head office"); b.press("IPv6"); b.press("Save") },
			changed(func(v *session.VPNSettings) { v.Features = []session.VPNFeature{session.VPNAlwaysOn} })},
		{"the certificate forgotten", full, func(b *bench) { b.press("Edit Head office"); b.press("Forget: Trusted certificate"); b.press("Save") },
			changed(func(v *session.VPNSettings) { v.Fingerprint = "" })},
		{"the certificate kept after all", full, func(b *bench) {
			b.press("Edit Head office")
			b.press("Forget: Trusted certificate")
			b.press("Keep: Trusted certificate")
			b.press("Save")
		}, changed(func(*session.VPNSettings) {})},
		{"a protocol that is not known", other, func(b *bench) { b.press("Edit Head office"); b.press("Save") }, session.SaveVPN{VPNSettings: other.VPN.Connections[0].VPNSettings}},
		{"not saved", full, func(b *bench) { b.press("Edit Head office"); b.typed("x"); b.key(fyne.KeyEscape) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.win.Resize(fyne.NewSize(1160, 1200))
			b.apply(c.state)
			toConnections(b)
			c.do(b)
			if d := cmp.Diff(c.want, b.sent()); d != "" {
				t.Error(d)
			}
			if open := b.layer.modal != nil; open != (c.name == "without an address") {
				t.Errorf("the dialog is open: %v", open)
			}
		})
	}
}

// edit is a field of the dialog that edits.
func (b *bench) edit(name string) *field {
	d := b.layer.face.(*vpnEdit)
	return map[string]*field{"name": d.name, "address": d.address, "user": d.user, "group": d.group}[name]
}

func TestRefusedSettingsStayOpen(t *testing.T) {
	b := newBench(t, alwaysDark)
	small(b)
	b.apply(vpns())
	toConnections(b)
	b.press("Add a connection")
	b.typed("user:pw@vpn.example")
	b.key(fyne.KeyReturn)
	o := b.order()
	o.done(errors.New("take the user and the password out of the address"))
	b.says("Take the user and the password out of the address.")
	m, why := b.layer.modal, b.layer.face.(*vpnEdit).error
	if y, ok := below(m.body, why); !ok || y < m.scroll.Offset.Y || y+why.Size().Height > m.scroll.Offset.Y+m.scroll.Size().Height {
		t.Errorf("what is wrong stands at %v, and %v is in sight from %v", y, m.scroll.Size().Height, m.scroll.Offset.Y)
	}
	b.typed("x")
	b.silent("Take the user and the password out of the address.")
	if b.layer.face.(*vpnEdit).address.input.Text != "user:pw@vpn.examplex" {
		t.Error("what was typed is gone")
	}
}

// A low window scrolls what is asked, never the buttons.
func TestButtonsStayInSight(t *testing.T) {
	b := newBench(t, alwaysDark)
	small(b)
	b.apply(vpns())
	toConnections(b)
	b.press("Edit Head office")
	d, m := b.layer.face.(*vpnEdit), b.layer.modal
	last := d.features[session.VPNFeatures[len(session.VPNFeatures)-1]]
	seen := func() (buttons, end bool) {
		found := b.labels()
		_, save := found[vpnWords.save]
		_, away := found[words.cancel]
		_, end = found[last.name]
		return save && away, end
	}
	if buttons, end := seen(); !buttons || end {
		t.Errorf("at first the buttons show: %t, the last choice: %t", buttons, end)
	}
	m.scroll.ScrollToBottom()
	if buttons, end := seen(); !buttons || !end {
		t.Errorf("scrolled down the buttons show: %t, the last choice: %t", buttons, end)
	}
	if low, high := m.foot.Position().Y, m.scroll.Position().Y+m.scroll.Size().Height; low < high || !m.edge.Visible() {
		t.Errorf("the foot begins at %v, what scrolls ends at %v, a line between them: %t", low, high, m.edge.Visible())
	}
	b.press(words.cancel)
	if b.layer.modal != nil {
		t.Error("the dialog is still open")
	}
}

// Something more urgent is asked meanwhile: what was typed is there afterwards.
func TestEditingIsInterrupted(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(vpns())
	toConnections(b)
	b.press("Edit Head office")
	b.typed(" two")
	b.press("Forget: Trusted certificate")
	b.layer.modal.scroll.ScrollToBottom()
	b.press("IPv6")
	b.apply(vpnForms())
	if _, ok := b.layer.face.(*vpnForm); !ok {
		t.Fatalf("%q is open", b.layer.key)
	}
	b.apply(vpns())
	d, ok := b.layer.face.(*vpnEdit)
	if !ok || d.name.input.Text != "Head office two" || !d.features[session.VPNIPv6].on || !d.drop {
		t.Fatalf("%q is open: %+v", b.layer.key, d)
	}
	none := vpns()
	none.VPN.Connections = nil
	b.apply(none)
	if b.layer.modal != nil {
		t.Error("what was removed is still edited")
	}
}

// A server that is trusted while its connection is edited stays so when that is saved.
func TestTrustedWhileEditing(t *testing.T) {
	b := newBench(t, alwaysDark)
	s, asked, trusted := vpns(), vpnTrusts(""), vpns()
	s.VPN.Connections[0].Fingerprint, asked.VPN.Connections[0].Fingerprint = "", ""
	b.apply(s)
	toConnections(b)
	b.press("Edit Head office")
	b.apply(asked)
	b.apply(trusted)
	b.key(fyne.KeyReturn)
	if c, ok := b.sent().(session.SaveVPN); !ok || c.Fingerprint != trusted.VPN.Connections[0].Fingerprint {
		t.Errorf("it saves %+v", c)
	}
}

// What is saved is edited no more, also where something more urgent came meanwhile.
func TestSavedWhileInterrupted(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(vpns())
	toConnections(b)
	b.press("Add a connection")
	b.typed("vpn.example")
	b.key(fyne.KeyReturn)
	o := b.order()
	b.apply(vpnForms())
	o.done(nil)
	b.apply(vpns())
	if b.layer.modal != nil {
		t.Errorf("%q is open, to be saved a second time", b.layer.key)
	}
}

// A session's own prompt comes before a VPN's.
func TestZTAIsAskedFirst(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := vpnForms()
	s.Prompt = mfaPrompt().Prompt
	b.apply(s)
	if !strings.HasPrefix(b.layer.key, "prompt interaction i1 ") {
		t.Errorf("%q is open", b.layer.key)
	}
	s.Prompt = nil
	b.apply(s)
	if b.layer.key != "vpn form f1" {
		t.Errorf("%q is open", b.layer.key)
	}
	// What is typed for one is not to end in the other.
	b.typed("geh")
	s.Prompt = mfaPrompt().Prompt
	b.apply(s)
	b.typed("eim")
	b.key(fyne.KeyReturn)
	b.typed("7")
	b.key(fyne.KeyReturn)
	want := session.AnswerVPNPrompt{Prompt: "f1", Values: []session.Secret{"Staff members", "maya", "geheim", "7"}}
	if d := cmp.Diff(session.Command(want), b.sent()); d != "" {
		t.Error(d)
	}
	s.VPN.Prompt = nil
	b.apply(s)
	if !strings.HasPrefix(b.layer.key, "prompt interaction i1 ") {
		t.Errorf("%q is open", b.layer.key)
	}
	b.typed("12")
	s.VPN.Prompt = vpnForms().VPN.Prompt
	b.apply(s)
	if !strings.HasPrefix(b.layer.key, "prompt interaction i1 ") {
		t.Errorf("%q is open, over a code that is being typed", b.layer.key)
	}
}

// Who uses VPNs alone is asked to enrol all the time, and sees what a server asks.
func TestAVPNIsAskedBeforeEnrolment(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := enrolPrompt()
	s.VPN = vpnForms().VPN
	b.apply(s)
	if b.layer.key != "vpn form f1" {
		t.Errorf("%q is open", b.layer.key)
	}
	s.VPN.Prompt = nil
	b.apply(s)
	b.typed("tidegate://")
	s.VPN = vpnForms().VPN
	b.apply(s)
	if d, ok := b.layer.face.(*enrolling); !ok || d.link.input.Text != "tidegate://" {
		t.Errorf("%q is open, over a link that is being typed", b.layer.key)
	}
}
