package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
)

// tone is what a thing means to the user: a colour with a sign.
type tone int

const (
	neutral tone = iota
	good
	warn
	bad
	accent
)

func (t tone) ink() role {
	return [...]role{roleMuted, roleGood, roleWarn, roleBad, roleAccent}[t]
}

func (t tone) soft() role {
	return [...]role{roleRaised, roleGoodSoft, roleWarnSoft, roleBadSoft, roleAccentSoft}[t]
}

// pill is a word with a sign on a rounded ground.
type pill struct {
	node
	back  *surface
	glyph *glyph
	label *label
}

func newPill(text, icon string, t tone) *pill {
	p := &pill{back: newSurface(t.soft(), "", 11), glyph: newGlyph(icon, true, 14, t.ink())}
	p.label = newLabel(text, font{size: 12, weight: assets.SemiBold, role: t.ink()})
	p.parts = []fyne.CanvasObject{p.back, p.glyph, p.label}
	p.least = func() fyne.Size { return fyne.NewSize(p.label.MinSize().Width+em(14)+4+16, grown(22, 12)) }
	p.arrange = func(s fyne.Size) {
		place(p.back, 0, 0, s.Width, s.Height)
		side := em(14)
		place(p.glyph, 7, (s.Height-side)/2, side, side)
		h := p.label.MinSize().Height
		place(p.label, 7+side+4, (s.Height-h)/2, s.Width-side-18, h)
	}
	p.ExtendBaseWidget(p)
	return p
}

func (p *pill) set(text, icon string, t tone) bool {
	p.back.set(t.soft(), "")
	p.glyph.set(icon, true, t.ink())
	p.label.tint(t.ink())
	return p.label.set(text)
}
