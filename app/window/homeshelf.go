package window

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
)

// shelf shows applications as tiles in rows, under headings. It is one stop for
// Tab: the arrow keys move a cursor over the tiles, Enter does the most useful
// thing with one, Space shows its card, and P pins it.
type shelf struct {
	node
	w       *Window
	shows   []shelfView
	tiles   []*tile
	heads   []*shelfHead
	columns int
	focus   bool
	cursor  int // of all tiles
	pointed int // the tile under the pointer, or -1
	moved   func(*tile)
}

// Gaps of the shelf, at the usual size of text: between a heading and its tiles,
// and above the next heading.
const (
	shelfHeadHigh = 30
	shelfGap      = 12
)

func (w *Window) newShelf(moved func(*tile)) *shelf {
	s := &shelf{w: w, columns: 1, pointed: -1, moved: moved}
	s.least = func() fyne.Size { return fyne.NewSize(em(tileLeast), s.lay(max(em(tileLeast), s.Size().Width), false)) }
	s.grows = func(width float32) float32 { return s.lay(width, false) }
	s.arrange = func(size fyne.Size) { s.lay(size.Width, true) }
	s.ExtendBaseWidget(s)
	return s
}

// lay computes the height that a width needs, and puts tiles and headings there.
func (s *shelf) lay(width float32, put bool) float32 {
	columns := max(1, int((width+tileGap)/(em(tileLeast)+tileGap)))
	each := (width - float32(columns-1)*tileGap) / float32(columns)
	if put {
		s.columns = columns
	}
	var y float32
	n := 0
	for i, v := range s.shows {
		if i > 0 {
			y += shelfGap
		}
		if put {
			place(s.heads[i], 0, y, width, em(shelfHeadHigh)-6)
		}
		y += em(shelfHeadHigh)
		for j := range v.tiles {
			if put {
				x := float32(j%columns) * (each + tileGap)
				place(s.tiles[n], x, y+float32(j/columns)*(em(tileHeight)+tileGap), each, em(tileHeight))
			}
			n++
		}
		y += float32((len(v.tiles)+columns-1)/columns) * (em(tileHeight) + tileGap)
	}
	return max(0, y-tileGap)
}

// set shows applications, and keeps the cursor on the one that it is on. While
// somebody looks at them those that are there stay where they are. It says whether the
// cursor, which somebody sees, is elsewhere now.
func (s *shelf) set(views []shelfView) bool {
	was := s.cursor
	if s.focus || s.pointed >= 0 {
		views = inPlace(s.shows, views)
	}
	if at := s.at(s.cursor); at != nil {
		n := 0
		for _, v := range views {
			for _, t := range v.tiles {
				if t.id == at.shows.id {
					s.cursor = n
				}
				n++
			}
		}
	}
	s.shows = views
	s.parts = s.parts[:0]
	n := 0
	for i, v := range views {
		if i == len(s.heads) {
			s.heads = append(s.heads, newShelfHead())
		}
		s.parts = append(s.parts, s.heads[i])
		for range v.tiles {
			if n == len(s.tiles) {
				s.tiles = append(s.tiles, newTile(s))
			}
			s.parts = append(s.parts, s.tiles[n])
			n++
		}
	}
	s.cursor = max(0, min(s.cursor, n-1))
	if s.pointed >= n {
		s.pointed = -1
	}
	s.show()
	return s.focus && s.cursor != was
}

// inPlace has what is still on a shelf where it was: what comes takes the places of
// what goes, and those behind the last.
func inPlace(was, views []shelfView) []shelfView {
	out := slices.Clone(views)
	for i, v := range views {
		at := slices.IndexFunc(was, func(w shelfView) bool { return w.pinned() == v.pinned() })
		if at < 0 {
			continue
		}
		now := make(map[wire.AppID]tileView, len(v.tiles))
		for _, t := range v.tiles {
			now[t.id] = t
		}
		come := slices.DeleteFunc(slices.Clone(v.tiles), func(t tileView) bool {
			return slices.ContainsFunc(was[at].tiles, func(old tileView) bool { return old.id == t.id })
		})
		kept := make([]tileView, 0, len(v.tiles))
		for _, old := range was[at].tiles {
			t, ok := now[old.id]
			if !ok && len(come) > 0 {
				t, come, ok = come[0], come[1:], true
			}
			if ok {
				kept = append(kept, t)
			}
		}
		out[i].tiles = append(kept, come...)
	}
	return out
}

// count is how many tiles there are.
func (s *shelf) count() int {
	n := 0
	for _, v := range s.shows {
		n += len(v.tiles)
	}
	return n
}

func (s *shelf) at(i int) *tile {
	if i < 0 || i >= s.count() {
		return nil
	}
	return s.tiles[i]
}

// show binds the tiles, and says in the headings what can be done with the one that
// is looked at.
func (s *shelf) show() {
	n := 0
	for i, v := range s.shows {
		hint := v.hint
		for _, t := range v.tiles {
			s.tiles[n].at = n
			s.tiles[n].bind(t, s.focus && n == s.cursor)
			switch {
			case n == s.pointed:
				hint = t.does
			case s.focus && s.pointed < 0 && n == s.cursor:
				hint = fmt.Sprintf(homeWords.keysHint, t.does)
			}
			n++
		}
		s.heads[i].set(v.title, hint)
	}
}

// point says that the pointer came to a tile, or left it.
func (s *shelf) point(i int, over bool) {
	switch {
	case over:
		s.pointed = i
	case s.pointed == i:
		s.pointed = -1
	}
	s.show()
}

// move puts the cursor on a tile.
func (s *shelf) move(i int) {
	s.cursor = max(0, min(i, s.count()-1))
	s.show()
	s.reveal()
}

// reveal has the page scroll to the cursor.
func (s *shelf) reveal() {
	if t := s.at(s.cursor); t != nil {
		s.moved(t)
	}
}

// below is the tile that is one row above or below the cursor, in its column.
func (s *shelf) below(step int) int {
	type span struct{ first, last int }
	var rows []span
	at, n := 0, 0
	for _, v := range s.shows {
		for first := 0; first < len(v.tiles); first += s.columns {
			last := min(first+s.columns, len(v.tiles))
			if s.cursor >= n+first && s.cursor < n+last {
				at = len(rows)
			}
			rows = append(rows, span{n + first, n + last})
		}
		n += len(v.tiles)
	}
	if len(rows) == 0 {
		return 0
	}
	to := rows[max(0, min(at+step, len(rows)-1))]
	return min(to.first+s.cursor-rows[at].first, to.last-1)
}

// FocusGained implements fyne.Focusable.
func (s *shelf) FocusGained() { s.focus = true; s.move(s.cursor) }

// FocusLost implements fyne.Focusable.
func (s *shelf) FocusLost() { s.focus = false; s.show() }

// TypedRune implements fyne.Focusable.
func (s *shelf) TypedRune(r rune) {
	if t := s.at(s.cursor); t != nil && (r == 'p' || r == 'P') {
		s.w.pin(t.shows.id, !t.shows.pinned)
	}
}

// TypedKey implements fyne.Focusable.
func (s *shelf) TypedKey(k *fyne.KeyEvent) {
	t := s.at(s.cursor)
	switch {
	case t == nil:
		s.w.key(k)
	case k.Name == fyne.KeyLeft:
		s.move(s.cursor - 1)
	case k.Name == fyne.KeyRight:
		s.move(s.cursor + 1)
	case k.Name == fyne.KeyUp:
		s.move(s.below(-1))
	case k.Name == fyne.KeyDown:
		s.move(s.below(1))
	case k.Name == fyne.KeyHome:
		s.move(0)
	case k.Name == fyne.KeyEnd:
		s.move(s.count() - 1)
	case k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter:
		s.w.use(t.shows.id)
	case k.Name == fyne.KeySpace:
		s.w.tell(t.shows.id)
	default:
		s.w.key(k)
	}
}

// Disabled keeps Tab from an empty shelf.
func (s *shelf) Disabled() bool { return s.count() == 0 }

// Enable implements fyne.Disableable; what can be used is what is shown.
func (s *shelf) Enable() {}

// Disable implements fyne.Disableable.
func (s *shelf) Disable() {}

// shelfHead is a heading, and at its other end what can be done here.
type shelfHead struct {
	*line
	title, hint *label
}

func newShelfHead() *shelfHead {
	h := &shelfHead{title: newLabel("", headFont)}
	h.hint = newElastic("", font{size: 12, weight: assets.Regular, role: roleFaint, align: fyne.TextAlignTrailing})
	h.line = newLine(12, insets{left: 2, right: 2}, nil, h.title, h.hint).growing(h.hint)
	return h
}

func (h *shelfHead) set(title, hint string) {
	changed := h.title.set(title)
	if h.hint.set(hint) || changed {
		relayout(h.line)
	}
}
