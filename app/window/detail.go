package window

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// detailView is all that the layer of one application shows.
type detailView struct {
	card                        cardView
	about                       string
	title, text, fix            string
	cure                        string
	until, untilIs, site, since string
	failing                     [][2]string // what is about, and how it is found
	hidden                      bool
	address, command            string
	flows, data, used, decision string
	open                        session.OpenKind
	openable                    bool
}

func detailOf(s session.State, a *session.App) detailView {
	v := detailView{
		card: cardOf(a, s.At), about: a.Description,
		flows: flowsText(a.Flows, a.Parked), data: bytesText(a.Up) + " ↑   " + bytesText(a.Down) + " ↓",
		used: words.never, decision: string(a.Decision), open: a.Open, openable: s.ZTA.Allowed && a.OpenWith != "",
	}
	switch {
	case v.card.why:
		v.title, v.text, v.fix = whyTitle(a), a.Why.Detail, a.Why.Fix
		v.openable = false
	case a.Why.Title != "":
		v.title, v.text, v.fix = a.Why.Title, a.Why.Detail, a.Why.Fix
	case a.State == session.AppInUse && a.Parked > 0 && a.Parked >= a.Flows:
		v.title, v.text = words.restTitle, words.restText
	case a.State == session.AppInUse:
		v.title, v.text = words.inUseTitle, words.inUseText
	default:
		v.title, v.text = words.readyTitle, words.readyText
	}
	if len(a.Cure) > 0 && s.ZTA.Allowed {
		v.cure = cureWord(a.Cure)
	}
	if !a.Until.IsZero() {
		v.until, v.untilIs = exactly(a.Until, s.At), words.factUntil
		if v.card.state.tone == bad || v.card.why && !a.Allowed {
			v.untilIs = words.factAgain
		}
	}
	if !a.Since.IsZero() {
		v.since = exactly(a.Since, s.At)
	}
	for _, x := range a.Failing {
		v.failing = append(v.failing, [2]string{x.Title, found(x, s.At)})
	}
	v.hidden = a.Hidden
	if a.Listen.IsValid() {
		v.address = a.Listen.String()
	}
	if a.Open != session.OpenBrowser && a.OpenWith != v.address {
		v.command = a.OpenWith
	}
	for _, site := range s.Sites {
		if site.ID == a.Site {
			word, _ := channelWord(site.State)
			v.site = site.Name + " · " + word
		}
	}
	if !a.LastUsed.IsZero() {
		v.used = lastUsed(a.LastUsed, s.At)
	}
	return v
}

// flowsText counts open connections, and says how many of them rest.
func flowsText(flows, parked int) string {
	switch {
	case parked == 0:
		return strconv.Itoa(flows)
	case parked < flows:
		return fmt.Sprintf(words.someRest, flows, parked)
	}
	return fmt.Sprintf(words.atRest, flows)
}

// found is how a criterion is found to be.
func found(x session.Failing, now time.Time) string {
	if x.Answered.IsZero() {
		return x.Found
	}
	return x.Found + " " + moment(x.Answered, now)
}

// lastUsed writes a past instant.
func lastUsed(t, now time.Time) string {
	switch days(t, now) {
	case 0:
		return lang.F("Today %s", t.Local().Format("15:04"))
	case 1:
		return lang.F("Yesterday %s", t.Local().Format("15:04"))
	}
	return moment(t, now)
}

// detail shows one application: what state it is in and why, what would cure
// it, how to reach it, and what the helpdesk wants to know.
type detail struct {
	w     *Window
	id    wire.AppID
	shows detailView

	tile             *surface
	glyph            *glyph
	name, host       *label
	about            *paragraph
	pill             *pill
	back             *surface
	sign             *glyph
	title, text, fix *paragraph
	cure             *button
	terms            *terms
	until, since     *detailRow
	site             *detailRow
	address, command *detailRow
	flows, data      *detailRow
	used, decision   *detailRow
	open, close      *button
}

func (w *Window) newDetail() (*modal, face) {
	d := &detail{w: w, id: w.detail}
	d.tile, d.glyph = newSurface("", "", 14), newGlyph("lan", false, 28, roleText)
	d.name = newElastic("", font{size: 18, weight: assets.SemiBold, role: roleText})
	d.host = newElastic("", font{size: 13, role: roleFaint})
	d.about = newParagraph("", font{size: 14, role: roleMuted}, 0)
	d.pill = newPill("", "circle", neutral)
	d.close = w.newIconButton(quiet, words.close, "close", d.escape)
	d.close.high = 34
	names := newStack(2, insets{}, nil, d.name, d.host)
	head := newLine(14, insets{}, nil, newBadge(52, d.tile, d.glyph), names, d.pill, d.close).growing(names)

	d.back, d.sign = newSurface("", "", 12), newGlyph("info", true, 22, roleText)
	d.title = newParagraph("", font{size: 14, weight: assets.SemiBold, role: roleText}, 0)
	d.text = newParagraph("", font{size: 14, role: roleMuted}, 0)
	d.fix = newParagraph("", font{size: 14, weight: assets.Medium, role: roleText}, 0)
	d.cure = w.newButton(primary, "", "fingerprint", func() { w.do(session.ShowPrompt{App: d.id}, nil) })
	why := newStack(3, insets{}, nil, d.title, d.text, d.fix)
	callout := newLine(14, pads(14, 16), d.back, d.sign, why, d.cure).growing(why)

	d.terms = newTerms()
	d.until, d.since, d.site = newDetailRow(words.factUntil), newDetailRow(words.factSince), newDetailRow(words.factSite)
	d.flows, d.data = newDetailRow(words.factFlows), newDetailRow(words.factData)
	d.used = newDetailRow(words.factUsed)
	d.address = w.newCopyRow(words.factAddress, true)
	d.command = w.newCopyRow(words.factCommand, true)
	d.decision = w.newCopyRow(words.factDecision, true)
	rows := newStack(0, insets{}, nil, d.until.line, d.since.line, d.address.line, d.command.line, d.site.line, d.flows.line, d.data.line, d.used.line, d.decision.line)

	d.open = w.newButton(primary, "", "", d.enter)
	later := w.newButton(plain, words.close, "", d.escape)
	actions := newLine(10, insets{}, nil, later, d.open).growing(d.open)
	body := newStack(0, pad(24), nil, head, newGap(14), d.about, newGap(14), callout, d.terms.stack, newGap(12), rows, newGap(18), actions)
	return newModal(560, body, d.escape), d
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
	shown(d.about, v.about != "")
	st := v.card.state
	d.pill.set(st.word, st.icon, st.tone)
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
	d.site.set(v.site)
	d.address.set(v.address)
	d.command.set(v.command)
	d.flows.set(v.flows)
	d.data.set(v.data)
	d.used.set(v.used)
	d.decision.set(v.decision)
	icon := "content_copy"
	if v.open == session.OpenBrowser {
		icon = "open_in_new"
	}
	d.open.set(openWord(v.open), icon)
	d.open.setState(!v.openable, false)
	if m := d.w.layer.modal; m != nil && d.w.layer.face == face(d) {
		m.settle()
	}
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

func (d *detail) escape() { d.w.detail = ""; d.w.settle() }

// detailRow is a fact of an application; an empty one is hidden.
type detailRow struct {
	*line
	name, value *label
}

func newDetailRow(name string) *detailRow {
	r := &detailRow{value: newElastic("", font{size: 13, weight: assets.Medium, role: roleText, align: fyne.TextAlignTrailing})}
	r.name = newLabel(name, font{size: 13, role: roleMuted})
	height := newGap(32)
	r.line = newLine(0, pads(0, 2), nil, height, r.name, r.value).growing(r.value)
	return r
}

// newCopyRow is a fact that somebody wants to paste elsewhere.
func (w *Window) newCopyRow(name string, mono bool) *detailRow {
	r := newDetailRow(name)
	r.value.font.mono = mono
	r.value.font.size = 13
	b := w.newIconButton(quiet, words.copy+" "+name, "content_copy", func() { w.copy(r.value.text, words.copied) })
	b.high = 30
	r.line.items = append(r.line.items, b)
	r.line.parts = append(r.line.parts, b)
	return r
}

func (r *detailRow) set(value string) {
	r.value.set(value)
	shown(r.line, value != "")
}
