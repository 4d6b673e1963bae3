package window

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/assets"
)

// The sizes of a tile, at the usual size of text.
const (
	tileHeight  = 66
	tileLeast   = 240
	tileGap     = 12
	tileSide    = 40
	tilePinSide = 28
)

// tile is one application on a shelf. It has no focus of its own: the shelf moves
// a cursor over its tiles.
type tile struct {
	node
	on           *shelf
	at           int // on the shelf
	shows        tileView
	cursor, over bool
	back, ring   *surface
	bed          *surface
	glyph        *glyph
	name         *label
	sign         *glyph
	state        *label
	pin          *tilePin
}

func newTile(on *shelf) *tile {
	t := &tile{on: on, back: newSurface(roleSurface, roleLine, 14), ring: newRing(16)}
	t.bed = newSurface(hueSoft(1), "", 12)
	t.glyph = newGlyph("lan", false, 24, hueInk(1))
	t.name = newElastic("", font{size: 14, weight: assets.SemiBold, role: roleText})
	t.sign = newGlyph("check_circle", true, 15, roleMuted)
	t.state = newElastic("", font{size: 13, role: roleMuted})
	t.pin = newTilePin(func() { on.w.pin(t.shows.id, !t.shows.pinned) }, t.hover)
	t.parts = []fyne.CanvasObject{t.back, t.ring, t.bed, t.glyph, t.name, t.sign, t.state, t.pin}
	t.least = func() fyne.Size { return fyne.NewSize(em(tileLeast), em(tileHeight)) }
	t.arrange, t.paint = t.place, t.draw
	t.ExtendBaseWidget(t)
	return t
}

func (t *tile) place(s fyne.Size) {
	const pad = 13
	place(t.back, 0, 0, s.Width, s.Height)
	place(t.ring, -3, -3, s.Width+6, s.Height+6)
	side := em(tileSide)
	place(t.bed, pad, (s.Height-side)/2, side, side)
	place(t.glyph, pad, (s.Height-side)/2, side, side)
	x, mid := pad+side+12, s.Height/2
	pin := em(tilePinSide)
	place(t.pin, s.Width-pin-6, 6, pin, pin)
	place(t.name, x, mid-em(20)-1, s.Width-pin-8-x, em(20))
	sign := em(15)
	place(t.sign, x, mid+1+(em(18)-sign)/2, sign, sign)
	x += sign + 5
	place(t.state, x, mid+1, s.Width-pad-x, em(18))
}

// bind shows an application.
func (t *tile) bind(v tileView, cursor bool) {
	if t.shows == v && t.cursor == cursor {
		return
	}
	t.shows, t.cursor = v, cursor
	t.name.set(v.name)
	t.bed.set(hueSoft(v.hue), "")
	t.glyph.set(v.icon, false, hueInk(v.hue))
	ink := v.state.tone.ink()
	t.sign.set(v.state.icon, true, ink)
	t.state.tint(ink)
	t.state.set(tileWord(v.state.word, v.until))
	t.draw()
	relayout(t)
}

func (t *tile) draw() {
	fill, stroke := roleSurface, roleLine
	if t.over {
		fill, stroke = roleRaised, roleLineStrong
	}
	t.back.set(fill, stroke)
	shown(t.ring, t.cursor)
	t.pin.show(t.shows.name, t.shows.pinned, t.over || t.cursor)
}

// says is what a press of the tile does.
func (t *tile) says() string { return captioned(t.shows.name, t.shows.does) }

func (t *tile) hover(over bool) {
	t.over = over
	t.draw()
	t.on.point(t.at, over)
}

// Tapped implements fyne.Tappable.
func (t *tile) Tapped(*fyne.PointEvent) { t.on.w.use(t.shows.id) }

// TappedSecondary implements fyne.SecondaryTappable.
func (t *tile) TappedSecondary(*fyne.PointEvent) { t.on.w.tell(t.shows.id) }

// MouseIn implements desktop.Hoverable.
func (t *tile) MouseIn(*desktop.MouseEvent) { t.hover(true) }

// MouseMoved implements desktop.Hoverable.
func (t *tile) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (t *tile) MouseOut() { t.hover(false) }

// Cursor implements desktop.Cursorable.
func (t *tile) Cursor() desktop.Cursor { return desktop.PointerCursor }

// tilePin is the pin at a tile's corner: filled where the application is pinned.
type tilePin struct {
	node
	tap    func()
	hover  func(bool)
	name   string // what a press does
	pinned bool
	near   bool // the pointer, or the cursor, is on the tile
	over   bool
	back   *surface
	glyph  *glyph
}

func newTilePin(tap func(), hover func(bool)) *tilePin {
	p := &tilePin{tap: tap, hover: hover, back: newSurface("", "", 9), glyph: newGlyph("keep", false, 17, roleFaint)}
	p.parts = []fyne.CanvasObject{p.back, p.glyph}
	p.least = func() fyne.Size { return fyne.NewSquareSize(em(tilePinSide)) }
	p.arrange = func(s fyne.Size) {
		place(p.back, 0, 0, s.Width, s.Height)
		place(p.glyph, 0, 0, s.Width, s.Height)
	}
	p.paint = func() {
		fill := role("")
		if p.over {
			fill = roleAccentSoft
		}
		ink := roleFaint
		if p.pinned || p.near || p.over {
			ink = roleAccent
		}
		p.back.set(fill, "")
		p.glyph.set("keep", p.pinned, ink)
	}
	p.ExtendBaseWidget(p)
	return p
}

func (p *tilePin) show(app string, pinned, near bool) {
	p.name = fmt.Sprintf(homeWords.pin, app)
	if pinned {
		p.name = fmt.Sprintf(homeWords.unpin, app)
	}
	if p.pinned != pinned || p.near != near {
		p.pinned, p.near = pinned, near
		p.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (p *tilePin) Tapped(*fyne.PointEvent) { p.tap() }

// MouseIn implements desktop.Hoverable.
func (p *tilePin) MouseIn(*desktop.MouseEvent) { p.over = true; p.Refresh(); p.hover(true) }

// MouseMoved implements desktop.Hoverable.
func (p *tilePin) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (p *tilePin) MouseOut() { p.over = false; p.Refresh(); p.hover(false) }

// Cursor implements desktop.Cursorable.
func (p *tilePin) Cursor() desktop.Cursor { return desktop.PointerCursor }
