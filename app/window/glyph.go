package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/tidegate/tidegate/assets"
)

// glyph is an icon in a colour of the theme.
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
	g.least = func() fyne.Size { return fyne.NewSquareSize(side) }
	g.arrange = func(s fyne.Size) { place(g.image, (s.Width-side)/2, (s.Height-side)/2, side, side) }
	g.paint = func() {
		g.image.Resource = assets.Icon(g.icon, g.filled, ink(g.role))
		g.image.Refresh()
	}
	g.ExtendBaseWidget(g)
	g.paint()
	return g
}

func (g *glyph) set(icon string, filled bool, r role) {
	if g.icon != icon || g.filled != filled || g.role != r {
		g.icon, g.filled, g.role = icon, filled, r
		g.Refresh()
	}
}
