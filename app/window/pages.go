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

	tabs     map[session.Page]*button
	bar      *line
	banner   *banner
	apps     *applications
	activity *activity
	settings *settings
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
	p := &pages{w: w, page: session.PageApplications, tabs: map[session.Page]*button{}}
	w.pages = p
	var tabs []fyne.CanvasObject
	for _, t := range []struct {
		page       session.Page
		text, icon string
	}{
		{session.PageApplications, words.applications, "grid_view"},
		{session.PageActivity, words.activity, "history"},
		{session.PageSettings, words.settings, "settings"},
	} {
		b := w.newButton(tab, t.text, t.icon, func() { p.show(t.page) })
		p.tabs[t.page] = b
		tabs = append(tabs, b)
	}
	p.bar = newLine(6, insets{}, nil, tabs...)
	p.banner = w.newBanner()
	p.apps = w.newApplications()
	p.activity = w.newActivity()
	p.settings = w.newSettings()
	p.parts = []fyne.CanvasObject{p.bar, p.banner, p.apps, p.activity, p.settings}
	p.least = func() fyne.Size { return fyne.NewSize(leastPages, 400) }
	p.arrange = p.place
	p.ExtendBaseWidget(p)
	p.show(p.page)
	return p
}

func (p *pages) place(s fyne.Size) {
	y, w := float32(pageTop), s.Width-2*pagePad
	h := p.bar.MinSize().Height
	place(p.bar, pagePad, y, w, h)
	y += h + 18
	if p.banner.Visible() {
		h = p.banner.heightFor(w)
		place(p.banner, pagePad, y, w, h)
		y += h + 16
	}
	for _, page := range []fyne.CanvasObject{p.apps, p.activity, p.settings} {
		place(page, pagePad, y, w+scrollIn, s.Height-y)
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
	shown(p.activity, page == session.PageActivity)
	shown(p.settings, page == session.PageSettings)
}

func (p *pages) apply(s session.State) {
	if p.banner.apply(s) {
		p.place(p.Size())
		relayout(p.banner)
	}
	p.apps.apply(s)
	p.activity.apply(s)
	p.settings.apply(s)
}
