package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// applications is the page of the applications: a search, and the grid.
type applications struct {
	node
	w      *Window
	state  session.State
	index  index
	found  []int
	search *input
	clear  *button
	count  *label
	grid   *grid
	empty  *empty
}

func (w *Window) newApplications() *applications {
	p := &applications{w: w}
	p.search = w.newInput(words.search, words.search, false)
	p.search.Icon = assets.Icon("search", false, ink(roleFaint))
	p.search.OnChanged = func(string) { p.filter(true) }
	p.clear = newIconButton(quiet, words.searchClear, "close", func() { p.search.SetText("") })
	p.clear.high, p.clear.keys = 34, w.key
	p.clear.Hide()
	p.count = newLabel("", font{size: 13, weight: assets.Medium, role: roleFaint, align: fyne.TextAlignTrailing})
	p.grid = w.newGrid(p.open)
	p.empty = w.newEmpty(func() {
		p.search.SetText("")
		w.canvas().Focus(p.search)
	})
	p.parts = []fyne.CanvasObject{p.search.frame, p.clear, p.count, p.grid, p.empty}
	p.least = func() fyne.Size {
		return fyne.NewSize(em(cardLeast)+scrollIn, p.search.MinSize().Height+em(cardHeight))
	}
	p.paint = func() { p.search.Icon = assets.Icon("search", false, ink(roleFaint)) }
	p.arrange = func(s fyne.Size) {
		w, high := s.Width-scrollIn, p.search.MinSize().Height
		var count float32
		if p.count.Visible() {
			count = max(24, p.count.MinSize().Width) + 14
		}
		place(p.search.frame, 0, 0, w-count, high)
		place(p.clear, w-count-38, (high-34)/2, 34, 34)
		place(p.count, w-count, 0, count, high)
		y := high + 14
		place(p.grid, -ringRoom, y, s.Width+ringRoom, s.Height-y)
		if !p.search.frame.Visible() {
			y = 0
		}
		place(p.empty, 0, y, w, s.Height-y)
	}
	p.ExtendBaseWidget(p)
	return p
}

func (p *applications) apply(s session.State) {
	p.state = s
	if p.index.set(s.Apps) || p.found == nil {
		p.filter(false)
		return
	}
	p.show()
	p.grid.rebind()
}

// filter finds what the search asks for; fresh says that the user asked anew.
func (p *applications) filter(fresh bool) {
	p.found = p.index.find(p.search.Text)
	p.show()
	p.grid.set(len(p.found),
		func(i int) string { return p.index.apps[p.found[i]].Group },
		func(i int) cardView { return cardOf(&p.index.apps[p.found[i]], p.state.At) })
	if fresh {
		p.grid.toTop()
	}
}

// show decides between the grid and what stands in its place.
func (p *applications) show() {
	e := emptyOf(p.state, p.search.Text, len(p.found))
	p.empty.set(e)
	list := e == emptyView{} || e.action == words.searchClear
	changed := shown(p.search.frame, list)
	changed = shown(p.clear, list && p.search.Text != "") || changed
	changed = shown(p.count, list && len(p.index.apps) > 0) || changed
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
	case fyne.KeyDown:
		if !p.grid.Disabled() && p.grid.Visible() {
			p.w.canvas().Focus(p.grid)
		}
	case fyne.KeyReturn, fyne.KeyEnter:
		if searching && len(p.found) > 0 {
			p.open(p.index.apps[p.found[0]].ID)
		}
	}
}
