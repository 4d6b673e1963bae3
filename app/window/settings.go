package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// settings is the page of what can be chosen here, which is little, and of
// what there is to know of this device.
type settings struct {
	node
	w      *Window
	shows  settingsView
	list   *stack
	scroll *container.Scroll
	themes map[appearance]*button

	organisation, device *settingRow
	keychain, tray       *settingRow
	names, vpn           *settingRow
	version              *settingRow
}

// settingsView is what the page shows of a state.
type settingsView struct {
	enrolment session.Enrolment
	transport string
	keychain  session.Keychain
	tray      session.TrayHost
	version   string
	names     namesView
	vpn       namesView
}

// namesView is how programs find applications by name, or what connects VPNs.
type namesView struct {
	word, text string
	tone       tone
}

func (w *Window) newSettings() *settings {
	p := &settings{w: w, themes: map[appearance]*button{}}
	var choices []fyne.CanvasObject
	for _, c := range []struct {
		appearance appearance
		text, icon string
	}{{followSystem, words.system, "contrast"}, {alwaysDark, words.dark, "dark_mode"}, {alwaysLight, words.light, "light_mode"}} {
		b := w.newButton(tab, c.text, c.icon, func() { w.choose(c.appearance) })
		b.high = 34
		p.themes[c.appearance] = b
		choices = append(choices, b)
	}
	chooser := newLine(4, pad(4), newSurface(roleGround, roleLine, 13), choices...)
	p.organisation = newSettingRow("domain", words.organisation)
	p.device = newSettingRow("devices", words.deviceID)
	p.keychain = newSettingRow("key", words.keychain)
	p.tray = newSettingRow("select_window", words.tray)
	p.names = newSettingRow("lan", words.names)
	p.vpn = newSettingRow("vpn_key", vpnWords.classic)
	p.version = newSettingRow("info", words.version)
	copyID := w.newButton(plain, words.copy, "content_copy", func() { w.copy(string(p.shows.enrolment.Device), words.copied) })
	copyID.name = words.copy + " " + words.deviceID
	p.device.with(copyID)
	look := newSettingRow("contrast", words.appearance)
	look.detail.set(words.appearanceText)
	look.with(chooser)
	check := newSettingRow("support_agent", diagWords.row)
	check.detail.set(diagWords.rowText)
	check.with(w.newButton(plain, diagWords.start, "", w.diagnose))
	p.list = newStack(0, insets{2, scrollIn, pagePad, ringRoom}, nil,
		heading(words.general, 0), newSection(look, w.newTextRow()),
		heading(words.thisDevice, 24), newSection(p.organisation, p.device, p.keychain, p.tray, p.names, p.vpn),
		heading(words.aboutTitle, 24), newSection(p.version, check))
	p.scroll = container.NewVScroll(p.list)
	p.parts = []fyne.CanvasObject{p.scroll}
	p.least = func() fyne.Size { return fyne.NewSize(200, 100) }
	p.arrange = func(s fyne.Size) {
		p.list.Resize(fyne.NewSize(s.Width+ringRoom, p.list.heightFor(s.Width+ringRoom)))
		place(p.scroll, -ringRoom, 0, s.Width+ringRoom, s.Height)
		p.scroll.Refresh()
	}
	p.ExtendBaseWidget(p)
	p.chosen(w.look.choice)
	p.show()
	return p
}

func (p *settings) chosen(a appearance) {
	for name, b := range p.themes {
		b.choose(name == a)
	}
}

func (p *settings) apply(s session.State) {
	v := settingsView{s.Enrolment, transportWord(s.Control), s.Keychain, s.Tray, s.Version, namesView{}, namesView{}}
	v.names.word, v.names.text, v.names.tone = namesText(s)
	v.vpn.word, v.vpn.text, v.vpn.tone = engineText(s.VPN.Engine)
	if v != p.shows {
		p.shows = v
		p.show()
	}
}

func (p *settings) show() {
	e := p.shows.enrolment
	p.organisation.set(e.Name, e.Controller, p.shows.transport, good)
	if !e.Enrolled() {
		p.organisation.set(words.notEnrolled, words.notEnrolledText, "", neutral)
	}
	p.device.set(string(e.Device), words.deviceText, "", neutral)
	shown(p.device, e.Enrolled())
	text, t := keychainText(p.shows.keychain)
	p.keychain.set(words.keychain, text, keychainWord(p.shows.keychain), t)
	word, text, t := trayText(p.shows.tray)
	p.tray.set(words.tray, text, word, t)
	p.names.set(words.names, p.shows.names.text, p.shows.names.word, p.shows.names.tone)
	p.vpn.set(vpnWords.classic, p.shows.vpn.text, p.shows.vpn.word, p.shows.vpn.tone)
	version := p.shows.version
	if version == "" {
		version = "—"
	}
	p.version.set(words.title+" "+version, words.versionText, "", neutral)
	if s := p.Size(); s.Width > 0 {
		p.arrange(s)
	}
	relayout(p.list)
}

// settingRow is a title, what it means, and a word or a control at the end.
type settingRow struct {
	*line
	title  *label
	detail *paragraph
	pill   *pill
}

func newSettingRow(icon, title string) *settingRow {
	r := &settingRow{title: newElastic(title, font{size: 14, weight: assets.SemiBold, role: roleText}), pill: newPill("", "circle", neutral)}
	r.detail = newParagraph("", font{size: 13, role: roleMuted}, 0)
	texts := newStack(2, insets{}, nil, r.title, r.detail)
	r.line = newLine(16, pads(13, 16), nil, newGlyph(icon, false, 22, roleFaint), texts, r.pill).growing(texts)
	r.pill.Hide()
	return r
}

// with puts a control at the end.
func (r *settingRow) with(control fyne.CanvasObject) {
	r.line.items = append(r.line.items, control)
	r.line.parts = append(r.line.parts, control)
}

func (r *settingRow) set(title, detail, word string, t tone) {
	r.title.set(title)
	r.detail.set(detail)
	icon := map[tone]string{good: "check_circle", warn: "error"}[t]
	if icon == "" {
		icon = "help"
	}
	r.pill.set(word, icon, t)
	shown(r.pill, word != "")
}

func heading(text string, above float32) fyne.CanvasObject {
	return newStack(0, insets{top: above, bottom: 8, left: 2}, nil, newLabel(text, font{size: 13, weight: assets.SemiBold, role: roleMuted}))
}

// newSection is a card of rows with hairlines between them.
func newSection(rows ...*settingRow) *stack {
	var items []fyne.CanvasObject
	for i, r := range rows {
		if i > 0 {
			rule := newSurface(roleLine, "", 0)
			rule.least = func() fyne.Size { return fyne.NewSize(0, 1) }
			items = append(items, rule)
		}
		items = append(items, r.line)
	}
	return newStack(0, pads(3, 1), newSurface(roleSurface, roleLine, 14), items...)
}
