package window

import (
	"slices"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// applications is the page of the applications: a search, what to show them as, and
// the grid.
type applications struct {
	node
	w       *Window
	state   session.State
	index   index
	recent  []wire.AppID
	pinned  []wire.AppID
	found   []int   // what has what is searched
	entries []entry // what is shown, in its order
	search  *input
	clear   *button
	count   *label
	shape   *chips // cards, or a list
	grid    *grid
	empty   *empty
}

// prefAppShape keeps what the applications are shown as: shapeList, or anything else
// for cards.
const (
	prefAppShape = "applications.shape"
	shapeCards   = "cards"
	shapeList    = "list"
)

func (w *Window) newApplications() *applications {
	p := &applications{w: w}
	p.search = w.newInput(words.search, words.search, false)
	p.search.Icon = assets.Icon("search", false, ink(roleFaint))
	p.search.OnChanged = func(string) { p.filter(true) }
	p.clear = newIconButton(quiet, words.searchClear, "close", func() { p.search.SetText("") })
	p.clear.high, p.clear.keys, p.clear.runes = 34, w.key, w.rune
	p.clear.Hide()
	p.count = newLabel("", font{size: 13, weight: assets.Medium, role: roleFaint, align: fyne.TextAlignTrailing})
	p.shape = w.newChips(p.reshape)
	p.shape.add("", "grid_view", appWords.grid)
	p.shape.add("", "view_list", appWords.list)
	p.grid = w.newGrid(p.open)
	p.empty = w.newEmpty(func() {
		p.search.SetText("")
		w.canvas().Focus(p.search)
	})
	p.parts = []fyne.CanvasObject{p.search.frame, p.clear, p.count, p.shape, p.grid, p.empty}
	p.least = func() fyne.Size {
		return fyne.NewSize(em(cardLeast)+scrollIn, p.search.MinSize().Height+em(cardHeight))
	}
	p.paint = func() { p.search.Icon = assets.Icon("search", false, ink(roleFaint)) }
	p.arrange = func(s fyne.Size) {
		w, high := s.Width-scrollIn, p.search.MinSize().Height
		right := w
		if p.shape.Visible() {
			var wide float32
			for _, b := range p.shape.buttons {
				wide += b.MinSize().Width + chipGap
			}
			right -= wide - chipGap
			side := p.shape.buttons[0].MinSize().Height
			place(p.shape, right, (high-side)/2, wide-chipGap, side)
			right -= 14
		}
		if p.count.Visible() {
			count := max(24, p.count.MinSize().Width)
			right -= count
			place(p.count, right, 0, count, high)
			right -= 14
		}
		place(p.search.frame, 0, 0, right, high)
		place(p.clear, right-38, (high-34)/2, 34, 34)
		y := high + 14
		place(p.grid, -ringRoom, y, s.Width+ringRoom, s.Height-y)
		if !p.search.frame.Visible() {
			y = 0
		}
		place(p.empty, 0, y, w, s.Height-y)
	}
	p.ExtendBaseWidget(p)
	if w.app.Preferences().String(prefAppShape) == shapeList {
		p.shape.choose(1)
	}
	return p
}

// reshape shows cards or a list, as is chosen, and remembers which.
func (p *applications) reshape() {
	shape := shapeCards
	if p.shape.chosen == 1 {
		shape = shapeList
	}
	p.w.app.Preferences().SetString(prefAppShape, shape)
	p.grid.setList(shape == shapeList)
}

func (p *applications) apply(s session.State) {
	p.state = s
	recent := recentOf(s.Apps, s.Choices.Pinned, p.recent)
	same := p.entries != nil && slices.Equal(recent, p.recent) && slices.Equal(s.Choices.Pinned, p.pinned)
	p.recent, p.pinned = recent, s.Choices.Pinned
	if p.index.set(s.Apps) || !same {
		p.filter(false)
		return
	}
	p.show()
	p.grid.rebind()
}

// shownAnew is called when the page is turned to.
func (p *applications) shownAnew() {
	if fresh := recentOf(p.state.Apps, p.pinned, nil); !slices.Equal(fresh, p.recent) {
		p.recent = fresh
		p.filter(false)
	}
}

// filter finds what the search asks for; fresh says that the user asked anew.
func (p *applications) filter(fresh bool) {
	at := p.cursor()
	p.found = p.index.find(p.search.Text)
	if p.search.Text == "" {
		p.entries = arranged(p.index.apps, p.pinned, p.recent)
	} else {
		p.entries = ranked(&p.index, p.found, p.search.Text)
	}
	p.show()
	p.grid.cursor = p.place(at)
	inSight := p.grid.set(len(p.entries), func(i int) section { return p.entries[i].section }, p.view)
	switch {
	case fresh:
		p.grid.toTop()
	case inSight && p.grid.focus:
		p.grid.move(p.grid.cursor)
	}
}

// cursor is what the grid's cursor is on; the zero spot is nothing.
func (p *applications) cursor() spot {
	if p.grid.cursor < len(p.entries) {
		e := p.entries[p.grid.cursor]
		return spot{e.id, e.section.kind}
	}
	return spot{}
}

// spot is an application in a kind of section.
type spot struct {
	id   wire.AppID
	kind sectionKind
}

// place is where a spot is now: the cursor stays on what it is on, and where that is
// there no more, on the application.
func (p *applications) place(at spot) int {
	elsewhere := p.grid.cursor
	for i, e := range p.entries {
		if e.id != at.id {
			continue
		}
		if e.section.kind == at.kind {
			return i
		}
		elsewhere = i
	}
	return elsewhere
}

func (p *applications) view(i int) cardView {
	a := &p.index.apps[p.entries[i].app]
	v := cardOf(a, p.state.At)
	v.pinned = slices.Contains(p.pinned, a.ID)
	return v
}

// show decides between the grid and what stands in its place.
func (p *applications) show() {
	e := emptyOf(p.state, p.search.Text, len(p.found))
	p.empty.set(e)
	list := e == emptyView{} || e.action == words.searchClear
	changed := shown(p.search.frame, list)
	changed = shown(p.clear, list && p.search.Text != "") || changed
	changed = shown(p.count, list && len(p.index.apps) > 0) || changed
	changed = shown(p.shape, list) || changed
	changed = shown(p.grid, e == emptyView{}) || changed
	changed = p.count.set(hits(len(p.found), len(p.index.apps))) || changed
	if changed {
		p.arrange(p.Size())
	}
}

func (p *applications) open(id wire.AppID) {
	p.w.detail = id
	p.w.settle()
}

// seek gives the search the focus.
func (p *applications) seek() { p.w.canvas().Focus(p.search) }

// key takes what the focused widget has no use for.
func (p *applications) key(k *fyne.KeyEvent) {
	searching := p.w.canvas().Focused() == fyne.Focusable(p.search)
	switch k.Name {
	case fyne.KeyEscape:
		if searching && p.search.Text == "" {
			p.w.canvas().Unfocus()
			return
		}
		p.search.SetText("")
	case fyne.KeyDown, fyne.KeyPageDown:
		if !p.grid.Disabled() && p.grid.Visible() {
			p.w.canvas().Focus(p.grid)
		}
	case fyne.KeyReturn, fyne.KeyEnter:
		if searching && len(p.entries) > 0 && len(p.found) > 0 {
			p.open(p.entries[0].id)
		}
	}
}

// rune takes what is typed where there is nothing to type into: / begins a search.
func (w *Window) rune(r rune) {
	if r == '/' && w.layer.modal == nil && w.pages.page == session.PageApplications && w.pages.apps.search.frame.Visible() {
		w.pages.apps.seek()
	}
}
