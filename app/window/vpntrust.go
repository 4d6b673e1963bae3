package window

import (
	"cmp"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

// vpnTrust asks whether a VPN's server is the right one, when it shows itself for
// the first time. Only its own button trusts: Enter elsewhere does nothing.
type vpnTrust struct {
	asking
	asked session.VPNPrompt
}

func (w *Window) newVPNTrust() (*modal, face) {
	d := &vpnTrust{asked: *w.state.VPN.Prompt}
	d.asking = asking{w: w, word: vpnWords.trust, away: vpnWords.distrust, of: vpnPrompt, wipe: func() {}, lock: func(bool) {},
		put:     func() session.Command { return session.CancelVPNPrompt{Prompt: d.asked.ID} },
		command: func() session.Command { return session.AnswerVPNPrompt{Prompt: d.asked.ID} },
		focus:   func() fyne.Focusable { return d.later }}
	row := func(caption, value string, mono bool) fyne.CanvasObject {
		return newStack(2, insets{}, nil, newLabel(caption, captionFont), newParagraph(value, font{size: 14, role: roleText, mono: mono}, 0))
	}
	print := row(vpnWords.fingerprint, grouped(d.asked.Fingerprint), true)
	copyIt := w.newIconButton(quiet, words.copy+" "+vpnWords.fingerprint, "content_copy", func() { w.copy(d.asked.Fingerprint, words.copied) })
	copyIt.high = 34
	rows := []fyne.CanvasObject{newLine(8, insets{}, nil, print, copyIt).growing(print)}
	if d.asked.Subject != "" {
		rows = append(rows, row(vpnWords.subject, d.asked.Subject, false))
	}
	if d.asked.Message != "" {
		rows = append(rows, row(vpnWords.flaw, d.asked.Message, false))
	}
	sign, ink := "verified_user", roleGood
	if d.asked.Vouched == "" {
		sign, ink = "gpp_maybe", roleWarn
	}
	vouched := row(vpnWords.vouched, cmp.Or(d.asked.Vouched, vpnWords.nobody), false)
	rows = append(rows, newLine(10, insets{}, nil, vouched, newGlyph(sign, true, 24, ink)).growing(vouched))
	facts := newStack(14, pads(14, 16), newSurface(roleRaised, roleLine, 12), rows...)
	m := d.build("shield_lock", 500, facts, newGap(16))
	d.submit.act = func() {
		if !d.submit.Disabled() {
			d.asking.enter()
		}
	}
	if d.asked.Vouched == "" {
		d.submit.style = plain
		d.submit.Refresh()
	}
	d.title.set(vpnWords.trustTitle)
	server := vpnWords.server
	if c, ok := connectionOf(w.state, d.asked.Connection); ok {
		server = c.Address
	}
	d.text.set(trustText(cmp.Or(d.asked.Host, server)))
	return m, d
}

func (d *vpnTrust) enter() {}
