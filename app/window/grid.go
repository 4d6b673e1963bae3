package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
)

// grid shows any number of cards in rows of equal ones, under the headings of
// their groups, with as many widgets as are visible: Fyne's own grid leaves a
// ragged edge, and its list has rows of one kind. It is one stop for Tab; the
// arrow keys move a cursor over the cards.
type grid struct {
	node
	scroll *container.Scroll
	sheet  *sheet
	focus  bool
	cursor int // of the cards
	keys   func(*fyne.KeyEvent)
}

// sheet is what the grid scrolls.
type sheet struct {
	node
	grid    *grid
	count   int
	group   func(i int) string // of card i
	view    func(i int) cardView
	open    func(wire.AppID)
	heads   bool // there is more than one group
	columns int
	rows    []gridRow
	cards   []*card
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
	g := &grid{keys: w.key}
	s := &sheet{grid: g, open: open, columns: 1}
	g.sheet = s
	s.least = func() fyne.Size {
		if n := len(s.rows); n > 0 {
			return fyne.NewSize(em(cardLeast), s.rows[n-1].y+s.rows[n-1].h+pagePad-cardGap)
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

// set shows count cards; group and view tell of each.
func (g *grid) set(count int, group func(int) string, view func(int) cardView) {
	s := g.sheet
	s.count, s.group, s.view = count, group, view
	s.heads = false
	for i := 1; i < count && !s.heads; i++ {
		s.heads = group(i) != group(0)
	}
	g.cursor = max(0, min(g.cursor, count-1))
	s.flow(g.Size().Width - scrollIn)
	g.scroll.Refresh()
	s.show()
}

// rebind shows the visible cards anew, where they show something else now.
func (g *grid) rebind() { g.sheet.show() }

func (g *grid) toTop() {
	g.cursor = 0
	g.scroll.ScrollToOffset(fyne.Position{})
	g.sheet.show()
}

// flow computes the rows for a width.
func (s *sheet) flow(width float32) {
	s.columns = max(1, int((width+cardGap)/(em(cardLeast)+cardGap)))
	s.rows = s.rows[:0]
	y := float32(ringRoom)
	for i := 0; i < s.count; {
		end := i + 1
		title := s.group(i)
		for end < s.count && s.group(end) == title {
			end++
		}
		if s.heads {
			if title == "" {
				title = words.otherGroup
			}
			s.rows = append(s.rows, gridRow{y: y, h: em(headHeight), title: title})
			y += em(headHeight)
		}
		for ; i < end; i += s.columns {
			s.rows = append(s.rows, gridRow{y: y, h: em(cardHeight) + cardGap, first: i, last: min(i+s.columns, end)})
			y += em(cardHeight) + cardGap
		}
		i = end
	}
}

// show binds cards and headings to the rows that are visible.
func (s *sheet) show() {
	top := s.grid.scroll.Offset.Y
	bottom := top + s.grid.scroll.Size().Height
	cards, titles := 0, 0
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
				s.cards = append(s.cards, newCard(s.open))
			}
			c := s.cards[cards]
			place(c, ringRoom+float32(i-r.first)*(width+cardGap), r.y, width, em(cardHeight))
			c.bind(s.view(i), s.grid.focus && i == s.grid.cursor)
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
func (g *grid) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (g *grid) TypedKey(k *fyne.KeyEvent) {
	page := max(1, int(g.scroll.Size().Height/(em(cardHeight)+cardGap)))
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
