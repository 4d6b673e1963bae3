package window

import (
	"slices"

	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Sizes of the rows, at the usual size of text.
const (
	todayRow   = 50
	todayLane  = 26
	todayNames = 186
)

// todayList shows a lane for each application, with as many widgets as are
// visible. It is one stop for Tab; up and down go to another application, left
// and right to another stretch.
type todayList struct {
	node
	scroll *container.Scroll
	sheet  *node
	rows   []*todayRowView
	apps   []session.App
	ahead  *session.Ahead
	known  map[wire.EntitlementID][]session.Stretch // of ahead
	view   laneView                                 // what all lanes share
	now    time.Time

	focus     bool
	cursor    int // of apps
	chosen    int // of its stretches
	pointed   int // the application under the pointer, or -1
	pointedAt int // and the stretch
	looked    func()
	open      func(wire.AppID)
	keys      func(*fyne.KeyEvent)
}

func (w *Window) newTodayList(looked func(), open func(wire.AppID)) *todayList {
	l := &todayList{looked: looked, open: open, keys: w.key, pointed: -1, pointedAt: -1, chosen: -1}
	l.sheet = &node{}
	l.sheet.least = func() fyne.Size { return fyne.NewSize(em(2*todayNames), float32(len(l.apps))*em(todayRow)+ringRoom*2) }
	l.sheet.arrange = func(fyne.Size) { l.show() }
	l.sheet.ExtendBaseWidget(l.sheet)
	l.scroll = container.NewVScroll(l.sheet)
	l.scroll.OnScrolled = func(fyne.Position) { l.show() }
	l.parts = []fyne.CanvasObject{l.scroll}
	l.least = func() fyne.Size { return fyne.NewSize(em(2*todayNames), em(todayRow)) }
	l.arrange = func(s fyne.Size) {
		l.scroll.Resize(s)
		l.scroll.Refresh()
		l.show()
	}
	l.ExtendBaseWidget(l)
	return l
}

// set shows applications with what is ahead of them.
func (l *todayList) set(apps []session.App, a *session.Ahead, v laneView, now time.Time) {
	more := len(apps) != len(l.apps)
	was, _ := l.at(l.cursor, l.chosen)
	if a != l.ahead {
		l.ahead, l.known = a, a.Days()
	}
	l.apps, l.view, l.now = apps, v, now
	l.cursor = max(0, min(l.cursor, len(apps)-1))
	if !was.To.IsZero() && len(apps) > 0 { // the same one, though others have come before it
		l.chosen = slices.IndexFunc(l.stretches(apps[l.cursor].Entitlement), func(s session.Stretch) bool { return s.Outlook == was.Outlook && s.To.Equal(was.To) })
	}
	if more {
		l.scroll.Refresh()
	}
	l.show()
}

func (l *todayList) stretches(id wire.EntitlementID) []session.Stretch { return l.known[id] }

// at is a stretch of an application, if there is such a one.
func (l *todayList) at(app, stretch int) (s session.Stretch, ok bool) {
	if app < 0 || app >= len(l.apps) {
		return s, false
	}
	all := l.stretches(l.apps[app].Entitlement)
	if stretch < 0 || stretch >= len(all) {
		return s, false
	}
	return all[stretch], true
}

// show binds rows to the applications that are visible.
func (l *todayList) show() {
	high := em(todayRow)
	top, bottom := l.scroll.Offset.Y, l.scroll.Offset.Y+l.scroll.Size().Height
	l.sheet.parts = l.sheet.parts[:0]
	first := max(0, int(top/high))
	for i := first; i < len(l.apps) && float32(i)*high < bottom; i++ {
		n := i - first
		if n == len(l.rows) {
			l.rows = append(l.rows, newTodayRow(l))
		}
		r := l.rows[n]
		place(r, 0, ringRoom+float32(i)*high, l.Size().Width-scrollIn+ringRoom, high)
		r.bind(i)
		l.sheet.parts = append(l.sheet.parts, r)
	}
}

// looking is what is looked at: by the pointer, or else by the keyboard.
func (l *todayList) looking() (app *session.App, all []session.Stretch, i int) {
	at, i := l.cursor, l.chosen
	if l.pointed >= 0 {
		at, i = l.pointed, l.pointedAt
	} else if !l.focus {
		return nil, nil, -1
	}
	if at < 0 || at >= len(l.apps) {
		return nil, nil, -1
	}
	app = &l.apps[at]
	all = l.stretches(app.Entitlement)
	if i < 0 || i >= len(all) {
		i = -1
	}
	return app, all, i
}

// point looks at a place by the pointer; -1: at none.
func (l *todayList) point(app, stretch int) {
	if l.pointed != app || l.pointedAt != stretch {
		l.pointed, l.pointedAt = app, stretch
		l.show()
		l.looked()
	}
}

// atNow, in place of a stretch, is the one of now.
const atNow = -1

// move goes to another application, and to a stretch of it.
func (l *todayList) move(app, stretch int) {
	l.cursor = max(0, min(app, len(l.apps)-1))
	l.chosen = -1
	if len(l.apps) > 0 {
		for i, s := range l.stretches(l.apps[l.cursor].Entitlement) { // those that are to be seen
			_, _, ok := l.view.within(s)
			if ok && (l.chosen < 0 || stretch != atNow && i <= stretch || stretch == atNow && !s.From.After(l.now)) {
				l.chosen = i
			}
		}
	}
	y, h := float32(l.cursor)*em(todayRow), l.scroll.Size().Height
	switch o := l.scroll.Offset.Y; {
	case y < o:
		l.scroll.ScrollToOffset(fyne.NewPos(0, y))
	case y+em(todayRow)+2*ringRoom > o+h:
		l.scroll.ScrollToOffset(fyne.NewPos(0, y+em(todayRow)+2*ringRoom-h))
	}
	l.show()
	l.looked()
}

// FocusGained implements fyne.Focusable.
func (l *todayList) FocusGained() { l.focus = true; l.move(l.cursor, max(l.chosen, atNow)) }

// FocusLost implements fyne.Focusable.
func (l *todayList) FocusLost() { l.focus = false; l.show(); l.looked() }

// TypedRune implements fyne.Focusable.
func (l *todayList) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (l *todayList) TypedKey(k *fyne.KeyEvent) {
	page := max(1, int(l.scroll.Size().Height/em(todayRow))-1)
	switch k.Name {
	case fyne.KeyLeft:
		l.move(l.cursor, max(0, l.chosen-1))
	case fyne.KeyRight:
		l.move(l.cursor, l.chosen+1)
	case fyne.KeyUp:
		l.move(l.cursor-1, atNow)
	case fyne.KeyDown:
		l.move(l.cursor+1, atNow)
	case fyne.KeyPageUp:
		l.move(l.cursor-page, atNow)
	case fyne.KeyPageDown:
		l.move(l.cursor+page, atNow)
	case fyne.KeyHome:
		l.move(0, atNow)
	case fyne.KeyEnd:
		l.move(len(l.apps)-1, atNow)
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		if len(l.apps) > 0 {
			l.open(l.apps[l.cursor].ID)
		}
	default:
		l.keys(k)
	}
}

// Disabled keeps Tab from an empty list.
func (l *todayList) Disabled() bool { return len(l.apps) == 0 }

// Enable implements fyne.Disableable; what can be used is what is shown.
func (l *todayList) Enable() {}

// Disable implements fyne.Disableable.
func (l *todayList) Disable() {}

// todayRowView is the row of one application: its name, how it is now, its lane.
type todayRowView struct {
	node
	list   *todayList
	index  int
	cursor bool
	says   string
	back   *surface
	ring   *surface
	name   *label
	state  *label
	lane   *lane
}

func newTodayRow(l *todayList) *todayRowView {
	r := &todayRowView{list: l, index: -1}
	r.back, r.ring = newSurface("", "", 10), newRing(12)
	r.name = newElastic("", font{size: 14, weight: assets.SemiBold, role: roleText})
	r.state = newElastic("", font{size: 12, role: roleMuted})
	r.lane = newLane()
	r.parts = []fyne.CanvasObject{r.back, r.ring, r.name, r.state, r.lane}
	r.least = func() fyne.Size { return fyne.NewSize(em(2*todayNames), em(todayRow)) }
	r.arrange = func(s fyne.Size) {
		in := float32(ringRoom)
		place(r.back, 0, 1, s.Width, s.Height-2)
		place(r.ring, 0, 1, s.Width, s.Height-2)
		names := em(todayNames)
		h, sub := r.name.MinSize().Height, r.state.MinSize().Height
		y := (s.Height - h - sub) / 2
		place(r.name, in+10, y, names-22, h)
		place(r.state, in+10, y+h, names-22, sub)
		place(r.lane, in+names, (s.Height-todayLane)/2, s.Width-names-2*in, todayLane)
	}
	r.ExtendBaseWidget(r)
	return r
}

// laneLeft and laneRight are how far from the edges of the list its lanes are.
func laneLeft() float32 { return ringRoom + em(todayNames) }

const laneRight = scrollIn

// bind shows an application.
func (r *todayRowView) bind(i int) {
	l := r.list
	a := &l.apps[i]
	all := l.stretches(a.Entitlement)
	v := l.view
	v.stretches, v.chosen = all, -1
	r.cursor = l.focus && i == l.cursor
	if r.cursor {
		v.chosen = l.chosen
	}
	if i == l.pointed {
		v.chosen = l.pointedAt
	}
	r.index = i
	r.name.set(a.Name)
	r.state.set(nowWord(all, l.now))
	r.says = captioned(a.Name, r.state.text)
	ground := role("")
	if i == l.pointed {
		ground = roleSurface
	}
	r.back.set(ground, "")
	shown(r.ring, r.cursor)
	r.lane.set(v)
}

// stretchAt is the stretch under a place of the row, or -1.
func (r *todayRowView) stretchAt(at fyne.Position) int {
	return r.lane.shows.under(at.X-r.lane.Position().X, r.lane.Size().Width)
}

// Tapped implements fyne.Tappable.
func (r *todayRowView) Tapped(e *fyne.PointEvent) { r.list.open(r.list.apps[r.index].ID) }

// MouseIn implements desktop.Hoverable.
func (r *todayRowView) MouseIn(e *desktop.MouseEvent) { r.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (r *todayRowView) MouseMoved(e *desktop.MouseEvent) {
	r.list.point(r.index, r.stretchAt(e.Position))
}

// MouseOut implements desktop.Hoverable.
func (r *todayRowView) MouseOut() { r.list.point(-1, -1) }

// Cursor implements desktop.Cursorable.
func (r *todayRowView) Cursor() desktop.Cursor { return desktop.PointerCursor }
