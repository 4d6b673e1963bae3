package window

import (
	"cmp"
	"net"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// cardView is what a card shows of an application.
type cardView struct {
	id                   wire.AppID
	name, host, protocol string
	port                 string // the end of host
	icon                 string
	hue                  int
	state                stateView
	foot                 string // why, or what it is
	why                  bool   // foot says why
	until                string
	pinned               bool
}

// stateView is an application's state in a word, a sign and a colour.
type stateView struct {
	word, icon string
	tone       tone
}

func stateOf(a *session.App) stateView {
	switch a.State {
	case session.AppReady:
		switch a.Foreseen { // quietly: nobody has judged it, and nothing was tried
		case session.OutlookAsks:
			return stateView{words.asksFirst, "fingerprint", neutral}
		case session.OutlookClosed, session.OutlookEnded:
			return stateView{words.closed, "schedule", neutral}
		}
		return stateView{words.ready, "check_circle", neutral}
	case session.AppInUse:
		return stateView{words.inUse, "bolt", good}
	case session.AppNeedsYou:
		return stateView{words.needsYou, "error", warn}
	}
	return stateView{words.blocked, "block", bad}
}

func cardOf(a *session.App, now time.Time) cardView {
	v := cardView{id: a.ID, name: a.Name, host: hostPort(a), port: portOf(a), protocol: protocolWord(a.Protocol),
		icon: iconOf(a), hue: hueOf(a.Color, a.Name), state: stateOf(a), foot: a.Description}
	if a.State != session.AppReady && a.State != session.AppInUse {
		v.foot, v.why = cmp.Or(a.Why.Brief, whyTitle(a)), true
	} else if a.Foreseen != "" && a.Why.Brief != "" {
		v.foot = a.Why.Brief
	}
	if !a.Until.IsZero() {
		v.until = briefUntil(a.Until, now)
	}
	return v
}

// whyTitle is never empty: what is not explained is at least not confirmed.
func whyTitle(a *session.App) string {
	if a.Why.Title == "" {
		return words.unknownWhy
	}
	return a.Why.Title
}

// portOf is the end of hostPort that must be seen: empty for the port that
// goes without saying.
func portOf(a *session.App) string {
	if a.Port == 0 || a.Port == usualPorts[a.Protocol] {
		return ""
	}
	return ":" + strconv.Itoa(int(a.Port))
}

// usualPorts are those that an address leaves out.
var usualPorts = map[string]uint16{"http": 80, "https": 443, "ssh": 22}

func hostPort(a *session.App) string {
	if portOf(a) == "" {
		return a.Host
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// iconOf is the administrator's icon where we have it, else one by protocol.
func iconOf(a *session.App) string {
	if assets.HasIcon(a.Icon) {
		return a.Icon
	}
	switch a.Protocol {
	case "http", "https":
		return "language"
	case "ssh":
		return "terminal"
	}
	return "lan"
}

// card is one application in the grid. It is bound to one after the other as
// the grid scrolls.
type card struct {
	node
	tap           func(wire.AppID)
	shows         cardView
	cursor, over  bool
	back, ring    *surface
	tile          *surface
	glyph         *glyph
	name, host    *label
	protocol      *label
	pill          *pill
	foot, expires *label
	footGlyph     *glyph
	pin           *tilePin
}

// The sizes of a card, at the usual size of text.
const (
	cardHeight = 152
	cardLeast  = 222
	cardGap    = 14
	cardPad    = 16
	cardTile   = 40
)

func newCard(tap func(wire.AppID), pin func(wire.AppID, bool)) *card {
	c := &card{tap: tap, back: newSurface(roleSurface, roleLine, 14), ring: newRing(16)}
	c.tile = newSurface(hueSoft(1), "", 12)
	c.glyph = newGlyph("lan", false, 24, hueInk(1))
	c.pill = newPill(words.ready, "check_circle", neutral)
	c.name = newElastic("", font{size: 15, weight: assets.SemiBold, role: roleText})
	c.protocol = newLabel("", font{size: 12, weight: assets.Medium, role: roleFaint})
	c.host = newElastic("", font{size: 13, role: roleFaint})
	c.footGlyph = newGlyph("info", true, 16, roleWarn)
	c.foot = newElastic("", font{size: 13, role: roleMuted})
	c.expires = newLabel("", font{size: 12, weight: assets.Medium, role: roleMuted, align: fyne.TextAlignTrailing})
	c.pin = newTilePin(func() { pin(c.shows.id, !c.shows.pinned) }, c.hover)
	c.parts = []fyne.CanvasObject{c.back, c.ring, c.tile, c.glyph, c.pill, c.name, c.protocol, c.host, c.footGlyph, c.foot, c.expires, c.pin}
	c.least = func() fyne.Size { return fyne.NewSize(em(cardLeast), em(cardHeight)) }
	c.arrange, c.paint = c.place, c.draw
	c.ExtendBaseWidget(c)
	return c
}

func (c *card) place(s fyne.Size) {
	place(c.back, 0, 0, s.Width, s.Height)
	place(c.ring, -3, -3, s.Width+6, s.Height+6)
	// What it is stands left of one axis through the tile, how it stands right.
	tile := em(cardTile)
	axis := cardPad + tile/2
	place(c.tile, cardPad, cardPad, tile, tile)
	place(c.glyph, cardPad, cardPad, tile, tile)
	place(c.protocol, cardPad+tile+12, axis-em(9), c.protocol.MinSize().Width, em(18))
	right, p := s.Width-cardPad, c.pill.MinSize()
	y := axis - p.Height/2
	if c.expires.Visible() {
		y = cardPad
		w := c.expires.MinSize().Width
		place(c.expires, right-w, y+p.Height+2, w, em(16))
	}
	place(c.pill, right-p.Width, y, p.Width, p.Height)
	w := s.Width - 2*cardPad
	place(c.name, cardPad, em(68), w, em(20))
	place(c.host, cardPad, em(90), w, em(18))
	var left float32
	if c.footGlyph.Visible() {
		place(c.footGlyph, cardPad, em(116)+1, em(16), em(18))
		left = em(16) + 6
	}
	if c.pin.Visible() {
		side := em(tilePinSide)
		place(c.pin, s.Width-cardPad-side+em(5), em(125)-side/2, side, side)
		w -= side
	}
	place(c.foot, cardPad+left, em(116), w-left, em(18))
}

// bind shows another application, or the same one in another state.
func (c *card) bind(v cardView, cursor bool) {
	if c.shows == v && c.cursor == cursor {
		return
	}
	c.shows, c.cursor = v, cursor
	c.name.set(v.name)
	c.host.keep = v.port
	c.host.set(v.host)
	c.protocol.set(v.protocol)
	c.tile.set(hueSoft(v.hue), "")
	c.glyph.set(v.icon, false, hueInk(v.hue))
	c.pill.set(v.state.word, v.state.icon, v.state.tone)
	shown(c.footGlyph, v.why)
	ink := roleMuted
	if v.why {
		ink = v.state.tone.ink()
		c.footGlyph.set("info", true, ink)
	}
	c.foot.tint(ink)
	c.foot.set(v.foot)
	c.expires.set(v.until)
	shown(c.expires, v.until != "")
	c.draw()
	c.mark()
	relayout(c)
}

func (c *card) draw() {
	fill, stroke := roleSurface, roleLine
	if c.over {
		fill, stroke = roleRaised, roleLineStrong
	}
	c.back.set(fill, stroke)
	shown(c.ring, c.cursor)
}

// hover notes whether the pointer is over it.
func (c *card) hover(over bool) {
	c.over = over
	c.draw()
	if c.mark() {
		relayout(c)
	}
}

// mark shows the pin of what is pinned, or is at the pointer or the cursor, and says
// whether that is new.
func (c *card) mark() bool {
	near := c.over || c.cursor
	c.pin.show(c.shows.name, c.shows.pinned, near)
	return shown(c.pin, near || c.shows.pinned)
}

// Tapped implements fyne.Tappable.
func (c *card) Tapped(*fyne.PointEvent) { c.tap(c.shows.id) }

// MouseIn implements desktop.Hoverable.
func (c *card) MouseIn(*desktop.MouseEvent) { c.hover(true) }

// MouseMoved implements desktop.Hoverable.
func (c *card) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (c *card) MouseOut() { c.hover(false) }

// Cursor implements desktop.Cursorable.
func (c *card) Cursor() desktop.Cursor { return desktop.PointerCursor }
