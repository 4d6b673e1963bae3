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
	p := &pages{w: w, page: session.PageApplications, tabs: map[session.Page]*button{}, icons: map[*button]string{}}
	w.pages = p
	var tabs []fyne.CanvasObject
	for _, t := range []struct {
		page       session.Page
		text, icon string
	}{
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
	p.apps = w.newApplications()
	p.today = w.newToday()
	p.connections = w.newConnections()
	p.activity = w.newActivity()
	p.settings = w.newSettings()
	p.parts = []fyne.CanvasObject{p.bar, p.banner, p.apps, p.today, p.connections, p.activity, p.settings}
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
	for _, page := range []fyne.CanvasObject{p.apps, p.today, p.connections, p.activity, p.settings} {
		place(page, pagePad, y, w+scrollIn, s.Height-y)
	}
}

// fitTabs leaves out the icons of the tabs where there is no room for them, and
// then the gaps.
func (p *pages) fitTabs(w float32) {
	for _, gap := range []float32{6, 4, 0} {
		with := gap == 6
		p.bar.gap = gap
		for b, icon := range p.icons {
			if !with {
				icon = ""
			}
			b.set(b.text, icon)
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
	p.page = page
	for name, b := range p.tabs {
		b.choose(name == page)
	}
	shown(p.apps, page == session.PageApplications)
	shown(p.today, page == session.PageToday)
	shown(p.connections, page == session.PageConnections)
	shown(p.activity, page == session.PageActivity)
	shown(p.settings, page == session.PageSettings)
	p.head(p.w.state)
	p.connections.flow()
	if page == session.PageToday {
		p.today.apply(p.w.state)
	}
}

// head shows in the banner what is to be said above the page.
func (p *pages) head(s session.State) {
	if p.banner.apply(s, p.page) {
		p.place(p.Size())
		relayout(p.banner)
	}
}

// reveal scrolls the page to o, which has the focus.
func (p *pages) reveal(o fyne.CanvasObject) {
	switch p.page {
	case session.PageConnections:
		scrollTo(p.connections.scroll, p.connections.list, o)
	case session.PageSettings:
		scrollTo(p.settings.scroll, p.settings.list, o)
	}
}

func (p *pages) apply(s session.State) {
	p.head(s)
	p.apps.apply(s)
	p.today.apply(s)
	p.connections.apply(s)
	p.activity.apply(s)
	p.settings.apply(s)
}
