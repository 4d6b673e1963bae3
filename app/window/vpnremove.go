package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// vpnRemove asks before a connection is removed.
type vpnRemove struct {
	w      *Window
	id     string
	cancel *button
}

func (w *Window) newVPNRemove() (*modal, face) {
	d := &vpnRemove{w: w, id: w.pages.connections.removing}
	name := ""
	if c, ok := connectionOf(w.state, d.id); ok {
		name = connectionName(c.VPNSettings)
	}
	d.cancel = w.newButton(plain, words.cancel, "", d.escape)
	remove := w.newButton(danger, vpnWords.remove, "", d.enter)
	actions := newLine(10, insets{}, nil, d.cancel, remove).growing(d.cancel, remove)
	body := newStack(0, pad(24), nil,
		newParagraph(removeTitle(name), font{size: 18, weight: assets.SemiBold, role: roleText}, 0), newGap(8),
		newParagraph(vpnWords.removeText, font{size: 14, role: roleMuted}, 0), newGap(22), actions)
	return newModal(400, body, d.escape), d
}

func (d *vpnRemove) update(session.State)  {}
func (d *vpnRemove) first() fyne.Focusable { return d.cancel }
func (d *vpnRemove) escape()               { d.w.pages.connections.removing = ""; d.w.settle() }

func (d *vpnRemove) enter() {
	d.escape()
	d.w.do(session.RemoveVPN{Connection: d.id}, nil)
}
