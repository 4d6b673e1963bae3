package window

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// vpnEdit is the dialog that makes or changes a connection.
type vpnEdit struct {
	asking
	was       session.VPNSettings
	protocols []session.VPNProtocol

	name, address, user, group *field
	protocol                   *picker
	features                   map[session.VPNFeature]*check

	pinned *stack
	about  *paragraph
	forget *button
	drop   bool // the pinned key is to be forgotten
}

func (w *Window) newVPNEdit() (*modal, face) {
	d := &vpnEdit{was: *w.pages.connections.editing, protocols: session.VPNProtocols, features: map[session.VPNFeature]*check{}}
	d.drop = w.pages.connections.dropping
	if c, ok := connectionOf(w.state, d.was.ID); ok {
		d.was.Fingerprint = c.Fingerprint // it may have been trusted meanwhile
	}
	d.name = w.newField(vpnWords.name, vpnWords.nameHint, false)
	d.address = w.newField(vpnWords.address, vpnWords.addressHint, false)
	d.user = w.newField(vpnWords.user, vpnWords.userHint, false)
	d.group = w.newField(vpnWords.group, vpnWords.groupHint, false)
	if !slices.Contains(d.protocols, d.was.Protocol) {
		d.protocols = append(slices.Clone(d.protocols), d.was.Protocol)
	}
	var names, notes []string
	for _, p := range d.protocols {
		note := ""
		if !p.Tested() {
			note = strings.ToLower(vpnWords.untested)
		}
		names, notes = append(names, p.Name()), append(notes, note)
	}
	d.protocol = w.newPicker(vpnWords.protocol, names, notes, nil)
	d.asking = asking{w: w, word: vpnWords.save, away: words.cancel, wipe: func() {}, lock: d.hold, command: d.save, put: func() session.Command { return nil },
		focus: func() fyne.Focusable {
			if d.was.ID == "" || d.address.input.Text == "" {
				return d.address.input
			}
			return d.name.input
		}}
	if d.was.ID == "" {
		d.word = vpnWords.add
	}
	for _, f := range []*field{d.name, d.address, d.user, d.group} {
		f.input.OnChanged = func(string) { d.typed() }
	}
	server := newLine(14, insets{}, nil, d.address.stack, d.name.stack).growing(d.address.stack, d.name.stack)
	account := newLine(14, insets{}, nil, d.user.stack, d.group.stack).growing(d.user.stack, d.group.stack)
	fields := []fyne.CanvasObject{server, newGap(14), d.protocol.stack, newGap(14), account, d.pin(), newGap(18)}
	fields = append(fields, newParagraph(vpnWords.features, font{size: 14, weight: assets.SemiBold, role: roleText}, 0), newGap(3),
		newParagraph(vpnWords.featuresText, font{size: 13, role: roleMuted}, 0), newGap(6))
	for pair := range slices.Chunk(session.VPNFeatures, 2) {
		row := newLine(10, insets{}, nil)
		row.top = true
		for _, f := range pair {
			c := w.newCheck(featureWord(f))
			d.features[f] = c
			row.items, row.parts, row.grow[c] = append(row.items, c), append(row.parts, c), true
		}
		fields = append(fields, row)
	}
	m := d.build("vpn_key", 600, append(fields, newGap(16))...)
	d.title.set(vpnWords.editTitle)
	if d.was.ID == "" {
		d.title.set(vpnWords.addTitle)
	}
	d.text.set(vpnWords.editText)
	d.fill()
	d.refresh(false)
	return m, d
}

// pin makes the part about the server's pinned key.
func (d *vpnEdit) pin() *stack {
	key := newParagraph(grouped(d.was.Fingerprint), font{size: 13, role: roleText, mono: true}, 0)
	d.about = newParagraph("", font{size: 13, role: roleMuted}, 0)
	d.forget = d.w.newButton(quiet, vpnWords.forget, "", func() {
		d.drop = !d.drop
		d.pinning()
		d.w.layer.modal.settle()
	})
	texts := newStack(3, insets{}, nil, newLabel(vpnWords.pinned, captionFont), key, d.about)
	box := newLine(10, pads(12, 14), newSurface(roleRaised, roleLine, 12), texts, d.forget).growing(texts)
	d.pinned = newStack(0, insets{top: 14}, nil, box)
	shown(d.pinned, d.was.Fingerprint != "")
	d.pinning()
	return d.pinned
}

// pinning says what becomes of the pinned key.
func (d *vpnEdit) pinning() {
	word, about := vpnWords.forget, vpnWords.pinnedText
	if d.drop {
		word, about = vpnWords.keep, vpnWords.forgotten
	}
	d.forget.set(word, "")
	d.forget.name = captioned(word, vpnWords.pinned)
	d.about.set(about)
}

// fill shows the settings as they are.
func (d *vpnEdit) fill() {
	for f, text := range map[*field]string{d.name: d.was.Name, d.address: d.was.Address, d.user: d.was.User, d.group: d.was.Group} {
		f.input.SetText(text)
		f.input.CursorColumn = len([]rune(text))
	}
	d.protocol.choose(slices.Index(d.protocols, d.was.Protocol))
	for f, c := range d.features {
		c.set(slices.Contains(d.was.Features, f))
	}
}

// settings are what the dialog says now.
func (d *vpnEdit) settings() session.VPNSettings {
	v := session.VPNSettings{ID: d.was.ID, Name: strings.TrimSpace(d.name.input.Text), Address: strings.TrimSpace(d.address.input.Text),
		Protocol: d.protocols[d.protocol.chosen], User: strings.TrimSpace(d.user.input.Text), Group: strings.TrimSpace(d.group.input.Text),
		Fingerprint: d.was.Fingerprint}
	if d.drop {
		v.Fingerprint = ""
	}
	for _, f := range session.VPNFeatures {
		if d.features[f].on {
			v.Features = append(v.Features, f)
		}
	}
	return v
}

// save is nil without an address.
func (d *vpnEdit) save() session.Command {
	v := d.settings()
	if v.Address == "" {
		return nil
	}
	return session.SaveVPN{VPNSettings: v}
}

func (d *vpnEdit) hold(on bool) {
	for _, f := range []*field{d.name, d.address, d.user, d.group} {
		setEnabled(f.input, !on)
	}
	d.protocol.hold(on)
	for _, c := range d.features {
		setEnabled(c, !on)
	}
	d.forget.setState(on, false)
}

func (d *vpnEdit) update(session.State) {}

// enter saves, and closes the dialog when that is done.
func (d *vpnEdit) enter() {
	c := d.command()
	if c == nil || d.working() {
		return
	}
	d.local, d.sent = "", true
	d.refresh(false)
	d.w.do(c, func(err error) {
		if err != nil {
			d.refused(sentence(err))
			return
		}
		d.sent = false
		if d.edited() != nil {
			d.escape()
		}
	})
}

func (d *vpnEdit) escape() { d.w.pages.connections.editing = nil; d.w.settle() }

// closed keeps what was typed, for when something more urgent has been answered.
func (d *vpnEdit) closed() {
	d.asking.closed()
	if e := d.edited(); e != nil {
		*e, d.w.pages.connections.dropping = d.settings(), d.drop
	}
}

// edited is what is edited, where that is still this; nil: it is not.
func (d *vpnEdit) edited() *session.VPNSettings {
	if e := d.w.pages.connections.editing; e != nil && e.ID == d.was.ID {
		return e
	}
	return nil
}
