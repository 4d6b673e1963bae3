package window

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// connections is the page of ZTA and of the classic VPNs beside it: those that
// the user connects and disconnects, and those of other programs.
type connections struct {
	node
	w      *Window
	state  session.State
	scroll *container.Scroll
	list   *stack

	zta      *ztaCard
	warnings *notices
	engine   *notices
	add      *button
	cards    map[string]*vpnCard // by the connection's id
	others   []*vpnCard
	empty    fyne.CanvasObject

	headWarnings, headOwn, headOthers fyne.CanvasObject

	editing  *session.VPNSettings // what the dialog edits, as it stands there; nil: nothing
	dropping bool                 // and its pinned key is to be forgotten
	removing string               // the connection whose removal is asked about
}

func (w *Window) newConnections() *connections {
	p := &connections{w: w, cards: map[string]*vpnCard{}}
	p.zta = w.newZTACard()
	p.warnings = w.newNotices(10, p.flow)
	p.engine = w.newNotices(10, p.flow)
	p.add = w.newButton(plain, vpnWords.add, "add_link", p.addOne)
	p.add.high = 34
	own := newElastic(vpnWords.connections, headFont)
	p.headWarnings, p.headOthers = pageHead(vpnWords.warnings), pageHead(vpnWords.others)
	p.headOwn = newLine(8, insets{top: 14, left: 2}, nil, own, p.add).growing(own)
	e := w.newEmpty(p.addOne)
	e.set(emptyView{icon: "vpn_key", title: vpnWords.emptyTitle, text: vpnWords.emptyText, action: vpnWords.add})
	p.empty = newStack(0, insets{40, 16, 0, 16}, newSurface(roleSurface, roleLine, 14), e.stack)
	p.list = newStack(10, insets{2, scrollIn, pagePad, ringRoom}, nil)
	p.scroll = container.NewVScroll(p.list)
	p.parts = []fyne.CanvasObject{p.scroll}
	p.least = func() fyne.Size { return fyne.NewSize(200, 100) }
	p.arrange = func(s fyne.Size) {
		p.list.Resize(fyne.NewSize(s.Width+ringRoom, p.list.heightFor(s.Width+ringRoom)))
		place(p.scroll, -ringRoom, 0, s.Width+ringRoom, s.Height)
		p.scroll.Refresh()
	}
	p.ExtendBaseWidget(p)
	return p
}

// pageHead is a heading among the cards.
func pageHead(text string) fyne.CanvasObject {
	return newStack(0, insets{top: 14, left: 2}, nil, newLabel(text, headFont))
}

var headFont = font{size: 13, weight: assets.SemiBold, role: roleMuted}

// apply shows a state.
func (p *connections) apply(s session.State) {
	p.state = s
	p.zta.set(ztaCardOf(s))
	own, rest := sortWarnings(s.VPN)
	keys, views := make([]string, len(rest)), make([]noticeView, len(rest))
	for i, w := range rest {
		keys[i], views[i] = w.Key()+" "+strconv.FormatBool(w.Ahead), warningView(w)
	}
	p.warnings.set(keys, views)
	keys, views = nil, nil
	if e := s.VPN.Engine.Problem; e != nil {
		keys, views = []string{e.Code}, []noticeView{{tone: warn, icon: "warning", title: e.Title, text: e.Detail, fix: e.Fix}}
	}
	p.engine.set(keys, views)
	items := []fyne.CanvasObject{p.zta.line}
	if len(rest) > 0 {
		items = append(items, p.headWarnings, p.warnings.stack)
	}
	items = append(items, p.headOwn)
	if p.engine.Visible() {
		items = append(items, p.engine.stack)
	}
	cards := map[string]*vpnCard{}
	for _, c := range s.VPN.Connections {
		card := p.cards[c.ID]
		if card == nil {
			card = p.w.newVPNCard(p.flow, func() { p.edit(c.ID) }, func() { p.remove(c.ID) })
		}
		card.set(vpnViewOf(c, s.VPN.Engine, own[c.ID], s.At))
		cards[c.ID], items = card, append(items, card.stack)
	}
	p.cards = cards
	if len(cards) == 0 {
		items = append(items, p.empty)
	}
	shown(p.add, len(cards) > 0)
	if len(s.VPN.Others) > 0 {
		items = append(items, p.headOthers)
	}
	for i, o := range s.VPN.Others {
		if i == len(p.others) {
			p.others = append(p.others, p.w.newVPNCard(p.flow, nil, nil))
		}
		p.others[i].set(otherViewOf(o))
		items = append(items, p.others[i].stack)
	}
	p.list.set(items...)
	p.flow()
}

// sortWarnings says which warnings belong to the card of a connection, because they
// stand in its settings or will hold once it is up, and which are said for all.
func sortWarnings(v session.VPN) (own map[string][]session.VPNWarning, rest []session.VPNWarning) {
	own = map[string][]session.VPNWarning{}
	for _, c := range v.Connections {
		own[c.ID] = nil
	}
	for _, w := range v.Warnings {
		if _, ok := own[w.Connection]; ok && (w.Ahead || w.Evidence == "") {
			own[w.Connection] = append(own[w.Connection], w)
		} else {
			rest = append(rest, w)
		}
	}
	return own, rest
}

// flow lays the page out anew.
func (p *connections) flow() {
	if !p.Visible() || p.Size().Width <= 0 {
		return
	}
	p.arrange(p.Size())
	relayout(p.list)
}

func (p *connections) addOne() {
	p.editing, p.dropping = &session.VPNSettings{Protocol: session.VPNProtocols[0]}, false
	p.w.settle()
}

func (p *connections) edit(id string) {
	if c, ok := connectionOf(p.state, id); ok {
		settings := c.VPNSettings
		p.editing, p.dropping = &settings, false
		p.w.settle()
	}
}

func (p *connections) remove(id string) {
	p.removing = id
	p.w.settle()
}

// wanted is the dialog that the user opened here; empty: none.
func (p *connections) wanted() (key string, make func() (*modal, face)) {
	if e := p.editing; e != nil {
		if _, ok := connectionOf(p.w.state, e.ID); ok || e.ID == "" {
			return "vpn edit " + e.ID, p.w.newVPNEdit
		}
		p.editing = nil
	}
	if p.removing != "" {
		if c, ok := connectionOf(p.w.state, p.removing); ok && c.Phase == session.VPNDisconnected {
			return "vpn remove " + p.removing, p.w.newVPNRemove
		}
		p.removing = ""
	}
	return "", nil
}

// connectionOf finds a connection.
func connectionOf(s session.State, id string) (*session.VPNConnection, bool) {
	for i := range s.VPN.Connections {
		if c := &s.VPN.Connections[i]; c.ID == id {
			return c, true
		}
	}
	return nil, false
}
