package window

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// glyph is an icon in a colour of the theme. A small one goes with the size of
// text.
type glyph struct {
	node
	icon   string
	filled bool
	role   role
	drawn  *canvas.Raster
}

func newGlyph(icon string, filled bool, side float32, r role) *glyph {
	g := &glyph{icon: icon, filled: filled, role: r}
	g.drawn = canvas.NewRaster(func(w, h int) image.Image { return stamp{g.icon, g.filled, min(w, h)}.inked(ink(g.role)) })
	g.parts = []fyne.CanvasObject{g.drawn}
	g.least = func() fyne.Size { return fyne.NewSquareSize(sign(side)) }
	g.arrange = func(s fyne.Size) {
		side := signIn(side, s)
		place(g.drawn, (s.Width-side)/2, (s.Height-side)/2, side, side)
	}
	g.paint = func() { g.drawn.Refresh() }
	g.ExtendBaseWidget(g)
	return g
}

// sign is the side of an icon at the present size of text: one that stands
// beside text goes with it, a larger one is a picture.
func sign(side float32) float32 {
	if side > 24 {
		return side
	}
	return em(side)
}

// signIn is sign in a room, which a picture does not leave.
func signIn(side float32, room fyne.Size) float32 {
	if side > 24 {
		return min(side, room.Width, room.Height)
	}
	return sign(side)
}

func (g *glyph) set(icon string, filled bool, r role) {
	if g.icon != icon || g.filled != filled || g.role != r {
		g.icon, g.filled, g.role = icon, filled, r
		g.Refresh()
	}
}
