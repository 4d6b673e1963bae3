package window

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// role names a colour of the theme; the empty role is no colour.
type role = fyne.ThemeColorName

func ink(r role) color.Color {
	if r == "" {
		return color.Transparent
	}
	return theme.Color(r)
}

// surface is a rounded rectangle in colours of the theme.
type surface struct {
	node
	rect         *canvas.Rectangle
	fill, stroke role
	width        float32 // of the stroke
}

func newSurface(fill, stroke role, radius float32) *surface {
	s := &surface{rect: canvas.NewRectangle(color.Transparent), fill: fill, stroke: stroke, width: 1}
	s.rect.CornerRadius = radius
	s.parts = []fyne.CanvasObject{s.rect}
	s.arrange = func(size fyne.Size) { s.rect.Resize(size) }
	s.least = func() fyne.Size { return fyne.Size{} }
	s.paint = func() {
		s.rect.FillColor, s.rect.StrokeColor, s.rect.StrokeWidth = ink(s.fill), ink(s.stroke), s.width
		if s.stroke == "" {
			s.rect.StrokeWidth = 0
		}
		s.rect.Refresh()
	}
	s.ExtendBaseWidget(s)
	s.paint()
	return s
}

// set changes the colours.
func (s *surface) set(fill, stroke role) {
	if s.fill != fill || s.stroke != stroke {
		s.fill, s.stroke = fill, stroke
		s.Refresh()
	}
}

// newRing is the visible focus: an outline just outside of what has it.
func newRing(radius float32) *surface {
	r := newSurface("", roleFocus, radius)
	r.width = 2
	r.paint()
	r.Hide()
	return r
}

// shown hides or shows an object, and says whether that changed anything.
func shown(o fyne.CanvasObject, v bool) bool {
	if o.Visible() == v {
		return false
	}
	if v {
		o.Show()
	} else {
		o.Hide()
	}
	return true
}
