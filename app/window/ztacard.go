package window

import (
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// ztaCard is ZTA beside the VPNs: its state, and the button that opens the
// applications. There is nothing to connect or disconnect by it (seed 000).
type ztaCard struct {
	*line
	shows  ztaCardView
	tile   *surface
	glyph  *glyph
	title  *paragraph
	text   *paragraph
	pill   *pill
	button *button
}

type ztaCardView struct {
	title, text string
	state       stateView
}

// ztaCardOf is what the card shows of a state.
func ztaCardOf(s session.State) ztaCardView {
	v := ztaCardView{title: s.ZTA.Title, text: sentences(s.ZTA.Detail, vpnWords.ztaText)}
	if v.title == "" {
		v.title = phaseWord(s)
	}
	switch z := ztaOf(s); {
	case z.mode == ztaAttention || z.badge:
		v.state = stateView{words.needsYou, "error", warn}
	case z.mode == ztaInUse:
		v.state = stateView{words.inUse, "bolt", good}
	case z.mode == ztaActive:
		v.state = stateView{vpnWords.active, "check_circle", good}
	case z.mode == ztaWorking:
		v.state = stateView{words.phaseConnecting, "schedule", accent}
	case s.Control.Phase == session.ControlLost:
		v.state = stateView{words.phaseLost, "cloud_off", bad}
	default:
		v.state = stateView{vpnWords.inactive, "link_off", neutral}
	}
	return v
}

func (w *Window) newZTACard() *ztaCard {
	c := &ztaCard{tile: newSurface(roleRaised, "", 12), glyph: newGlyph("shield", false, 24, roleMuted)}
	c.title = newParagraph("", font{size: 15, weight: assets.SemiBold, role: roleText}, 0)
	c.text = newParagraph("", font{size: 13, role: roleMuted}, 0)
	c.pill = newPill("", "circle", neutral)
	c.button = w.newButton(wash, vpnWords.ztaOpen, "grid_view", func() { w.pages.show(session.PageApplications) })
	c.button.name = vpnWords.ztaName
	texts := newStack(2, insets{}, nil, newLabel(vpnWords.zta, font{size: 12, weight: assets.Medium, role: roleFaint}), c.title, c.text)
	side := newStack(10, insets{}, nil, atEnd(c.pill), atEnd(c.button))
	c.line = newLine(14, pad(16), newSurface(roleSurface, roleLine, 14), newBadge(44, c.tile, c.glyph), texts, side).growing(texts)
	c.line.top = true
	return c
}

func (c *ztaCard) set(v ztaCardView) {
	if c.shows == v {
		return
	}
	c.shows = v
	t := v.state.tone
	c.tile.set(t.soft(), "")
	icon := "shield"
	if t == good {
		icon = "verified_user"
	}
	c.glyph.set(icon, t == good, t.ink())
	c.title.set(v.title)
	c.text.set(v.text)
	c.pill.set(v.state.word, v.state.icon, t)
}
