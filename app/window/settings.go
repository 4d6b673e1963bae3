package window

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// settings is the page of what can be chosen here, of what the administrator has
// fixed, and of what there is to know of this device.
type settings struct {
	node
	w        *Window
	shows    settingsView
	list     *stack
	scroll   *container.Scroll
	sections []*settingGroup

	themes, language, notices, idle *choosing
	login                           *settingRow
	starts                          *toggle
	fixed                           *stack // what the administrator has fixed
	ride, lead, values, strict      *settingRow

	organisation, device *settingRow
	keychain, tray       *settingRow
	unlock               *button
	helper               *settingRow
	setUp, copyCommand   *button
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

	language string
	notices  session.Notices
	chosen   wire.Duration // of Choices.Idle, where one may choose
	fixed    wire.Settings
	told     bool // the administrator's are known
	login    session.Login
	helper   helperView
}

// namesView is how programs find applications by name, or what connects VPNs.
type namesView struct {
	word, text string
	tone       tone
}

func (w *Window) newSettings() *settings {
	p := &settings{w: w}
	p.makeChoices()
	p.makeFacts()
	check := newSettingRow("support_agent", diagWords.row)
	check.detail.set(diagWords.rowText)
	check.with(w.newButton(plain, diagWords.start, "", w.diagnose))
	general := newSettingGroup(p.themes, w.newTextRow(), p.language, p.notices, p.idle, p.login)
	fixed := newSettingGroup(p.ride, p.lead, p.values, p.strict)
	device := newSettingGroup(p.organisation, p.device, p.keychain, p.helper, p.tray, p.names, p.vpn)
	about := newSettingGroup(p.version, check)
	p.sections = []*settingGroup{general, fixed, device, about}
	p.fixed = newStack(0, insets{}, nil, heading(settingWords.fixed, 24), fixed.stack)
	p.list = newStack(0, insets{2, scrollIn, pagePad, ringRoom}, nil,
		heading(words.general, 0), general.stack, p.fixed, heading(words.thisDevice, 24), device.stack, heading(words.aboutTitle, 24), about.stack)
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

// appearances are the themes to choose from.
var appearances = []appearance{followSystem, alwaysDark, alwaysLight}

// noticesChoices are what there is to hear of.
var noticesChoices = []session.Notices{session.NoticesAll, session.NoticesImportant, session.NoticesNone}

// makeChoices makes what the user sets.
func (p *settings) makeChoices() {
	w := p.w
	p.themes = w.newChoosing("contrast", words.appearance,
		choice{text: words.system, icon: "contrast", take: func() { w.choose(followSystem) }},
		choice{text: words.dark, icon: "dark_mode", take: func() { w.choose(alwaysDark) }},
		choice{text: words.light, icon: "light_mode", take: func() { w.choose(alwaysLight) }})
	p.themes.row.detail.set(words.appearanceText)

	languages := []choice{{text: words.system, name: captioned(settingWords.language, words.system), take: func() { w.do(session.ChooseLanguage{}, nil) }}}
	for _, l := range lang.Languages() {
		languages = append(languages, choice{text: l.Name, take: func() { w.do(session.ChooseLanguage{Language: l.Tag}, nil) }})
	}
	p.language = w.newChoosing("language", settingWords.language, languages...)
	p.language.row.detail.set(settingWords.languageText)

	var notices []choice
	for i, text := range []string{settingWords.noticesAll, settingWords.noticesImportant, settingWords.noticesNone} {
		notices = append(notices, choice{text: text, name: captioned(settingWords.notices, text), take: func() { w.do(session.ChooseNotices{Notices: noticesChoices[i]}, nil) }})
	}
	p.notices = w.newChoosing("notifications", settingWords.notices, notices...)

	p.idle = w.newChoosing("timer", settingWords.idle)
	p.idle.row.fixed = true
	p.login = newSettingRow("login", settingWords.login)
	p.login.detail.set(settingWords.loginText)
	p.starts = w.newToggle(settingWords.login, func(on bool) { w.do(session.StartAtLogin{On: on}, nil) })
	p.login.with(p.starts)
}

// makeFacts makes what is so, and what can be done about it.
func (p *settings) makeFacts() {
	w := p.w
	for _, r := range []struct {
		row   **settingRow
		title string
	}{{&p.ride, settingWords.ride}, {&p.lead, settingWords.lead}, {&p.values, settingWords.values}, {&p.strict, settingWords.strict}} {
		*r.row = newSettingRow("policy", r.title)
		(*r.row).fixed = true
	}
	p.organisation = newSettingRow("domain", words.organisation)
	p.device = newSettingRow("devices", words.deviceID)
	p.device.with(w.copier(words.deviceID, func() string { return string(p.shows.enrolment.Device) }))
	p.keychain = newSettingRow("key", words.keychain)
	p.unlock = w.newButton(plain, settingWords.unlock, "", func() { w.do(session.Retry{}, nil) })
	p.keychain.with(p.unlock)
	p.helper = newSettingRow("build", settingWords.helper)
	p.copyCommand = w.newButton(plain, words.copyCommand, "content_copy", func() { w.copy(p.shows.helper.command, words.copied) })
	p.setUp = w.newButton(plain, settingWords.setUp, "", func() { w.do(session.SetUpHelper{}, nil) })
	p.helper.with(p.copyCommand)
	p.helper.with(p.setUp)
	p.tray = newSettingRow("select_window", words.tray)
	p.names = newSettingRow("lan", words.names)
	p.vpn = newSettingRow("vpn_key", vpnWords.classic)
	p.version = newSettingRow("info", words.version)
}

// copier copies what a row names.
func (w *Window) copier(what string, text func() string) *button {
	b := w.newButton(plain, words.copy, "content_copy", func() { w.copy(text(), words.copied) })
	b.name = words.copy + " " + what
	return b
}

func (p *settings) chosen(a appearance) { p.themes.choose(slices.Index(appearances, a)) }

// look has the state tell what may have changed while nobody looked.
func (p *settings) look() {
	if p.w.seen {
		p.w.do(session.LookAround{}, func(error) {}) // the page shows what is known
	}
}

func (p *settings) apply(s session.State) {
	v := settingsView{enrolment: s.Enrolment, transport: transportWord(s.Control), keychain: s.Keychain, tray: s.Tray, version: s.Version,
		language: s.Choices.Language, notices: s.Choices.Notices, login: s.Login, helper: helperText(s.Helper)}
	v.names.word, v.names.text, v.names.tone = namesText(s)
	v.vpn.word, v.vpn.text, v.vpn.tone = engineText(s.VPN.Engine)
	if s.Fixed != nil {
		v.fixed, v.told = *s.Fixed, true
		if s.Choices.Idle != 0 && s.Fixed.IdleMost != 0 {
			v.chosen = s.Choices.IdleOf(*s.Fixed)
		}
	}
	if v != p.shows {
		p.shows = v
		p.show()
	}
}

func (p *settings) show() {
	p.showChoices()
	e := p.shows.enrolment
	p.organisation.set(e.Name, e.Controller, p.shows.transport, good)
	if !e.Enrolled() {
		p.organisation.set(words.notEnrolled, words.notEnrolledText, "", neutral)
	}
	p.device.set(string(e.Device), words.deviceText, "", neutral)
	shown(p.device, e.Enrolled())
	text, t := keychainText(p.shows.keychain)
	p.keychain.set(words.keychain, text, keychainWord(p.shows.keychain), t)
	p.unlock.set(words.retry, "")
	if p.shows.keychain == session.KeychainLocked {
		p.unlock.set(settingWords.unlock, "")
	}
	p.unlock.name = p.unlock.text
	shown(p.unlock, t == warn)
	h := p.shows.helper
	p.helper.set(settingWords.helper, h.text, h.word, h.tone)
	p.setUp.setState(h.busy, h.busy)
	p.setUp.name = captioned(settingWords.setUp, settingWords.helper)
	shown(p.setUp, h.setUp)
	shown(p.copyCommand, h.command != "")
	shown(p.helper, h.known)
	word, text, t := trayText(p.shows.tray)
	p.tray.set(words.tray, text, word, t)
	p.names.set(words.names, p.shows.names.text, p.shows.names.word, p.shows.names.tone)
	p.vpn.set(vpnWords.classic, p.shows.vpn.text, p.shows.vpn.word, p.shows.vpn.tone)
	version := p.shows.version
	if version == "" {
		version = "—"
	}
	p.version.set(words.title+" "+version, words.versionText, "", neutral)
	for _, s := range p.sections {
		s.rule()
	}
	if s := p.Size(); s.Width > 0 {
		p.arrange(s)
	}
	relayout(p.list)
}

// showChoices shows what was chosen, and what cannot be.
func (p *settings) showChoices() {
	v := &p.shows
	p.language.choose(slices.IndexFunc(lang.Languages(), func(l lang.Language) bool { return l.Tag == v.language }) + 1)
	p.notices.choose(slices.Index(noticesChoices, v.notices))
	p.notices.row.detail.set(noticesText(v.notices))
	p.starts.set(v.login == session.LoginOn)
	shown(p.login, v.login != session.LoginUnknown)
	p.showIdle()
	p.ride.set(settingWords.ride, settingWords.rideText, spanText(v.fixed.RideThrough), neutral)
	p.lead.set(settingWords.lead, settingWords.leadText, spanText(v.fixed.WarningLead), neutral)
	p.values.set(settingWords.values, settingWords.valuesText, onOff(v.fixed.HideValues), neutral)
	p.strict.set(settingWords.strict, settingWords.strictText, onOff(v.fixed.StrictDNS), neutral)
	shown(p.fixed, v.told)
}

// showIdle shows the idle time: with the choices that there are, or with a lock.
func (p *settings) showIdle() {
	v := &p.shows
	steps := session.IdleSteps(v.fixed)
	word := ""
	if len(steps) == 0 {
		word = spanText(v.fixed.Idle)
	}
	p.idle.row.set(settingWords.idle, settingWords.idleText, word, neutral)
	shown(p.idle, v.told)
	if len(steps) > 0 && v.chosen != 0 && !slices.Contains(steps, v.chosen) { // set by the command line
		steps = append(steps, v.chosen)
		slices.Sort(steps)
	}
	offers := []string{}
	if len(steps) > 0 {
		offers = append(offers, fmt.Sprintf(settingWords.idleAsSet, spanText(v.fixed.Idle)))
	}
	for _, d := range steps {
		offers = append(offers, spanText(d))
	}
	if !slices.EqualFunc(p.idle.buttons, offers, func(b *button, text string) bool { return b.text == text }) {
		var choices []choice
		for i, text := range offers {
			c := choice{text: text, name: captioned(settingWords.idle, text), take: func() { p.w.do(session.ChooseIdle{}, nil) }}
			if i > 0 {
				c.take = func() { p.w.do(session.ChooseIdle{Idle: steps[i-1]}, nil) }
			}
			choices = append(choices, c)
		}
		p.idle.offer(p.w, choices...)
	}
	p.idle.choose(0)
	if v.chosen != 0 {
		p.idle.choose(slices.Index(steps, v.chosen) + 1)
	}
}

func heading(text string, above float32) fyne.CanvasObject {
	return newStack(0, insets{top: above, bottom: 8, left: 2}, nil, newLabel(text, font{size: 13, weight: assets.SemiBold, role: roleMuted}))
}
