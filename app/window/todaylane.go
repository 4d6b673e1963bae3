package window

import (
	"image"
	"image/color"
	"math"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/tidegate/tidegate/session"
)

// lane draws the days of one application from left to right. Each outlook has a
// shape of its own beside its colour: open is a full bar, what asks is striped,
// what a check decides is dotted, closed is a thin line, signed out a dashed one,
// and a prompt is a pin. What is over is faint, and what is not known is empty.
type lane struct {
	node
	raster *canvas.Raster
	shows  laneView
}

// laneView is all that a lane shows.
type laneView struct {
	from, to  time.Time // its edges
	now       time.Time // what lies before is over; zero: nothing is
	ticks     []time.Time
	stretches []session.Stretch
	chosen    int // of stretches; none: -1
}

func newLane() *lane {
	l := &lane{shows: laneView{chosen: -1}}
	l.raster = canvas.NewRaster(l.draw)
	l.parts = []fyne.CanvasObject{l.raster}
	l.arrange = func(s fyne.Size) { place(l.raster, 0, 0, s.Width, s.Height) }
	l.least = func() fyne.Size { return fyne.NewSize(24, 14) }
	l.paint = func() { l.raster.Refresh() }
	l.ExtendBaseWidget(l)
	return l
}

func (l *lane) set(v laneView) {
	if l.shows.same(v) {
		return
	}
	l.shows = v
	l.raster.Refresh()
}

func (v laneView) same(o laneView) bool {
	return v.from.Equal(o.from) && v.to.Equal(o.to) && v.now.Equal(o.now) && v.chosen == o.chosen &&
		len(v.ticks) == len(o.ticks) && len(v.stretches) == len(o.stretches) &&
		(len(v.stretches) == 0 || &v.stretches[0] == &o.stretches[0])
}

// at is where an instant is, of a width.
func (v laneView) at(t time.Time, w float64) float64 {
	return float64(t.Sub(v.from)) / float64(v.to.Sub(v.from)) * w
}

// within is the part of a stretch that is to be seen.
func (v laneView) within(s session.Stretch) (from, to time.Time, ok bool) {
	from, to = s.From, s.To
	if from.Before(v.from) {
		from = v.from
	}
	if to.After(v.to) {
		to = v.to
	}
	return from, to, from.Before(to)
}

// gaps says whether there is a time to be seen of which nothing is known.
func (v laneView) gaps(all []session.Stretch) bool {
	end := v.from
	for _, s := range all {
		if from, to, ok := v.within(s); ok {
			if from.After(end) {
				return true
			}
			end = to
		}
	}
	return end.Before(v.to)
}

// under is the stretch at a place, or -1.
func (v laneView) under(x, w float32) int {
	for i, s := range v.stretches {
		from, to, ok := v.within(s)
		if ok && float64(x) >= v.at(from, float64(w)) && float64(x) < v.at(to, float64(w)) {
			return i
		}
	}
	return -1
}

// brush draws on a picture of pixels, of which scale make one of Fyne's.
type brush struct {
	img   *image.NRGBA
	scale float64
	w, h  float64 // in Fyne's
}

func (l *lane) draw(w, h int) image.Image {
	b := brush{img: image.NewNRGBA(image.Rect(0, 0, max(w, 1), max(h, 1))), scale: 1}
	if s := l.Size(); s.Width > 0 {
		b.scale = float64(w) / float64(s.Width)
	}
	b.w, b.h = float64(w)/b.scale, float64(h)/b.scale
	v := l.shows
	if !v.to.After(v.from) {
		return b.img
	}
	b.fill(0, 0, b.w, b.h, 6, solid(roleLine))
	b.fill(1, 1, b.w-1, b.h-1, 5, solid(roleSurface))
	for _, t := range v.ticks {
		x := math.Round(v.at(t, b.w))
		b.fill(x, 0, x+1, b.h, 0, solid(roleLine))
	}
	for i, s := range v.stretches {
		from, to, ok := v.within(s)
		if !ok {
			continue
		}
		left, right := v.at(from, b.w), v.at(to, b.w)
		if right-left > 3 {
			right-- // a gap to the next
		}
		b.stretch(s.Outlook, left, right)
		if i == v.chosen {
			b.frame(left, right)
		}
	}
	if v.now.After(v.from) {
		b.fill(1, 1, min(v.at(v.now, b.w), b.w-1), b.h-1, 5, faded)
	}
	for _, s := range v.stretches {
		if !s.Warn.IsZero() && s.Warn.After(v.now) && !s.Warn.Before(v.from) && s.Warn.Before(v.to) {
			b.pin(v.at(s.Warn, b.w))
		}
	}
	if !v.now.IsZero() && v.now.After(v.from) && v.now.Before(v.to) {
		x := v.at(v.now, b.w)
		b.fill(x-1, 0, x+1, b.h, 0, solid(roleAccent))
	}
	return b.img
}

// shade is the colour at a place.
type shade func(x, y float64) color.NRGBA

func solid(r role) shade {
	c := paintOf(r)
	return func(float64, float64) color.NRGBA { return c }
}

// faded lays a veil on what is over.
func faded(float64, float64) color.NRGBA {
	c := paintOf(roleSurface)
	c.A = 140
	return c
}

func paintOf(r role) color.NRGBA { return color.NRGBAModel.Convert(ink(r)).(color.NRGBA) }

// stretch draws one outlook.
func (b *brush) stretch(o session.Outlook, left, right float64) {
	const top = 3
	switch o {
	case session.OutlookOpen:
		upper, lower := paintOf(roleZTAGood1), paintOf(roleZTAGood2)
		b.fill(left, top, right, b.h-top, 4, func(_, y float64) color.NRGBA { return mix(upper, lower, y/b.h) })
	case session.OutlookScript:
		b.fill(left, top, right, b.h-top, 4, solid(roleGood))
		soft, dot := paintOf(roleGoodSoft), paintOf(roleGood)
		b.fill(left+1, top+1, right-1, b.h-top-1, 3, func(x, y float64) color.NRGBA {
			dx, dy := math.Mod(x-left, 7)-3.5, math.Mod(y, 7)-3.5
			return mix(soft, dot, 1.9-math.Hypot(dx, dy))
		})
	case session.OutlookAsks:
		b.fill(left, top, right, b.h-top, 4, solid(roleWarn))
		soft, stripe := paintOf(roleWarnSoft), paintOf(roleWarn)
		b.fill(left+1, top+1, right-1, b.h-top-1, 3, func(x, y float64) color.NRGBA {
			return mix(soft, stripe, 1.9-math.Abs(math.Mod(x+y, 9)-4.5))
		})
	case session.OutlookClosed:
		b.fill(left+1, b.h/2-1.5, right-1, b.h/2+1.5, 1.5, solid(roleFaint))
	case session.OutlookEnded:
		for x := left + 1; x < right-1; x += 9 {
			b.fill(x, b.h/2-1, min(x+4, right-1), b.h/2+1, 1, solid(roleFaint))
		}
	}
}

// frame marks the stretch that is looked at.
func (b *brush) frame(left, right float64) {
	c := solid(roleFocus)
	b.fill(left, 0, right, 2, 1, c)
	b.fill(left, b.h-2, right, b.h, 1, c)
	b.fill(left, 0, left+2, b.h, 1, c)
	b.fill(right-2, 0, right, b.h, 1, c)
}

// pin marks a prompt: a diamond on a needle.
func (b *brush) pin(x float64) {
	x = math.Round(x)
	b.fill(x-2, 0, x+2, b.h, 0, solid(roleSurface))
	b.fill(x-1, 0, x+1, b.h, 0, solid(roleText))
	b.diamond(x, b.h/2, 8, paintOf(roleSurface))
	b.diamond(x, b.h/2, 6, paintOf(roleWarn))
}

func (b *brush) diamond(x, y, r float64, c color.NRGBA) {
	b.each(x-r, y-r, x+r, y+r, func(px, py float64) (color.NRGBA, float64) {
		return c, (r - math.Abs(px-x) - math.Abs(py-y)) * b.scale * math.Sqrt2 / 2
	})
}

// fill draws a rectangle with round corners.
func (b *brush) fill(left, top, right, bottom, radius float64, s shade) {
	if right <= left || bottom <= top {
		return
	}
	radius = min(radius, (right-left)/2, (bottom-top)/2)
	b.each(left, top, right, bottom, func(x, y float64) (color.NRGBA, float64) {
		dx := max(left+radius-x, x-right+radius, 0)
		dy := max(top+radius-y, y-bottom+radius, 0)
		return s(x, y), (radius-math.Hypot(dx, dy))*b.scale + 0.5
	})
}

// each paints the pixels around a rectangle: colour and how much of it covers.
func (b *brush) each(left, top, right, bottom float64, f func(x, y float64) (color.NRGBA, float64)) {
	size := b.img.Bounds().Size()
	for py := max(0, int(top*b.scale)-1); py < min(size.Y, int(bottom*b.scale)+2); py++ {
		for px := max(0, int(left*b.scale)-1); px < min(size.X, int(right*b.scale)+2); px++ {
			c, cover := f((float64(px)+0.5)/b.scale, (float64(py)+0.5)/b.scale)
			cover = max(0, min(1, cover)) * float64(c.A) / 255
			if cover == 0 {
				continue
			}
			b.img.SetNRGBA(px, py, laid(b.img.NRGBAAt(px, py), c, cover))
		}
	}
}

// laid is a ground with c on it.
func laid(ground, c color.NRGBA, cover float64) color.NRGBA {
	a := cover + float64(ground.A)/255*(1-cover)
	part := func(g, c uint8) uint8 {
		return uint8(math.Round((float64(c)*cover + float64(g)*float64(ground.A)/255*(1-cover)) / a))
	}
	return color.NRGBA{part(ground.R, c.R), part(ground.G, c.G), part(ground.B, c.B), uint8(math.Round(255 * a))}
}

// mix goes from a to b as n goes from 0 to 1.
func mix(a, b color.NRGBA, n float64) color.NRGBA {
	n = max(0, min(1, n))
	part := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + (float64(y)-float64(x))*n)) }
	return color.NRGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), part(a.A, b.A)}
}
