package window

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// chronicle lists any number of events, the newest first, under their days, with as
// many widgets as are visible. What is looked at stays where it is while newer ones
// come above it.
type chronicle struct {
	node
	scroll *container.Scroll
	sheet  *node
	foot   *label // below the last
	ended  func() // the end is near, or in sight

	events []session.Event
	active session.Enrolment // what is of another says so
	all    []session.Enrolment
	now    time.Time
	rows   []chronicleRow
	high   float32
	width  float32            // that rows were computed for
	size   float32            // of text, for which they were
	known  map[uint64]float32 // heights of events, at width and size

	probe  *eventRow // measures
	pooled []*eventRow
	heads  []*label
}

// chronicleRow is a heading, or an event.
type chronicleRow struct {
	y, h float32
	head string
	at   int // of events
}

const (
	eventGap = 8
	// nearEnd is how far before the end more is wanted.
	nearEnd = 600
)

func newChronicle(ended func()) *chronicle {
	c := &chronicle{ended: ended, probe: newEventRow(), known: map[uint64]float32{}}
	c.foot = newLabel("", font{size: 13, role: roleFaint})
	c.sheet = &node{}
	c.sheet.least = func() fyne.Size { return fyne.NewSize(200, c.high) }
	c.sheet.arrange = func(fyne.Size) { c.show() }
	c.sheet.ExtendBaseWidget(c.sheet)
	c.scroll = container.NewVScroll(c.sheet)
	c.scroll.OnScrolled = func(fyne.Position) {
		c.show()
		c.look()
	}
	c.parts = []fyne.CanvasObject{c.scroll}
	c.least = func() fyne.Size { return fyne.NewSize(200, 100) }
	c.arrange = func(s fyne.Size) {
		c.flow()
		c.scroll.Resize(s)
		c.scroll.Refresh()
		c.show()
		c.look()
	}
	c.ExtendBaseWidget(c)
	return c
}

// set shows events; foot is said below the last.
func (c *chronicle) set(events []session.Event, s *session.State, foot string) {
	top, off := c.above()
	if c.active != s.Enrolment || !slices.Equal(c.all, s.Enrolments) {
		clear(c.known)
	}
	c.events, c.active, c.all, c.now = events, s.Enrolment, s.Enrolments, s.At
	c.foot.set(foot)
	c.flow()
	c.scroll.Refresh()
	if top != 0 {
		for _, r := range c.rows {
			if r.head == "" && c.events[r.at].Seq == top {
				c.scroll.ScrollToOffset(fyne.NewPos(0, r.y-off))
			}
		}
	}
	c.show()
}

// above is the first event that is looked at, and how far below the top of what is
// seen it is; zero while the newest are.
func (c *chronicle) above() (seq uint64, off float32) {
	o := c.scroll.Offset.Y
	if o <= 0 {
		return 0, 0
	}
	for _, r := range c.rows {
		if r.head == "" && r.y+r.h > o {
			return c.events[r.at].Seq, r.y - o
		}
	}
	return 0, 0
}

// toTop goes to the newest.
func (c *chronicle) toTop() {
	c.scroll.ScrollToOffset(fyne.Position{})
	c.show()
}

// look says where the end is near.
func (c *chronicle) look() {
	if c.Visible() && c.Size().Height > 0 && c.scroll.Offset.Y+c.scroll.Size().Height > c.high-nearEnd {
		c.ended()
	}
}

// flow computes the rows for the present width and size of text.
func (c *chronicle) flow() {
	width := c.Size().Width - scrollIn - ringRoom
	if width <= 0 {
		return
	}
	if size := em(100); c.width != width || c.size != size {
		c.width, c.size = width, size
		clear(c.known)
		c.probe.text.at = 0 // what is broken at another size is not
	}
	if len(c.known) > 2*len(c.events)+pastPage { // of events that are gone
		clear(c.known)
	}
	c.rows = c.rows[:0]
	y, day := float32(2), ""
	for i := range c.events {
		e := &c.events[i]
		if name := dayName(e.At, c.now); name != day {
			if day != "" {
				y += 4
			}
			c.rows = append(c.rows, chronicleRow{y: y, h: lineOf(em(13)), head: name})
			y += lineOf(em(13)) + eventGap
			day = name
		}
		h, ok := c.known[e.Seq]
		if !ok {
			c.probe.set(*e, c.active, c.all)
			h = c.probe.heightFor(width)
			c.known[e.Seq] = h
		}
		c.rows = append(c.rows, chronicleRow{y: y, h: h, at: i})
		y += h + eventGap
	}
	c.high = y + pagePad
	if c.foot.text != "" {
		c.high += lineOf(em(13))
	}
}

// show binds widgets to the rows that are visible.
func (c *chronicle) show() {
	top := c.scroll.Offset.Y
	bottom := top + c.scroll.Size().Height
	rows, heads := 0, 0
	c.sheet.parts = c.sheet.parts[:0]
	for _, r := range c.rows {
		if r.y+r.h < top || r.y > bottom {
			continue
		}
		if r.head != "" {
			if heads == len(c.heads) {
				c.heads = append(c.heads, newLabel("", font{size: 13, weight: assets.SemiBold, role: roleMuted}))
			}
			c.heads[heads].set(r.head)
			place(c.heads[heads], ringRoom, r.y, c.width, r.h)
			c.sheet.parts = append(c.sheet.parts, c.heads[heads])
			heads++
			continue
		}
		if rows == len(c.pooled) {
			c.pooled = append(c.pooled, newEventRow())
		}
		row := c.pooled[rows]
		row.set(c.events[r.at], c.active, c.all)
		place(row.line, ringRoom, r.y, c.width, r.h)
		relayout(row.line)
		c.sheet.parts = append(c.sheet.parts, row.line)
		rows++
	}
	if c.foot.text != "" && c.high-pagePad-lineOf(em(13)) <= bottom {
		place(c.foot, ringRoom, c.high-pagePad-lineOf(em(13)), c.width, lineOf(em(13)))
		c.sheet.parts = append(c.sheet.parts, c.foot)
	}
}

// key scrolls by the keys that do, and says whether it did.
func (c *chronicle) key(k fyne.KeyName) bool {
	by := map[fyne.KeyName]float32{fyne.KeyUp: -60, fyne.KeyDown: 60, fyne.KeyPageUp: 48 - c.scroll.Size().Height, fyne.KeyPageDown: c.scroll.Size().Height - 48,
		fyne.KeyHome: -c.high, fyne.KeyEnd: c.high}[k]
	if by == 0 {
		return false
	}
	c.scroll.ScrollToOffset(c.scroll.Offset.AddXY(0, by))
	c.show()
	c.look()
	return true
}
