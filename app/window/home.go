package window

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// home is the page that the window begins with: what holds now, what needs the user
// now, the applications at hand, what comes next, and what Tidegate is connected to.
type home struct {
	node
	w      *Window
	state  session.State
	scroll *container.Scroll
	list   *stack

	greeting *paragraph
	now      *paragraph
	banner   *banner
	urgent   *stack // of the banner, and the gap below it
	shelf    *shelf
	gone     *gonePins
	rows     []*nextRow
	note     *label
	noted    *line // of the note
	rule     fyne.CanvasObject
	next     *panel
	links    *links
	linked   *panel
	empty    *empty

	due time.Time // when an alarm has it drawn anew
}

// mostComing is how many changes ahead Home tells of.
const mostComing = 2

func (w *Window) newHome() *home {
	p := &home{w: w}
	p.greeting = newParagraph("", font{size: 24, weight: assets.Bold, role: roleText}, 0)
	p.now = newParagraph("", font{size: 14, role: roleMuted}, 0)
	p.banner = w.newBanner()
	p.shelf = w.newShelf(func(t *tile) { scrollTo(p.scroll, p.list, t) })
	p.gone = w.newGonePins()
	p.note = newLabel("", font{size: 14, role: roleMuted})
	p.noted = newLine(12, pads(9, 0), nil, newGlyph("schedule", false, 20, roleFaint), p.note)
	p.rule = newRule()
	p.next = newPanel(homeWords.next, newStack(0, pads(5, 16), newSurface(roleSurface, roleLine, 14)))
	p.links = newLinks()
	p.linked = newPanel(homeWords.connections, p.links.stack)
	p.urgent = newStack(0, insets{bottom: 20}, nil, p.banner.line)
	p.list = newStack(0, insets{2, scrollIn, pagePad, ringRoom}, nil,
		newStack(4, insets{bottom: 20, left: 2}, nil, p.greeting, p.now),
		p.urgent, p.shelf, p.gone.line, newGap(22), newPair(p.next, p.linked))
	p.scroll = container.NewVScroll(p.list)
	p.empty = w.newEmpty(func() {})
	p.parts = []fyne.CanvasObject{p.scroll, p.empty}
	p.least = func() fyne.Size { return fyne.NewSize(200, 100) }
	p.arrange = func(s fyne.Size) {
		p.list.Resize(fyne.NewSize(s.Width+ringRoom, p.list.heightFor(s.Width+ringRoom)))
		place(p.scroll, -ringRoom, 0, s.Width+ringRoom, s.Height)
		p.scroll.Refresh()
		place(p.empty, 0, 0, s.Width-scrollIn, s.Height)
	}
	p.ExtendBaseWidget(p)
	return p
}

// apply shows a state.
func (p *home) apply(s session.State) {
	p.state = s
	e := emptyOf(s, "", len(s.Apps))
	p.empty.set(e)
	shown(p.scroll, e == emptyView{})
	if !p.scroll.Visible() || !p.shown() {
		return
	}
	now := p.w.now()
	p.greeting.set(greeting(s.User, now))
	p.now.set(nowText(s))
	p.banner.set(bannerOf(s))
	shown(p.urgent, p.banner.Visible())
	moved := p.shelf.set(shelvesOf(s))
	p.gone.set(goneOf(s))
	p.links.set(linksOf(s))
	next := p.coming(now)
	p.flow()
	if moved {
		p.shelf.reveal()
	}
	p.wake(now, next)
}

// flow lays the page out anew.
func (p *home) flow() {
	if p.Size().Width > 0 {
		p.arrange(p.Size())
		relayout(p.list)
	}
}

func (p *home) shown() bool {
	return p.w.pages != nil && p.w.pages.home == p && p.w.pages.page == session.PageHome
}

// says tells whether the page itself says what a banner would, or leads to what it does.
func (p *home) says(v bannerView) bool {
	return p.scroll.Visible() || v.command != nil && v.command == p.empty.shows.command
}

// coming shows what comes next, and returns when.
func (p *home) coming(now time.Time) time.Time {
	a := p.state.Ahead
	var items []fyne.CanvasObject
	var first time.Time
	if a != nil && !a.At.IsZero() {
		all := p.state.Coming(now)
		for i, c := range all[:min(len(all), mostComing)] {
			if i == len(p.rows) {
				p.rows = append(p.rows, newNextRow())
			}
			p.rows[i].set(c, now)
			if i > 0 {
				items = append(items, p.rule)
			}
			items = append(items, p.rows[i].line)
		}
		if len(all) > 0 {
			first = all[0].At
		}
	}
	if len(items) == 0 {
		text := homeWords.nothing
		switch {
		case a != nil && !a.At.IsZero():
		case !p.state.ZTA.Allowed || a != nil && !a.Working:
			text = "" // nobody answers
		default:
			text = homeWords.waiting
		}
		p.note.set(text)
		items = append(items, p.noted)
	}
	shown(p.next, p.note.text != "" || !first.IsZero())
	p.next.card.set(items...)
	return first
}

// wake has the page drawn anew, while it shows, when something of it changes by
// itself: at the next change ahead, or when another greeting begins.
func (p *home) wake(now, next time.Time) {
	at := nextGreeting(now)
	if next.After(now) && next.Before(at) {
		at = next
	}
	if p.due.After(now) && !at.Before(p.due) {
		return
	}
	p.due = at
	p.w.clock.at(at, func() {
		if p.shown() {
			p.apply(p.state)
		}
	})
}

// now is the time by the window's clock, or that of the state where it is later.
func (w *Window) now() time.Time {
	if now := w.options.Now(); now.After(w.state.At) {
		return now
	}
	return w.state.At
}

// nextRow is a change ahead: when, and what.
type nextRow struct {
	*line
	glyph *glyph
	at    *label
	text  *paragraph
}

func newNextRow() *nextRow {
	r := &nextRow{glyph: newGlyph("schedule", false, 20, roleMuted)}
	r.at = newElastic("", font{size: 14, weight: assets.SemiBold, role: roleText})
	r.text = newParagraph("", font{size: 13, role: roleMuted}, 0)
	texts := newStack(2, insets{}, nil, r.at, r.text)
	r.line = newLine(12, pads(9, 0), nil, r.glyph, texts).growing(texts)
	return r
}

func (r *nextRow) set(c session.Coming, now time.Time) {
	icon, t := turnSign(c.Turn)
	r.glyph.set(icon, false, t.ink())
	r.at.set(capital(exactly(c.At, now)))
	r.text.set(full(capital(c.Text)))
}
