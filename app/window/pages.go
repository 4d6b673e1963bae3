package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

// pages is the right of the window: tabs, at most one banner, and a page.
type pages struct {
	node
	w    *Window
	page session.Page

	tabs        map[session.Page]*button
	icons       map[*button]string // of tabs
	bar         *line
	banner      *banner
	home        *home
	apps        *applications
	today       *today
	connections *connections
	activity    *activity
	settings    *settings
}

// Paddings of the pages. A page that scrolls reaches into the right one.
const (
	pagePad  = 28
	pageTop  = 20
	scrollIn = 20
	// ringRoom is how far a focus ring reaches out of what has it: scrolled
	// things stand so far in, and their scroll begins so far out.
	ringRoom = 4
)

func (w *Window) newPages() *pages {
	p := &pages{w: w, page: session.PageHome, tabs: map[session.Page]*button{}, icons: map[*button]string{}}
	w.pages = p
	var tabs []fyne.CanvasObject
	for _, t := range []struct {
		page       session.Page
		text, icon string
	}{
		{session.PageHome, homeWords.page, "home"},
		{session.PageApplications, words.applications, "grid_view"},
		{session.PageToday, todayWords.page, "schedule"},
		{session.PageConnections, vpnWords.page, "vpn_key"},
		{session.PageActivity, words.activity, "history"},
		{session.PageSettings, words.settings, "settings"},
	} {
		b := w.newButton(tab, t.text, t.icon, func() { p.show(t.page) })
		p.tabs[t.page], p.icons[b] = b, t.icon
		tabs = append(tabs, b)
	}
	p.bar = newLine(6, insets{}, nil, tabs...)
	p.banner = w.newBanner()
	p.home = w.newHome()
	p.apps = w.newApplications()
	p.today = w.newToday()
	p.connections = w.newConnections()
	p.activity = w.newActivity()
	p.settings = w.newSettings()
	p.parts = []fyne.CanvasObject{p.bar, p.banner, p.home, p.apps, p.today, p.connections, p.activity, p.settings}
	p.least = func() fyne.Size { return fyne.NewSize(em(leastPages), 400) }
	p.arrange = p.place
	p.ExtendBaseWidget(p)
	p.show(p.page)
	return p
}

func (p *pages) place(s fyne.Size) {
	y, w := float32(pageTop), s.Width-2*pagePad
	p.fitTabs(w)
	h := p.bar.MinSize().Height
	place(p.bar, pagePad, y, w, h)
	y += h + 18
	if p.banner.Visible() {
		h = p.banner.heightFor(w)
		place(p.banner, pagePad, y, w, h)
		y += h + 16
	}
	for _, page := range []fyne.CanvasObject{p.home, p.apps, p.today, p.connections, p.activity, p.settings} {
		place(page, pagePad, y, w+scrollIn, s.Height-y)
	}
}

// fitTabs leaves out the icons of the tabs where there is no room for them; where
// there is none for the words either, all but the chosen tab show their icon alone.
func (p *pages) fitTabs(w float32) {
	for _, fit := range []struct {
		gap         float32
		icon, words bool
	}{{6, true, true}, {4, false, true}, {0, false, true}, {4, true, false}} {
		p.bar.gap = fit.gap
		for b, t := range p.icons {
			b.text, b.icon = "", ""
			if fit.words || b.chosen {
				b.text = b.name
			}
			if fit.icon {
				b.icon = t
			}
			b.Refresh()
		}
		if p.bar.MinSize().Width <= w {
			return
		}
	}
}

// show turns to a page.
func (p *pages) show(page session.Page) {
	if _, ok := p.tabs[page]; !ok {
		return
	}
	if page == session.PageSettings && p.page != page {
		p.settings.look()
	}
	if page == session.PageApplications && p.page != page {
		p.apps.shownAnew()
	}
	p.w.unhint()
	p.page = page
	for name, b := range p.tabs {
		b.choose(name == page)
	}
	shown(p.home, page == session.PageHome)
	shown(p.apps, page == session.PageApplications)
	shown(p.today, page == session.PageToday)
	shown(p.connections, page == session.PageConnections)
	shown(p.activity, page == session.PageActivity)
	shown(p.settings, page == session.PageSettings)
	if p.Size().Width > 0 { // another tab has its words now
		p.fitTabs(p.Size().Width - 2*pagePad)
		relayout(p.bar)
	}
	if page == session.PageHome {
		p.home.apply(p.w.state)
		p.today.look()
	}
	p.head(p.w.state)
	p.connections.flow()
	if page == session.PageToday {
		p.today.apply(p.w.state)
	}
}

// head shows in the banner what is to be said above the page. What the page itself
// says is not said twice.
func (p *pages) head(s session.State) {
	v := bannerOf(s)
	if v.page != "" && v.page == p.page || p.page == session.PageHome && p.home.says(v) {
		v = bannerView{}
	}
	if p.banner.set(v) {
		p.place(p.Size())
		relayout(p.banner)
	}
}

// reveal scrolls the page to o, which has the focus.
func (p *pages) reveal(o fyne.CanvasObject) {
	switch p.page {
	case session.PageHome:
		scrollTo(p.home.scroll, p.home.list, o)
	case session.PageConnections:
		scrollTo(p.connections.scroll, p.connections.list, o)
	case session.PageSettings:
		scrollTo(p.settings.scroll, p.settings.list, o)
	}
}

func (p *pages) apply(s session.State) {
	p.home.apply(s)
	p.head(s)
	p.apps.apply(s)
	p.today.apply(s)
	p.connections.apply(s)
	p.activity.apply(s)
	p.settings.apply(s)
}
