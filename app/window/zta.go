package window

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// ztaMode is the shape of the ZTA button.
type ztaMode int

const (
	ztaInactive  ztaMode = iota // hollow and grey: the controller is not reached
	ztaWorking                  // hollow, and an arc turns
	ztaActive                   // filled, with a tick
	ztaInUse                    // filled, with a tick, and a second ring
	ztaAttention                // filled amber, with a mark
)

// ztaView is what the ZTA button shows.
type ztaView struct {
	mode    ztaMode
	turning bool   // the arc, over whatever the mode is
	badge   bool   // the user is needed although it is inactive
	says    string // for assistance
}

// ztaOf is what the ZTA button shows of a state. It is active only while the
// control channel is established.
func ztaOf(s session.State) ztaView {
	v := ztaView{turning: s.ZTA.Working, says: captioned("ZTA", s.ZTA.Title)}
	switch {
	case s.ZTA.Active && s.ZTA.Attention:
		v.mode = ztaAttention
	case s.ZTA.Active && s.ZTA.InUse:
		v.mode = ztaInUse
	case s.ZTA.Active:
		v.mode = ztaActive
	case s.ZTA.Working:
		v.mode = ztaWorking
	default:
		v.badge = s.ZTA.Attention
	}
	return v
}

// ztaButton opens the applications, and shows whether the controller is
// reached. There is nothing to connect or disconnect by it.
type ztaButton struct {
	node
	press
	shows ztaView
	ends  [2]role // of the disc, which the name stands on

	glow    *canvas.RadialGradient
	halo    *canvas.Circle
	focus   *canvas.Circle
	ring    *canvas.Circle
	disc    *canvas.Image
	arc     *spinner
	glyph   *glyph
	name    *label
	mark    *glyph
	markBed *canvas.Circle
}

// ztaSize are the sizes of the button, from the glow inwards, and how far its sign,
// its name and its mark are from the middle.
type ztaSize struct {
	side, halo, ring, disc  float32
	sign, up                float32
	text, down              float32
	bed, mark, right, above float32
}

// The button has the large size where there is the width for it; the small one goes
// with the size of text, as the room that it stands in.
var (
	ztaLarge = ztaSize{side: 216, halo: 176, ring: 162, disc: 144, sign: 50, up: 14, text: 20, down: 15, bed: 40, mark: 34, right: 56, above: 50}
	ztaSmall = ztaSize{side: 92, halo: 80, ring: 74, disc: 64, sign: 24, up: 9, text: 12, down: 4, bed: 22, mark: 20, right: 24, above: 22}
)

func ztaFor(w float32) ztaSize {
	if w >= ztaLarge.side {
		return ztaLarge
	}
	z := ztaSmall
	for _, v := range []*float32{&z.side, &z.halo, &z.ring, &z.disc, &z.sign, &z.up, &z.down, &z.bed, &z.mark, &z.right, &z.above} {
		*v = em(*v)
	}
	return z
}

func newZTAButton(tap func(), keys func(*fyne.KeyEvent)) *ztaButton {
	b := &ztaButton{press: press{act: tap, keys: keys},
		glow:  canvas.NewRadialGradient(color.Transparent, color.Transparent),
		halo:  canvas.NewCircle(color.Transparent),
		focus: canvas.NewCircle(color.Transparent),
		ring:  canvas.NewCircle(color.Transparent),
		disc:  &canvas.Image{FillMode: canvas.ImageFillContain},
		arc:   newSpinner(ztaLarge.ring, 5, roleAccent),
		glyph: newGlyph("shield", false, ztaLarge.sign, roleText),
		name:  newLabel("ZTA", font{size: ztaLarge.text, weight: assets.Bold, role: roleText, align: fyne.TextAlignCenter}),
		mark:  newGlyph("error", true, ztaLarge.mark, roleWarn), markBed: canvas.NewCircle(color.Transparent),
	}
	b.parts = []fyne.CanvasObject{b.glow, b.halo, b.focus, b.ring, b.disc, b.arc, b.glyph, b.name, b.markBed, b.mark}
	b.least = func() fyne.Size { return fyne.NewSquareSize(ztaFor(0).side) }
	b.grows = func(w float32) float32 { return ztaFor(w).side }
	b.arrange, b.paint = b.place, b.draw
	b.changed = b.Refresh
	b.ExtendBaseWidget(b)
	b.draw()
	return b
}

func (b *ztaButton) place(s fyne.Size) {
	centred := func(o fyne.CanvasObject, side, dx, dy float32) {
		place(o, (s.Width-side)/2+dx, (s.Height-side)/2+dy, side, side)
	}
	z := ztaFor(s.Width)
	if b.name.font.size != z.text {
		b.name.font.size = z.text
		b.name.Refresh()
	}
	centred(b.glow, z.side, 0, 0)
	centred(b.halo, z.halo, 0, 0)
	centred(b.focus, z.halo+10, 0, 0)
	centred(b.ring, z.ring, 0, 0)
	centred(b.disc, z.disc, 0, 0)
	centred(b.arc, z.ring, 0, 0)
	centred(b.glyph, z.sign, 0, -z.up)
	h := b.name.MinSize().Height
	place(b.name, 0, s.Height/2+z.down, s.Width, h)
	centred(b.markBed, z.bed, z.right, -z.above)
	centred(b.mark, z.mark, z.right, -z.above)
}

func (b *ztaButton) draw() {
	top, bottom, glow, halo, ring, sign, icon := roleSurface, roleSurface, role(""), role(""), roleLineStrong, roleMuted, "remove_moderator"
	switch b.shows.mode {
	case ztaWorking:
		ring, sign, icon = roleLine, roleAccent, "shield"
	case ztaActive, ztaInUse:
		top, bottom, glow, ring, sign, icon = roleZTAGood1, roleZTAGood2, roleZTAGoodGlow, roleGood, roleZTAOnGood, "verified_user"
		if b.shows.mode == ztaInUse {
			halo = roleGood
		}
	case ztaAttention:
		top, bottom, glow, ring, sign, icon = roleZTAWarn1, roleZTAWarn2, roleZTAWarnGlow, roleWarn, roleZTAOnWarn, "gpp_maybe"
	}
	b.ends = [2]role{top, bottom}
	b.glow.StartColor = ink(glow)
	fade := color.NRGBAModel.Convert(ink(glow)).(color.NRGBA)
	fade.A = 0
	b.glow.EndColor = fade
	b.halo.StrokeColor, b.halo.StrokeWidth = ink(halo), 2
	b.ring.StrokeColor, b.ring.StrokeWidth = ink(ring), 3
	if b.shows.turning {
		b.ring.StrokeColor, b.ring.StrokeWidth = ink(roleLine), 5
	}
	b.focus.StrokeColor, b.focus.StrokeWidth = color.Transparent, 2
	if b.focused {
		b.focus.StrokeColor = ink(roleFocus)
	}
	edge := role("")
	if top == roleSurface {
		edge = roleLine
	}
	b.disc.Resource = disc(ink(top), ink(bottom), ink(edge), b.over)
	b.markBed.FillColor = ink(rolePanel)
	for _, o := range []fyne.CanvasObject{b.glow, b.halo, b.ring, b.focus, b.disc, b.markBed} {
		o.Refresh()
	}
	b.glyph.set(icon, sign != roleMuted, sign)
	b.name.tint(sign)
	b.arc.set(b.shows.turning)
	shown(b.mark, b.shows.badge)
	shown(b.markBed, b.shows.badge)
}

func (b *ztaButton) set(v ztaView) {
	if b.shows != v {
		b.shows = v
		b.Refresh()
	}
}

// disc is a circle with a gradient from top to bottom, brighter under the pointer.
func disc(top, bottom, edge color.Color, bright bool) fyne.Resource {
	a, z, e := nrgba(top), nrgba(bottom), nrgba(edge)
	var shine float32
	if bright {
		shine = 0.08
	}
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="288" height="288" viewBox="0 0 288 288">`+
		`<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#%02x%02x%02x"/><stop offset="1" stop-color="#%02x%02x%02x"/></linearGradient></defs>`+
		`<circle cx="144" cy="144" r="142" fill="url(#g)" stroke="#%02x%02x%02x" stroke-opacity="%.2f" stroke-width="3"/>`+
		`<circle cx="144" cy="144" r="142" fill="#ffffff" fill-opacity="%.2f"/></svg>`,
		a.R, a.G, a.B, z.R, z.G, z.B, e.R, e.G, e.B, float64(e.A)/255, shine)
	return fyne.NewStaticResource(fmt.Sprintf("disc-%v-%v-%v-%v.svg", a, z, e, bright), []byte(svg))
}

func nrgba(c color.Color) color.NRGBA { return color.NRGBAModel.Convert(c).(color.NRGBA) }
