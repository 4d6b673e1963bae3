package window

import (
	"cmp"
	"fmt"
	"reflect"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// detail shows one application: what state it is in and why, what would cure
// it, how to reach it, what is open, and what the helpdesk wants to know.
type detail struct {
	w     *Window
	id    wire.AppID
	shows detailView

	tile             *surface
	glyph            *glyph
	name, host       *label
	about            *paragraph
	aboutIt          *stack // it, and the gap over it
	pill             *pill
	pin              *button
	back             *surface
	sign             *glyph
	title, text, fix *paragraph
	cure             *button
	terms            *terms
	until, since     *detailRow
	used, decision   *detailRow
	byName, devices  *detailRow
	address, command *detailRow
	site             *detailRow
	flows            *flowList
	helpdesk         *button
	open, close      *button
}

func (w *Window) newDetail() (*modal, face) {
	d := &detail{w: w, id: w.detail}
	d.tile, d.glyph = newSurface("", "", 14), newGlyph("lan", false, 28, roleText)
	d.name = newElastic("", font{size: 18, weight: assets.SemiBold, role: roleText})
	d.host = newElastic("", font{size: 13, role: roleFaint})
	d.about = newParagraph("", font{size: 14, role: roleMuted}, 0)
	d.aboutIt = newStack(0, insets{top: 14}, nil, d.about)
	d.pill = newPill("", "circle", neutral)
	d.pin = w.newIconButton(tab, "", "keep", func() { w.pin(d.id, !d.shows.pinned) })
	d.close = w.newIconButton(quiet, words.close, "close", d.escape)
	d.pin.high, d.close.high = 34, 34
	names := newStack(2, insets{}, nil, d.name, d.host)
	corner := newLine(2, insets{}, nil, d.pin, d.close)
	head := newLine(14, insets{}, nil, newBadge(52, d.tile, d.glyph), names, d.pill, corner).growing(names)

	d.back, d.sign = newSurface("", "", 12), newGlyph("info", true, 22, roleText)
	d.title = newParagraph("", font{size: 14, weight: assets.SemiBold, role: roleText}, 0)
	d.text = newParagraph("", font{size: 14, role: roleMuted}, 0)
	d.fix = newParagraph("", font{size: 14, weight: assets.Medium, role: roleText}, 0)
	d.cure = w.newButton(primary, "", "fingerprint", func() { w.do(session.ShowPrompt{App: d.id}, nil) })
	why := newStack(3, insets{}, nil, d.title, d.text, d.fix)
	callout := newLine(14, pads(14, 16), d.back, d.sign, why, d.cure).growing(why)

	d.terms = newTerms()
	d.until, d.since, d.used = newDetailRow(words.factUntil), newDetailRow(words.factSince), newDetailRow(words.factUsed)
	d.decision = w.newCopyRow(words.factDecision, true)
	d.byName, d.devices = w.newCopyRow(appWords.byName, true), newDetailRow(appWords.devices)
	d.address, d.command = w.newCopyRow(words.factAddress, true), w.newCopyRow(words.factCommand, true)
	d.site = newDetailRow(words.factSite)
	d.flows = w.newFlowList(d.settle)

	d.helpdesk = w.newButton(plain, appWords.helpdesk, "support_agent", d.copyAll)
	d.open = w.newButton(primary, "", "", d.enter)
	actions := newLine(10, insets{}, nil, d.helpdesk, d.open).growing(d.open)
	body := newStack(0, pad(24), nil, head, d.aboutIt, newGap(14), callout, d.terms.stack, newGap(14), actions,
		newFactGroup(appWords.accessTitle, d.until, d.since, d.used, d.decision),
		newFactGroup(appWords.reachTitle, d.byName, d.devices, d.address, d.command, d.site),
		d.flows.stack)
	return newModal(600, body, d.escape), d
}

func (d *detail) update(s session.State) {
	a, ok := appOf(s, d.id)
	if !ok {
		return
	}
	v := detailOf(s, a)
	if reflect.DeepEqual(v, d.shows) {
		return
	}
	d.shows = v
	d.tile.set(hueSoft(v.card.hue), "")
	d.glyph.set(v.card.icon, false, hueInk(v.card.hue))
	d.name.set(v.card.name)
	d.host.set(v.card.protocol + " · " + v.card.host)
	d.about.set(v.about)
	shown(d.aboutIt, v.about != "")
	st := v.card.state
	d.pill.set(st.word, st.icon, st.tone)
	d.pin.name = fmt.Sprintf(homeWords.pin, v.card.name)
	if v.pinned {
		d.pin.name = fmt.Sprintf(homeWords.unpin, v.card.name)
	}
	d.pin.choose(v.pinned)
	d.back.set(st.tone.soft(), "")
	d.sign.set(st.icon, true, st.tone.ink())
	d.title.set(v.title)
	d.text.set(v.text)
	shown(d.text, v.text != "")
	d.fix.set(v.fix)
	shown(d.fix, v.fix != "")
	d.cure.set(v.cure, "fingerprint")
	shown(d.cure, v.cure != "")
	d.terms.set(v.failing, v.hidden)
	d.until.name.set(v.untilIs)
	d.until.set(v.until)
	d.since.set(v.since)
	d.used.set(v.used)
	d.decision.set(v.decision)
	d.byName.set(v.name)
	d.devices.set(v.devices)
	d.address.set(v.address)
	d.command.set(v.command)
	d.site.set(v.site)
	d.flows.set(v.flows, v.data, v.connections)
	shown(d.flows.stack, len(v.connections) > 0 || !v.card.why) // of what is shut none opens
	icon := "content_copy"
	if v.open == session.OpenBrowser {
		icon = "open_in_new"
	}
	d.open.set(openWord(v.open), icon)
	d.open.setState(!v.openable, false)
	d.settle()
}

// settle lays out anew what has another height now.
func (d *detail) settle() {
	if m := d.w.layer.modal; m != nil && d.w.layer.face == face(d) {
		m.settle()
	}
}

// tick has the connections grow older for as long as they show.
func (d *detail) tick() {
	if d.w.layer.face != face(d) {
		return
	}
	d.flows.age()
	d.w.clock.at(d.w.options.Now().Truncate(time.Minute).Add(time.Minute), d.tick)
}

func (d *detail) first() fyne.Focusable {
	switch {
	case d.shows.cure != "" && d.shows.card.why:
		return d.cure
	case d.shows.openable:
		return d.open
	}
	return d.close
}

// key takes the keys that what has the focus has no use for.
func (d *detail) key(k *fyne.KeyEvent) bool {
	if k.Name == fyne.KeyP {
		d.w.pin(d.id, !d.shows.pinned)
	}
	return k.Name == fyne.KeyP
}

// enter opens the application, or puts on the clipboard what opens it.
func (d *detail) enter() {
	if !d.shows.openable {
		return
	}
	if d.shows.open == session.OpenBrowser {
		d.w.do(session.OpenApp{App: d.id}, nil)
		d.w.say(openedWord(d.shows.open))
		return
	}
	d.w.copy(cmp.Or(d.shows.command, d.shows.address), openedWord(d.shows.open))
}

// copyAll puts on the clipboard what the helpdesk wants to know.
func (d *detail) copyAll() {
	if a, ok := appOf(d.w.state, d.id); ok {
		d.w.copy(helpdeskText(d.w.state, a, d.w.options.Now()), appWords.helpdeskCopied)
	}
}

func (d *detail) escape() { d.w.detail = ""; d.w.settle() }
