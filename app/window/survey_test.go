package window

import (
	"fmt"
	"image/color"
	"reflect"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
)

// survey is what can be seen in a window and used, taken down in the order in
// which it is drawn. What a dialog lies over is its ground, and nothing else.
type survey struct {
	w       *Window
	live    bool
	path    []fyne.CanvasObject // down to what is looked at
	grounds []ground
	texts   []drawn
	signs   []area // texts and icons
	tints   []area // what has the colour of a tone
	targets []target
	rings   []target // of the focus
	spots   map[fyne.CanvasObject]target
	faults  []string
}

// ground is something filled.
type ground struct {
	at    area
	color color.NRGBA
}

// drawn is a text, the room that its letters take, and what they are drawn in and on.
type drawn struct {
	text     string
	ink      area
	in, back color.NRGBA
}

// target is something to press, all of it, and the part of the window that it
// can be seen in.
type target struct {
	object   fyne.CanvasObject
	name     string
	at, clip area
	within   []fyne.CanvasObject // from the window down to it
}

func (a area) near(by float32) area {
	return area{a.left - by, a.top - by, a.right + by, a.bottom + by}
}

func (a area) touches(b area) bool {
	m := a.meet(b)
	return m.left < m.right && m.top < m.bottom
}

func (b *bench) survey() *survey {
	size := b.canvas().Size()
	whole := area{0, 0, size.Width, size.Height}
	s := &survey{w: b.Window, live: b.layer.modal == nil, spots: map[fyne.CanvasObject]target{}}
	s.walk(b.root, fyne.Position{}, whole, whole)
	if m := b.layer.modal; m != nil {
		s.live = true
		s.walk(m, fyne.Position{}, whole, whole)
	}
	return s
}

func (s *survey) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// walk goes through what is visible below o. Clip is where it can be seen, and
// hold where texts have to be: in all that they are part of, up to what scrolls.
func (s *survey) walk(o fyne.CanvasObject, at fyne.Position, clip, hold area) {
	if !o.Visible() {
		return
	}
	s.path = append(s.path, o)
	defer func() { s.path = s.path[:len(s.path)-1] }()
	at = at.Add(o.Position())
	here := area{at.X, at.Y, at.X + o.Size().Width, at.Y + o.Size().Height}
	switch o := o.(type) {
	case *container.Scroll:
		inside := here
		inside.top -= o.Offset.Y
		inside.bottom = inside.top + o.Content.Size().Height
		s.walk(o.Content, at, clip.meet(here), inside)
	case *canvas.Rectangle:
		s.fill(here.meet(clip), o.FillColor)
		s.ring(target{at: here, clip: clip}, o.StrokeColor, o.StrokeWidth)
	case *canvas.Circle:
		s.ring(target{at: here, clip: clip}, o.StrokeColor, o.StrokeWidth)
	case *canvas.Text:
		s.write(o, here, clip, hold)
	case *fyne.Container:
		for _, p := range o.Objects {
			s.walk(p, at, clip, hold)
		}
	case fyne.Widget:
		s.note(o, here, clip)
		s.widget(o, at, clip, hold.meet(here))
	}
}

// widget goes through the parts of a widget.
func (s *survey) widget(o fyne.Widget, at fyne.Position, clip, hold area) {
	switch o := o.(type) {
	case *ztaButton: // its disc is a picture; the name is in its lower half
		upper, lower := nrgba(ink(o.ends[0])), nrgba(ink(o.ends[1]))
		upper.A = 255 / 2
		s.fill(hold, laidOver(upper, lower))
		s.walk(o.name, at, clip, hold)
		s.ring(target{at: hold, clip: clip}, o.focus.StrokeColor, o.focus.StrokeWidth)
	case *glyph:
		s.sign(hold.meet(clip), o)
	case interface{ base() *node }:
		s.itself(o, o.base())
		for _, p := range o.base().parts {
			s.walk(p, at, clip, hold)
		}
	default:
		for _, p := range test.WidgetRenderer(o).Objects() {
			s.walk(p, at, clip, hold)
		}
	}
}

// itself finds a widget that stands in a dialog as another than it was extended as:
// until it is painted, the toolkit gives the focus to nothing in it.
func (s *survey) itself(o any, n *node) {
	if !s.live || s.w.layer.modal == nil {
		return
	}
	if as := reflect.ValueOf(n).Elem().FieldByName("BaseWidget").FieldByName("impl"); as.IsNil() || as.Elem().Type() != reflect.TypeOf(o) {
		s.fault("a %T is not itself", o)
	}
}

// note takes down what can be pressed, or has the focus, or has a meaning.
func (s *survey) note(o fyne.Widget, here, clip area) {
	if !s.live {
		return
	}
	if o == fyne.Widget(s.w.toast.line) || o == fyne.Widget(s.w.hint.line) { // it lies over whatever it likes for a moment
		var rest []drawn
		for _, t := range s.texts {
			if !t.ink.touches(here) {
				rest = append(rest, t)
			}
		}
		s.texts = rest
	}
	e, _ := (&inspection{}).describe(o)
	t := target{o, e.Label, here, clip, slices.Clone(s.path)}
	if _, ok := o.(fyne.Focusable); ok {
		s.spots[o] = t
	}
	if _, ok := o.(*scrim); ok {
		return
	}
	if _, ok := o.(fyne.Tappable); ok {
		s.targets = append(s.targets, t)
	}
	if f, ok := o.(*surface); ok && (toned(f.fill) || toned(f.stroke)) && here.top >= clip.top && here.bottom <= clip.bottom && !s.said() {
		s.tints = append(s.tints, here)
	}
}

// toned says whether a colour has a meaning.
func toned(r role) bool {
	switch r {
	case roleGood, roleGoodSoft, roleWarn, roleWarnSoft, roleBad, roleBadSoft:
		return true
	}
	return false
}

func (s *survey) fill(at area, c color.Color) {
	if c == nil {
		return
	}
	if v := nrgba(c); v.A > 0 && at.left < at.right && at.top < at.bottom {
		s.grounds = append(s.grounds, ground{at, v})
	}
}

func (s *survey) ring(r target, stroke color.Color, width float32) {
	if s.live && stroke != nil && width >= 2 && nrgba(stroke) == nrgba(ink(roleFocus)) {
		s.rings = append(s.rings, r)
	}
}

// under is the colour at a place.
func (s *survey) under(x, y float32) color.NRGBA {
	var c color.NRGBA
	for _, g := range s.grounds {
		if x >= g.at.left && x < g.at.right && y >= g.at.top && y < g.at.bottom {
			c = laidOver(g.color, c)
		}
	}
	return c
}

// laidOver is a colour on another that is not to be seen through.
func laidOver(c, below color.NRGBA) color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8((int(a)*int(c.A) + int(b)*(255-int(c.A))) / 255) }
	return color.NRGBA{mix(c.R, below.R), mix(c.G, below.G), mix(c.B, below.B), 255}
}

func (s *survey) sign(at area, g *glyph) {
	if !s.live || at.left >= at.right || at.top >= at.bottom {
		return
	}
	s.signs = append(s.signs, at)
	back := s.under((at.left+at.right)/2, (at.top+at.bottom)/2)
	if got := contrast(laidOver(nrgba(ink(g.role)), back), back); got < leastSign {
		s.fault("the sign %s has a contrast of %.1f", g.icon, got)
	}
	if g.icon == "circle" && toned(g.role) {
		s.tints = append(s.tints, at)
		s.signs = s.signs[:len(s.signs)-1]
	}
}

// write takes down a text that can be read.
func (s *survey) write(t *canvas.Text, here, clip, hold area) {
	if !s.live || t.Text == "" || !here.touches(clip) {
		return
	}
	need, size := t.MinSize(), t.TextSize*1.1
	letters := area{here.left, (here.top + here.bottom - size) / 2, here.right, (here.top + here.bottom + size) / 2}
	switch spare := here.right - here.left - need.Width; t.Alignment {
	case fyne.TextAlignCenter:
		letters.left, letters.right = letters.left+spare/2, letters.right-spare/2
	case fyne.TextAlignTrailing:
		letters.left += spare
	default:
		letters.right -= spare
	}
	if !within[*input](s) { // which scrolls
		if letters.left < hold.left-1.5 || letters.right > hold.right+1.5 || letters.top < hold.top-2 || letters.bottom > hold.bottom+2 {
			s.fault("%q needs %.0f, and has %.0f", t.Text, letters, hold)
		}
		// What a card or a row shortens is whole in what it leads to.
		if l := s.label(); l != nil && l.drawn.Text != l.text && !within[*card](s) && !within[*appRow](s) {
			s.fault("of %q only %q is to be read", l.text, l.drawn.Text)
		}
	}
	y := (letters.top + letters.bottom) / 2
	s.texts = append(s.texts, drawn{t.Text, letters.meet(clip), nrgba(t.Color), s.under((letters.left+letters.right)/2, y)})
	s.signs = append(s.signs, letters)
	for _, x := range []float32{letters.left + 1, (letters.left + letters.right) / 2, letters.right - 1} {
		if y < clip.top || y >= clip.bottom {
			break
		}
		if x < clip.left || x >= clip.right {
			continue
		}
		back := s.under(x, y)
		if got := contrast(laidOver(nrgba(t.Color), back), back); got < leastContrast {
			s.fault("%q has a contrast of %.1f", t.Text, got)
			return
		}
	}
}

// said says whether what is looked at belongs to a code that was wrong, while the
// dialog says so in words.
func (s *survey) said() bool {
	a, ok := s.w.layer.face.(interface{ asks() *asking })
	return ok && a.asks().error.Visible() && within[*codeField](s)
}

// within says whether what is looked at is part of a widget of that kind.
func within[T fyne.Widget](s *survey) bool {
	return slices.ContainsFunc(s.path, func(o fyne.CanvasObject) bool { _, ok := o.(T); return ok })
}

// label is the one whose text is looked at.
func (s *survey) label() *label {
	if len(s.path) < 2 {
		return nil
	}
	l, _ := s.path[len(s.path)-2].(*label)
	return l
}
