package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
)

// modal is a layer over the window: a scrim, and on it a rounded panel, whose body
// scrolls where the window is too low for it. What stands at its foot stays in sight.
type modal struct {
	node
	width   float32 // at the usual size of text
	body    *stack
	foot    *stack              // the buttons below body; nil: none
	spare   []fyne.CanvasObject // parts of body that a low window leaves out
	outside func()              // a press beside the panel; nil: nothing
	// corner, where set, is where the lower left of the panel hangs; the scrim
	// is not drawn then.
	corner func() fyne.Position

	scrim  *scrim
	shades []*surface
	panel  *surface
	catch  *scrim // presses on the panel itself
	scroll *container.Scroll
	edge   *surface // between a body that scrolls and the foot
}

// footRoom is above a foot that the body scrolls behind.
const footRoom = 16

// withFoot has buttons stand below the body, on paddings of their own.
func (m *modal) withFoot(foot *stack) *modal {
	m.foot = foot
	m.edge = newSurface(roleLine, "", 0)
	m.parts = append(m.parts, m.edge, foot)
	return m
}

func newModal(width float32, body *stack, outside func()) *modal {
	m := &modal{width: width, body: body, outside: outside}
	m.scrim = newScrim(func() {
		if m.outside != nil {
			m.outside()
		}
	})
	m.panel = newSurface(roleSurface, roleLineStrong, 16)
	m.catch = newScrim(func() {})
	m.catch.clear()
	m.scroll = container.NewVScroll(body)
	m.parts = []fyne.CanvasObject{m.scrim}
	for range 14 {
		shade := newSurface(roleShadow, "", 24)
		m.shades = append(m.shades, shade)
		m.parts = append(m.parts, shade)
	}
	m.parts = append(m.parts, m.panel, m.catch, m.scroll)
	m.arrange = m.place
	m.least = func() fyne.Size { return fyne.NewSize(0, 0) }
	m.ExtendBaseWidget(m)
	return m
}

func (m *modal) place(s fyne.Size) {
	m.scrim.Resize(s)
	w := min(em(m.width), s.Width-32)
	var below float32 // the foot
	if m.foot != nil {
		m.foot.pad.top = 0
		below = m.foot.heightFor(w)
	}
	fitted := m.fit(w, s.Height-32-below)
	h := m.body.heightFor(w) + below
	if h > s.Height-32 {
		h = s.Height - 32
		if m.foot != nil {
			m.foot.pad.top = footRoom
			below += footRoom
		}
	}
	x, y := (s.Width-w)/2, (s.Height-h)/2
	if m.corner != nil {
		at := m.corner()
		h = min(h, at.Y-16)
		x, y = at.X, at.Y-h
		m.scrim.clear()
	}
	x, y = float32(int(x)), float32(int(y))
	for i, shade := range m.shades {
		d := float32(2*i + i*i/10)
		shade.rect.CornerRadius = 16 + d
		place(shade, x-d, y-d+10, w+2*d, h+2*d)
	}
	place(m.panel, x, y, w, h)
	place(m.catch, x, y, w, h)
	place(m.scroll, x, y, w, h-below)
	m.scroll.Refresh()
	if m.foot != nil {
		shown(m.edge, m.foot.pad.top > 0)
		place(m.edge, x, y+h-below, w, 1)
		place(m.foot, x, y+h-below, w, below)
		relayout(m.foot)
	}
	if fitted {
		relayout(m.body)
	}
}

// fit leaves out what there is no room for in a height, and says whether
// that is another choice than before.
func (m *modal) fit(w, high float32) bool {
	need := m.body.heightFor(w)
	for _, o := range m.spare {
		if !o.Visible() {
			need += heightOf(o, w)
		}
	}
	changed := false
	for _, o := range m.spare {
		changed = shown(o, need <= high) || changed
	}
	return changed
}

// settle lays the modal out anew after its texts changed.
func (m *modal) settle() {
	m.place(m.Size())
	relayout(m.body)
}

// scrollTo scrolls content to what is somewhere in it. The driver is not asked where
// that is: of what was shown just now it does not know yet.
func scrollTo(s *container.Scroll, content, to fyne.CanvasObject) {
	const room, rest = 16, 120 // so little below is shown, too
	y, ok := below(content, to)
	if !ok {
		return
	}
	o, end := s.Offset, y+to.Size().Height+room
	if high := content.Size().Height; high-end < rest {
		end = high
	}
	switch {
	case y-room < o.Y:
		o.Y = y - room
	case end > o.Y+s.Size().Height:
		o.Y = end - s.Size().Height
	default:
		return
	}
	s.ScrollToOffset(o)
}

// scrim dims the window and keeps presses from it.
type scrim struct {
	node
	fill *surface
	tap  func()
}

func newScrim(tap func()) *scrim {
	s := &scrim{fill: newSurface(roleScrim, "", 0), tap: tap}
	s.parts = []fyne.CanvasObject{s.fill}
	s.arrange = func(size fyne.Size) { s.fill.Resize(size) }
	s.least = func() fyne.Size { return fyne.Size{} }
	s.ExtendBaseWidget(s)
	return s
}

func (s *scrim) clear() { s.fill.set("", "") }

// Tapped implements fyne.Tappable.
func (s *scrim) Tapped(*fyne.PointEvent) { s.tap() }

// MouseIn implements desktop.Hoverable.
func (s *scrim) MouseIn(*desktop.MouseEvent) {}

// MouseMoved implements desktop.Hoverable.
func (s *scrim) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (s *scrim) MouseOut() {}
