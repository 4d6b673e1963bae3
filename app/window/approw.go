package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
)

// appRow is one application in the list: what a card shows, in a line. It is bound to
// one after the other as the list scrolls.
type appRow struct {
	node
	tap           func(wire.AppID)
	shows         cardView
	cursor, over  bool
	back, ring    *surface
	tile          *surface
	glyph         *glyph
	name, host    *label
	footGlyph     *glyph
	foot, expires *label
	pill          *pill
	pin           *tilePin
}

// The sizes of a row, at the usual size of text.
const (
	rowHeight = 56
	rowGap    = 6
	rowTile   = 34
	rowUntil  = 104 // when access ends
	rowState  = 104
)

func newAppRow(tap func(wire.AppID), pin func(wire.AppID, bool)) *appRow {
	r := &appRow{tap: tap, back: newSurface(roleSurface, roleLine, 12), ring: newRing(14)}
	r.tile, r.glyph = newSurface("", "", 10), newGlyph("lan", false, 20, hueInk(1))
	r.name = newElastic("", font{size: 14, weight: assets.SemiBold, role: roleText})
	r.host = newElastic("", font{size: 12, role: roleFaint})
	r.footGlyph = newGlyph("info", true, 16, roleWarn)
	r.foot = newElastic("", font{size: 13, role: roleMuted})
	r.expires = newElastic("", font{size: 12, weight: assets.Medium, role: roleMuted, align: fyne.TextAlignTrailing})
	r.pill = newPill("", "check_circle", neutral)
	r.pin = newTilePin(func() { pin(r.shows.id, !r.shows.pinned) }, r.hover)
	r.parts = []fyne.CanvasObject{r.back, r.ring, r.tile, r.glyph, r.name, r.host, r.footGlyph, r.foot, r.expires, r.pill, r.pin}
	r.least = func() fyne.Size { return fyne.NewSize(em(cardLeast), em(rowHeight)) }
	r.arrange, r.paint = r.place, r.draw
	r.ExtendBaseWidget(r)
	return r
}

func (r *appRow) place(s fyne.Size) {
	place(r.back, 0, 0, s.Width, s.Height)
	place(r.ring, -3, -3, s.Width+6, s.Height+6)
	tile, side := em(rowTile), em(tilePinSide)
	place(r.tile, 12, (s.Height-tile)/2, tile, tile)
	place(r.glyph, 12, (s.Height-tile)/2, tile, tile)
	x := 12 + tile + 14
	// From the right: the pin, the state, and until when; what is left is the name's
	// and the reason's.
	right := s.Width - 12 - side
	place(r.pin, right, (s.Height-side)/2, side, side)
	p := r.pill.MinSize()
	right -= 8 + max(em(rowState), p.Width)
	place(r.pill, right+max(em(rowState), p.Width)-p.Width, (s.Height-p.Height)/2, p.Width, p.Height)
	left := right - 12 - x
	names := left
	shown(r.expires, r.shows.until != "" && left > em(rowUntil+200))
	if left > em(rowUntil+200) {
		right -= 12 + em(rowUntil)
		place(r.expires, right, 0, em(rowUntil), s.Height)
		left -= 12 + em(rowUntil)
		names = left
	}
	wide := left > em(420)
	shown(r.foot, wide && r.shows.foot != "")
	shown(r.footGlyph, wide && r.shows.why)
	if wide {
		names = float32(int(left * 0.46))
		fx := x + names + 16
		if r.shows.why {
			place(r.footGlyph, fx, (s.Height-em(18))/2+1, em(16), em(18))
			fx += em(16) + 6
		}
		place(r.foot, fx, 0, x+left-fx, s.Height)
	}
	place(r.name, x, s.Height/2-em(19), names, em(20))
	place(r.host, x, s.Height/2+em(1), names, em(18))
}

func (r *appRow) bind(v cardView, cursor bool) {
	if r.shows == v && r.cursor == cursor {
		return
	}
	r.shows, r.cursor = v, cursor
	r.tile.set(hueSoft(v.hue), "")
	r.glyph.set(v.icon, false, hueInk(v.hue))
	r.name.set(v.name)
	r.host.keep = v.port
	r.host.set(v.host)
	ink := roleMuted
	if v.why {
		ink = v.state.tone.ink()
		r.footGlyph.set("info", true, ink)
	}
	r.foot.tint(ink)
	r.foot.set(v.foot)
	r.expires.set(v.until)
	r.pill.set(v.state.word, v.state.icon, v.state.tone)
	r.draw()
	relayout(r)
}

func (r *appRow) draw() {
	fill, stroke := roleSurface, roleLine
	if r.over {
		fill, stroke = roleRaised, roleLineStrong
	}
	r.back.set(fill, stroke)
	shown(r.ring, r.cursor)
	near := r.over || r.cursor
	r.pin.show(r.shows.name, r.shows.pinned, near)
	shown(r.pin, near || r.shows.pinned)
}

func (r *appRow) hover(over bool) {
	r.over = over
	r.draw()
}

// Tapped implements fyne.Tappable.
func (r *appRow) Tapped(*fyne.PointEvent) { r.tap(r.shows.id) }

// MouseIn implements desktop.Hoverable.
func (r *appRow) MouseIn(*desktop.MouseEvent) { r.hover(true) }

// MouseMoved implements desktop.Hoverable.
func (r *appRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *appRow) MouseOut() { r.hover(false) }

// Cursor implements desktop.Cursorable.
func (r *appRow) Cursor() desktop.Cursor { return desktop.PointerCursor }
