package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// linkView is what is to be known of the controller, or of a gateway.
type linkView struct {
	icon, name, text string
	state            stateView
}

// mostLinks is how many sites Home tells of; the others are counted.
const mostLinks = 5

// linksOf are the controller and the gateways.
func linksOf(s session.State) []linkView {
	c := linkView{icon: "hub", name: words.controller, state: stateView{phaseWord(s), phaseSign(s.Control.Phase), phaseTone(s.Control.Phase)},
		text: linkText(s.Control.Since, s.At, transportWord(s.Control), "")}
	links := []linkView{c}
	for i, site := range s.Sites {
		if i == mostLinks && len(s.Sites) > mostLinks+1 {
			links = append(links, linkView{icon: "lan", name: moreText(len(s.Sites) - i)})
			break
		}
		word, t := channelWord(site.State)
		v := linkView{icon: "lan", name: site.Name, state: stateView{word, channelSign(site.State), t}}
		if v.name == "" {
			v.name = string(site.ID)
		}
		if site.State != session.Disconnected {
			v.text = linkText(site.Since, s.At, laneWord(site.Lane), site.Gateway)
		}
		links = append(links, v)
	}
	return links
}

func phaseSign(p session.ControlPhase) string {
	switch p {
	case session.ControlEstablished:
		return "check_circle"
	case session.ControlConnecting, session.ControlReconnecting:
		return "schedule"
	case session.ControlLost:
		return "cloud_off"
	}
	return "link_off"
}

func channelSign(c session.ChannelState) string {
	switch c {
	case session.Connected:
		return "check_circle"
	case session.Connecting:
		return "schedule"
	case session.Suspended:
		return "dark_mode"
	}
	return "circle"
}

// laneWord is what carries a data channel.
func laneWord(lane string) string {
	return transportWord(session.ControlChannel{Phase: session.ControlEstablished, Transport: lane})
}

// links is the card of them.
type links struct {
	*stack
	rows  []*linkRow
	rules []fyne.CanvasObject
}

func newLinks() *links {
	return &links{stack: newStack(0, pads(5, 16), newSurface(roleSurface, roleLine, 14))}
}

func (l *links) set(views []linkView) {
	var items []fyne.CanvasObject
	for i, v := range views {
		if i == len(l.rows) {
			l.rows, l.rules = append(l.rows, newLinkRow()), append(l.rules, newRule())
		}
		l.rows[i].set(v)
		if i > 0 {
			items = append(items, l.rules[i])
		}
		items = append(items, l.rows[i].line)
	}
	l.stack.set(items...)
}

// newRule is a hairline between rows.
func newRule() fyne.CanvasObject {
	r := newSurface(roleLine, "", 0)
	r.least = func() fyne.Size { return fyne.NewSize(0, 1) }
	return r
}

type linkRow struct {
	*line
	glyph *glyph
	name  *label
	text  *paragraph
	pill  *pill
}

func newLinkRow() *linkRow {
	r := &linkRow{glyph: newGlyph("hub", false, 20, roleFaint), pill: newPill("", "circle", neutral)}
	r.name = newElastic("", font{size: 14, weight: assets.Medium, role: roleText})
	r.text = newParagraph("", font{size: 12, role: roleFaint}, 0)
	texts := newStack(1, insets{}, nil, r.name, r.text)
	r.line = newLine(12, pads(9, 0), nil, r.glyph, texts, r.pill).growing(texts)
	return r
}

func (r *linkRow) set(v linkView) {
	r.glyph.set(v.icon, false, roleFaint)
	r.name.set(v.name)
	r.text.set(v.text)
	shown(r.text, v.text != "")
	r.pill.set(v.state.word, v.state.icon, v.state.tone)
	shown(r.pill, v.state.word != "")
}
