package window

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"sync"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
	"github.com/tidegate/tidegate/assets"
)

// stamp is an icon as it is drawn, whatever its colour.
type stamp struct {
	icon   string
	filled bool
	side   int // in pixels
}

// stamps are the icons that have been drawn. Fyne reads the SVG of an icon anew for
// each picture of it, each size and each refresh, shown or not; here an icon is read
// once for a size, and when it is to be seen. Fyne's thread alone draws; a test has
// windows on others.
var stamps = struct {
	sync.Mutex
	drawn map[stamp]*image.Alpha
}{drawn: map[stamp]*image.Alpha{}}

// mostStamps bounds them; a window shows some fifty.
const mostStamps = 1000

// inked is the icon in a colour.
func (s stamp) inked(c color.Color) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, s.side, s.side))
	draw.DrawMask(img, img.Bounds(), image.NewUniform(c), image.Point{}, s.mask(), image.Point{}, draw.Src)
	return img
}

func (s stamp) mask() *image.Alpha {
	stamps.Lock()
	defer stamps.Unlock()
	m := stamps.drawn[s]
	if m == nil {
		if len(stamps.drawn) >= mostStamps {
			clear(stamps.drawn)
		}
		m = s.draw()
		stamps.drawn[s] = m
	}
	return m
}

// draw reads the icon and draws it. The icons are of this program, and each is drawn
// by a test: one that cannot be is empty.
func (s stamp) draw() *image.Alpha {
	m := image.NewAlpha(image.Rect(0, 0, s.side, s.side))
	if s.side <= 0 {
		return m
	}
	svg, err := oksvg.ReadIconStream(bytes.NewReader(assets.Icon(s.icon, s.filled, color.Black).Content()))
	if err != nil {
		return m
	}
	// Not by SetTarget, which moves the icon before it is scaled, and so out of sight:
	// the icons' boxes do not begin at zero.
	box := svg.ViewBox
	svg.Transform = rasterx.Identity.Scale(float64(s.side)/box.W, float64(s.side)/box.H).Translate(-box.X, -box.Y)
	svg.Draw(rasterx.NewDasher(s.side, s.side, rasterx.NewScannerGV(s.side, s.side, m, m.Bounds())), 1)
	return m
}
