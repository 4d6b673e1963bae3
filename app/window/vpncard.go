package window

import (
	"cmp"
	"reflect"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// vpnView is what the card of a VPN shows.
type vpnView struct {
	name, address, protocol string
	untested                bool
	state                   stateView
	up                      bool
	text                    string // the state in more words
	figures                 []figure
	notices                 []noticeView
	keys                    []string // of notices
	buttons                 vpnButtons
}

// vpnButtons are what can be done with a VPN; the zero value is nothing.
type vpnButtons struct {
	word      string // of the main one
	style     style
	command   session.Command
	disabled  bool
	busy      bool
	edit      bool // what can be edited can be removed, while it is not up
	removable bool
}

// vpnViewOf is what there is to show of a connection; own are the warnings of it that
// stand in its settings, or hold once it is up.
func vpnViewOf(c session.VPNConnection, e session.VPNEngine, own []session.VPNWarning, now time.Time) vpnView {
	news := c.Linked() && c.Problem != nil && !c.Problem.Warning
	v := vpnView{name: connectionName(c.VPNSettings), protocol: c.Protocol.Name(), untested: c.Untested, state: phaseState(c.Phase, c.Problem != nil && !news)}
	if c.Name != "" {
		v.address = c.Address
	}
	if strings.TrimSuffix(v.state.word, "…") != c.Title && c.Phase != session.VPNDisconnected {
		v.text = c.Title
	}
	v.up = c.Linked()
	if v.up {
		v.figures = linkFigures(c.VPNLink)
		if !c.Since.IsZero() {
			since := vpnWords.since
			if c.Phase == session.VPNReconnecting {
				since = vpnWords.interrupted
			}
			v.figures = append([]figure{{since, moment(c.Since, now)}}, v.figures...)
		}
	}
	if p := c.Problem; p != nil {
		n := noticeView{tone: bad, icon: "error", title: p.Title, text: p.Detail, fix: p.Fix}
		switch {
		case news:
			n.tone, n.icon = accent, "info"
		case v.up:
			n.tone = warn
		}
		v.keys, v.notices = append(v.keys, "problem"), append(v.notices, n)
	}
	for _, w := range own {
		v.keys = append(v.keys, w.Key())
		v.notices = append(v.notices, warningView(w))
	}
	b := vpnButtons{edit: true, removable: c.Phase == session.VPNDisconnected}
	switch c.Phase {
	case session.VPNDisconnected:
		b.word, b.style, b.command, b.disabled = vpnWords.connect, wash, session.ConnectVPN{Connection: c.ID}, e.Problem != nil && !e.Problem.Warning
	case session.VPNSigningIn, session.VPNConnecting:
		b.word, b.command = words.cancel, session.DisconnectVPN{Connection: c.ID}
	case session.VPNDisconnecting:
		b.word, b.busy = vpnWords.disconnecting, true
	default:
		b.word, b.command = vpnWords.disconnect, session.DisconnectVPN{Connection: c.ID}
	}
	v.buttons = b
	return v
}

// otherViewOf is what there is to show of a VPN that another program runs.
func otherViewOf(o session.VPNOther) vpnView {
	return vpnView{name: cmp.Or(o.Program, vpnWords.unknownProgram), protocol: vpnWords.otherText, up: true,
		state: stateView{vpnWords.up, "check_circle", good}, figures: linkFigures(o.VPNLink)}
}

// linkFigures are what there is to know of a tunnel that is up.
func linkFigures(l session.VPNLink) []figure {
	f := []figure{{vpnWords.tunnel, tunnelText(l)}}
	adapter := l.Adapter
	if l.Transport != "" { // it is ours: of others nothing is counted
		f = append(f, figure{vpnWords.received, bytesText(l.Down)}, figure{vpnWords.sent, bytesText(l.Up)})
		adapter += ", " + l.Transport
	}
	return append(f, figure{vpnWords.addresses, addressesText(l.Addresses)}, figure{vpnWords.asked, namesAsked(l)}, figure{vpnWords.adapter, adapter})
}

// vpnCard is one VPN with its state.
type vpnCard struct {
	*stack
	w             *Window
	shows         vpnView
	tile          *surface
	glyph         *glyph
	name, address *paragraph
	untested      *pill
	protocol      *label
	pill          *pill
	text          *paragraph
	figures       *figures
	notices       *notices
	actions       *line
	main          *button
	edit, remove  *button
	pending       bool // a command of main is on its way
}

// newVPNCard makes a card; edit and remove are what its buttons do.
func (w *Window) newVPNCard(unfolded, edit, remove func()) *vpnCard {
	c := &vpnCard{w: w, tile: newSurface(roleRaised, "", 12), glyph: newGlyph("vpn_key", false, 24, roleMuted)}
	c.name = newParagraph("", font{size: 15, weight: assets.SemiBold, role: roleText}, 0)
	c.address = newParagraph("", font{size: 13, role: roleMuted}, 0)
	c.untested = newPill(vpnWords.untested, "science", warn)
	c.protocol = newElastic("", font{size: 13, role: roleFaint})
	c.pill = newPill("", "circle", neutral)
	c.text = newParagraph("", font{size: 14, role: roleMuted}, 0)
	c.figures = newFigures()
	c.notices = w.newNotices(8, unfolded)
	c.main = w.newButton(plain, "", "", c.press)
	c.edit = w.newButton(quiet, vpnWords.edit, "", edit)
	c.remove = w.newButton(quiet, vpnWords.remove, "", remove)
	c.edit.high, c.remove.high = 32, 32
	rest := newSpacer(0)
	c.actions = newLine(4, insets{}, nil, rest, c.edit, c.remove).growing(rest)
	kind := newLine(8, insets{}, nil, c.untested, c.protocol).growing(c.protocol)
	texts := newStack(2, insets{}, nil, c.name, c.address, kind)
	head := newLine(14, insets{}, nil, newBadge(44, c.tile, c.glyph), texts, newStack(10, insets{}, nil, atEnd(c.pill), atEnd(c.main))).growing(texts)
	head.top = true
	c.stack = newStack(12, pad(16), newSurface(roleSurface, roleLine, 14), head, c.text, c.figures, c.notices.stack, c.actions)
	return c
}

// set shows a VPN.
func (c *vpnCard) set(v vpnView) {
	if reflect.DeepEqual(c.shows, v) {
		return
	}
	c.shows = v
	c.tile.set(v.state.tone.soft(), "")
	icon := "vpn_key"
	if v.up {
		icon = "shield_lock"
	}
	c.glyph.set(icon, v.up, v.state.tone.ink())
	c.name.set(v.name)
	c.address.set(v.address)
	c.protocol.set(v.protocol)
	c.pill.set(v.state.word, v.state.icon, v.state.tone)
	c.text.set(v.text)
	c.figures.set(v.figures)
	c.notices.set(v.keys, v.notices)
	b := v.buttons
	c.main.style = b.style
	c.main.set(b.word, "")
	c.main.name, c.edit.name, c.remove.name = b.word+" "+v.name, vpnWords.edit+" "+v.name, vpnWords.remove+" "+v.name
	c.ready()
	for o, on := range map[fyne.CanvasObject]bool{c.address: v.address != "", c.untested: v.untested, c.text: v.text != "", c.figures: len(v.figures) > 0,
		c.main: b.word != "", c.actions: b.edit, c.remove: b.removable} {
		shown(o, on)
	}
}

// ready shows whether the main button can be used.
func (c *vpnCard) ready() {
	c.main.setState(c.shows.buttons.disabled, c.shows.buttons.busy || c.pending)
	c.main.Refresh()
}

// press sends the main button's command, once.
func (c *vpnCard) press() {
	command := c.shows.buttons.command
	if command == nil {
		return
	}
	c.pending = true
	c.ready()
	c.w.do(command, func(err error) {
		c.pending = false
		c.ready()
		if err != nil {
			c.w.say(sentence(err))
		}
	})
}

// hurts says whether a warning is of what is seen now: what only stands in the
// settings has no evidence.
func hurts(w session.VPNWarning) bool { return !w.Ahead && !w.Served && w.Evidence != "" }

// warningView is a warning as a notice.
func warningView(w session.VPNWarning) noticeView {
	v := noticeView{tone: accent, icon: "info", title: w.Title, text: w.Detail, fix: w.Fix, evidence: w.Evidence}
	switch {
	case w.Served:
		v.tone, v.icon = good, "check_circle"
	case hurts(w):
		v.tone, v.icon = warn, "warning"
	}
	return v
}
