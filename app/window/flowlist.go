package window

import (
	"fmt"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// flowView is what is shown of an open connection.
type flowView struct {
	via, since string
	up, down   string
	at         time.Time // when it was opened
	resting    bool
}

// flowsOf are the newest connections of an application.
func flowsOf(a *session.App, now time.Time) []flowView {
	var views []flowView
	for _, c := range a.Connections {
		views = append(views, flowView{viaWord(c.Via), moment(c.Since, now), sent(c.Up), received(c.Down), c.Since, c.Resting})
	}
	return views
}

// carried says how much was sent and received.
func carried(up, down int64) string { return sent(up) + "   " + received(down) }

func sent(n int64) string     { return bytesText(n) + " ↑" }
func received(n int64) string { return bytesText(n) + " ↓" }

// fewFlows is how many connections are shown until the user wants all.
const fewFlows = 4

// flowList is the open connections of an application.
type flowList struct {
	*stack
	title, sum *label
	none       *paragraph
	list       *stack
	rows       []*flowRow
	more       *button
	all        bool
	views      []flowView
	now        func() time.Time
	changed    func() // its height is another
}

func (w *Window) newFlowList(changed func()) *flowList {
	f := &flowList{now: w.options.Now, changed: changed}
	f.title = newElastic(appWords.flowsTitle, groupFont)
	f.sum = newLabel("", font{size: 13, weight: assets.Medium, role: roleMuted, align: fyne.TextAlignTrailing})
	f.none = newParagraph(appWords.noFlows, font{size: 13, role: roleMuted}, 0)
	f.more = w.newButton(quiet, "", "", func() {
		f.all = !f.all
		f.show()
		f.changed()
	})
	f.more.high = 32
	f.list = newStack(0, pads(5, 14), newSurface(roleGround, roleLine, 12))
	head := newLine(10, insets{}, nil, f.title, f.sum).growing(f.title)
	f.stack = newStack(8, insets{top: 18}, nil, head, f.list)
	return f
}

// set shows connections: how many there are, what they all carried since the sign-in,
// and the newest of them.
func (f *flowList) set(count, data string, views []flowView) {
	sum := data
	if len(views) > 0 {
		sum = count + "   ·   " + data
	}
	f.sum.set(sum)
	f.views = views
	f.show()
}

func (f *flowList) show() {
	n := len(f.views)
	if !f.all {
		n = min(n, fewFlows)
	}
	for len(f.rows) < n {
		f.rows = append(f.rows, newFlowRow())
	}
	items := make([]fyne.CanvasObject, 0, n+1)
	for i, v := range f.views[:n] {
		f.rows[i].set(v)
		items = append(items, f.rows[i])
	}
	switch {
	case n == 0:
		items = append(items, f.none)
	case f.all && n > fewFlows:
		f.more.set(appWords.showFewer, "")
		items = append(items, f.more)
	case n < len(f.views):
		f.more.set(fmt.Sprintf(appWords.showAll, len(f.views)), "")
		items = append(items, f.more)
	}
	f.list.pad = pads(5, 14)
	if n == 0 {
		f.list.pad = pads(12, 14)
	}
	f.list.set(items...)
	f.age()
}

// age says how old the connections are now.
func (f *flowList) age() {
	now := f.now()
	for i, r := range f.rows[:min(len(f.rows), len(f.views))] {
		r.age.set(f.views[i].since + " · " + ageText(now.Sub(f.views[i].at)))
		relayout(r)
	}
}

// flowRow is one connection.
type flowRow struct {
	node
	glyph    *glyph
	via      *label
	age      *label
	up, down *label
}

func newFlowRow() *flowRow {
	r := &flowRow{glyph: newGlyph("bolt", true, 16, roleGood)}
	r.via = newElastic("", font{size: 13, role: roleText})
	r.age = newLabel("", font{size: 13, role: roleMuted, align: fyne.TextAlignTrailing})
	bytes := font{size: 13, weight: assets.Medium, role: roleText, align: fyne.TextAlignTrailing}
	r.up, r.down = newLabel("", bytes), newLabel("", bytes)
	r.parts = []fyne.CanvasObject{r.glyph, r.via, r.age, r.up, r.down}
	r.least = func() fyne.Size { return fyne.NewSize(em(360), grown(32, 13)) }
	r.arrange = func(s fyne.Size) {
		side, x := em(16), s.Width
		place(r.glyph, 0, (s.Height-side)/2, side, side)
		for _, l := range []*label{r.down, r.up, r.age} {
			w := max(em(70), l.MinSize().Width)
			x -= w
			place(l, x, 0, w, s.Height)
			x -= 10
		}
		place(r.via, side+10, 0, x-side-10, s.Height)
	}
	r.ExtendBaseWidget(r)
	return r
}

func (r *flowRow) set(v flowView) {
	icon, ink, via := "bolt", roleGood, v.via
	if v.resting {
		icon, ink, via = "dark_mode", roleMuted, v.via+" · "+appWords.resting
	}
	r.glyph.set(icon, true, ink)
	r.via.set(via)
	r.up.set(v.up)
	r.down.set(v.down)
	relayout(r)
}
