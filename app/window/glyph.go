package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/tidegate/tidegate/assets"
)

// glyph is an icon in a colour of the theme. A small one goes with the size of
// text.
type glyph struct {
	node
	icon   string
	filled bool
	role   role
	image  *canvas.Image
}

func newGlyph(icon string, filled bool, side float32, r role) *glyph {
	g := &glyph{icon: icon, filled: filled, role: r, image: &canvas.Image{FillMode: canvas.ImageFillContain}}
	g.parts = []fyne.CanvasObject{g.image}
	g.least = func() fyne.Size { return fyne.NewSquareSize(sign(side)) }
	g.arrange = func(s fyne.Size) {
		side := sign(side)
		place(g.image, (s.Width-side)/2, (s.Height-side)/2, side, side)
	}
	g.paint = func() {
		g.image.Resource = assets.Icon(g.icon, g.filled, ink(g.role))
		g.image.Refresh()
	}
	g.ExtendBaseWidget(g)
	g.paint()
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

func (g *glyph) set(icon string, filled bool, r role) {
	if g.icon != icon || g.filled != filled || g.role != r {
		g.icon, g.filled, g.role = icon, filled, r
		g.Refresh()
	}
}
