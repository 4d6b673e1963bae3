package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
)

// grid shows any number of cards in rows of equal ones, or one below the other as a
// list, under the headings of their sections, with as many widgets as are visible:
// Fyne's own grid leaves a ragged edge, and its list has rows of one kind. It is one
// stop for Tab; the arrow keys move a cursor over the cards.
type grid struct {
	node
	scroll *container.Scroll
	sheet  *sheet
	focus  bool
	cursor int  // of the cards
	seen   bool // the cursor is in sight
	keys   func(*fyne.KeyEvent)
	runes  func(rune)
	pin    func(wire.AppID, bool)
}

// gridCell is what shows an application: a card, or a row of a list.
type gridCell interface {
	fyne.CanvasObject
	bind(v cardView, cursor bool)
}

// sheet is what the grid scrolls.
type sheet struct {
	node
	grid    *grid
	list    bool
	count   int
	section func(i int) section // of card i
	view    func(i int) cardView
	open    func(wire.AppID)
	heads   bool // there is more than one section
	alone   bool // and one of them alone has a group's applications
	columns int
	rows    []gridRow
	cards   []gridCell // of the present kind
	others  []gridCell // of the other kind
	titles  []*label
}

// gridRow is a heading, or some cards.
type gridRow struct {
	y, h        float32
	title       string
	first, last int // cards, last exclusive
}

// headHeight is that of a heading, at the usual size of text.
const headHeight = 36

func (w *Window) newGrid(open func(wire.AppID)) *grid {
	g := &grid{keys: w.key, runes: w.rune, pin: w.pin}
	s := &sheet{grid: g, open: open, columns: 1}
	g.sheet = s
	s.least = func() fyne.Size {
		if n := len(s.rows); n > 0 {
			return fyne.NewSize(em(cardLeast), s.rows[n-1].y+s.rows[n-1].h+pagePad-s.gap())
		}
		return fyne.NewSize(em(cardLeast), 0)
	}
	s.arrange = func(fyne.Size) { s.show() }
	s.ExtendBaseWidget(s)
	g.scroll = container.NewVScroll(s)
	g.scroll.OnScrolled = func(fyne.Position) { s.show() }
	g.parts = []fyne.CanvasObject{g.scroll}
	g.least = func() fyne.Size { return fyne.NewSize(em(cardLeast)+scrollIn, em(cardHeight)) }
	g.arrange = func(size fyne.Size) {
		s.flow(size.Width - scrollIn)
		g.scroll.Resize(size)
		g.scroll.Refresh()
		s.show()
	}
	g.ExtendBaseWidget(g)
	return g
}

// set shows count cards; section and view tell of each. It says whether the cursor was
// in sight before.
func (g *grid) set(count int, section func(int) section, view func(int) cardView) bool {
	s := g.sheet
	seen := g.seen
	s.count, s.section, s.view = count, section, view
	s.heads, s.alone = false, true
	first := -1 // of those in groups
	for i := range count {
		at := section(i)
		s.heads = s.heads || at != section(0)
		switch {
		case at.kind != ofGroup:
		case first < 0:
			first = i
		case at != section(first):
			s.alone = false
		}
	}
	g.cursor = max(0, min(g.cursor, count-1))
	s.flow(g.Size().Width - scrollIn)
	g.scroll.Refresh()
	s.show()
	return seen
}

// setList shows rows of a list in place of cards, or the other way round. What has the
// cursor stays in sight.
func (g *grid) setList(list bool) {
	s := g.sheet
	if s.list == list {
		return
	}
	s.list, s.cards, s.others = list, s.others, s.cards
	s.flow(g.Size().Width - scrollIn)
	g.scroll.Refresh()
	g.move(g.cursor)
}

// rebind shows the visible cards anew, where they show something else now.
func (g *grid) rebind() { g.sheet.show() }

func (g *grid) toTop() {
	g.cursor = 0
	g.scroll.ScrollToOffset(fyne.Position{})
	g.sheet.show()
}

// high is the height of a card, gap that between two.
func (s *sheet) high() float32 {
	if s.list {
		return em(rowHeight)
	}
	return em(cardHeight)
}

func (s *sheet) gap() float32 {
	if s.list {
		return rowGap
	}
	return cardGap
}

func (s *sheet) newCell() gridCell {
	if s.list {
		return newAppRow(s.open, s.grid.pin)
	}
	return newCard(s.open, s.grid.pin)
}

// flow computes the rows for a width.
func (s *sheet) flow(width float32) {
	s.columns = 1
	if !s.list {
		s.columns = max(1, int((width+cardGap)/(em(cardLeast)+cardGap)))
	}
	s.rows = s.rows[:0]
	y := float32(ringRoom)
	for i := 0; i < s.count; {
		end := i + 1
		here := s.section(i)
		for end < s.count && s.section(end) == here {
			end++
		}
		if s.heads {
			s.rows = append(s.rows, gridRow{y: y, h: em(headHeight), title: here.title(s.alone)})
			y += em(headHeight)
		}
		for ; i < end; i += s.columns {
			s.rows = append(s.rows, gridRow{y: y, h: s.high() + s.gap(), first: i, last: min(i+s.columns, end)})
			y += s.high() + s.gap()
		}
		i = end
	}
}

// show binds cards and headings to the rows that are visible.
func (s *sheet) show() {
	top := s.grid.scroll.Offset.Y
	bottom := top + s.grid.scroll.Size().Height
	cards, titles := 0, 0
	s.grid.seen = false
	s.parts = s.parts[:0]
	width := (s.grid.Size().Width - scrollIn - ringRoom - float32(s.columns-1)*cardGap) / float32(s.columns)
	for _, r := range s.rows {
		if r.y+r.h < top || r.y > bottom {
			continue
		}
		if r.last == 0 {
			if titles == len(s.titles) {
				s.titles = append(s.titles, newElastic("", font{size: 13, weight: assets.SemiBold, role: roleMuted}))
			}
			t := s.titles[titles]
			t.set(r.title)
			place(t, ringRoom+2, r.y, s.grid.Size().Width-scrollIn, em(headHeight)-8)
			s.parts = append(s.parts, t)
			titles++
			continue
		}
		for i := r.first; i < r.last; i++ {
			if cards == len(s.cards) {
				s.cards = append(s.cards, s.newCell())
			}
			c := s.cards[cards]
			place(c, ringRoom+float32(i-r.first)*(width+cardGap), r.y, width, s.high())
			c.bind(s.view(i), s.grid.focus && i == s.grid.cursor)
			s.grid.seen = s.grid.seen || i == s.grid.cursor
			s.parts = append(s.parts, c)
			cards++
		}
	}
}

// move puts the cursor on card i and scrolls to it.
func (g *grid) move(i int) {
	g.cursor = max(0, min(i, g.sheet.count-1))
	for _, r := range g.sheet.rows {
		if r.last == 0 || g.cursor < r.first || g.cursor >= r.last {
			continue
		}
		o, h := g.scroll.Offset.Y, g.scroll.Size().Height
		switch {
		case r.y-em(headHeight) < o:
			o = max(0, r.y-em(headHeight))
		case r.y+r.h > o+h:
			o = r.y + r.h - h
		}
		g.scroll.ScrollToOffset(fyne.NewPos(0, o))
	}
	g.sheet.show()
}

// below is the card that is steps rows below the cursor, in its column.
func (g *grid) below(steps int) int {
	var rows []gridRow
	at, column := 0, 0
	for _, r := range g.sheet.rows {
		if r.last == 0 {
			continue
		}
		if g.cursor >= r.first && g.cursor < r.last {
			at, column = len(rows), g.cursor-r.first
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return 0
	}
	r := rows[max(0, min(at+steps, len(rows)-1))]
	return min(r.first+column, r.last-1)
}

// FocusGained implements fyne.Focusable.
func (g *grid) FocusGained() { g.focus = true; g.move(g.cursor) }

// FocusLost implements fyne.Focusable.
func (g *grid) FocusLost() { g.focus = false; g.sheet.show() }

// TypedRune implements fyne.Focusable.
func (g *grid) TypedRune(r rune) { g.runes(r) }

// TypedKey implements fyne.Focusable.
func (g *grid) TypedKey(k *fyne.KeyEvent) {
	page := max(1, int(g.scroll.Size().Height/(g.sheet.high()+g.sheet.gap())))
	switch k.Name {
	case fyne.KeyLeft:
		g.move(g.cursor - 1)
	case fyne.KeyRight:
		g.move(g.cursor + 1)
	case fyne.KeyUp:
		g.move(g.below(-1))
	case fyne.KeyDown:
		g.move(g.below(1))
	case fyne.KeyPageUp:
		g.move(g.below(-page))
	case fyne.KeyPageDown:
		g.move(g.below(page))
	case fyne.KeyHome:
		g.move(0)
	case fyne.KeyEnd:
		g.move(g.sheet.count - 1)
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		if g.sheet.count > 0 {
			g.sheet.open(g.sheet.view(g.cursor).id)
		}
	case fyne.KeyP:
		if g.sheet.count > 0 {
			v := g.sheet.view(g.cursor)
			g.pin(v.id, !v.pinned)
		}
	default:
		g.keys(k)
	}
}

// Disabled keeps Tab from an empty grid.
func (g *grid) Disabled() bool { return g.sheet.count == 0 }

// Enable implements fyne.Disableable; what can be used is what is shown.
func (g *grid) Enable() {}

// Disable implements fyne.Disableable.
func (g *grid) Disable() {}
