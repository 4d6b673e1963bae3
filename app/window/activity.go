package window

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// activity is the page of what happened, the newest first, under its days.
type activity struct {
	node
	scroll *container.Scroll
	list   *stack
	rows   []*eventRow
	days   []*label
	empty  *empty
	last   uint64 // the newest event shown
	day    string // today, by the state that was shown
}

func (w *Window) newActivity() *activity {
	p := &activity{}
	p.list = newStack(8, insets{2, scrollIn, pagePad, ringRoom}, nil)
	p.scroll = container.NewVScroll(p.list)
	p.empty = w.newEmpty(func() {})
	p.empty.set(emptyView{icon: "history", title: words.emptyActivityTitle, text: words.emptyActivityText})
	p.parts = []fyne.CanvasObject{p.scroll, p.empty}
	p.least = func() fyne.Size { return fyne.NewSize(200, 100) }
	p.arrange = func(s fyne.Size) {
		w := s.Width + ringRoom
		p.list.Resize(fyne.NewSize(w, p.list.heightFor(w)))
		place(p.scroll, -ringRoom, 0, w, s.Height)
		p.scroll.Refresh()
		place(p.empty, 0, 0, s.Width-scrollIn, s.Height)
	}
	p.ExtendBaseWidget(p)
	return p
}

func (p *activity) apply(s session.State) {
	n := len(s.Events)
	shown(p.scroll, n > 0)
	shown(p.empty, n == 0)
	if n == 0 {
		p.last = 0
		p.list.set()
		return
	}
	today := s.At.Local().Format("2006-01-02")
	if newest := s.Events[n-1].Seq; newest == p.last && today == p.day {
		return
	}
	p.last, p.day = s.Events[n-1].Seq, today
	var items []fyne.CanvasObject
	day, days := "", 0
	for i := range n {
		e := s.Events[n-1-i]
		if name := dayName(e.At, s.At); name != day {
			if days == len(p.days) {
				p.days = append(p.days, newLabel("", font{size: 13, weight: assets.SemiBold, role: roleMuted}))
			}
			p.days[days].set(name)
			if day != "" {
				items = append(items, newGap(4))
			}
			items = append(items, p.days[days])
			day = name
			days++
		}
		if i == len(p.rows) {
			p.rows = append(p.rows, newEventRow())
		}
		p.rows[i].set(e)
		items = append(items, p.rows[i].line)
	}
	p.list.set(items...)
	p.arrange(p.Size())
	relayout(p.list)
}

// eventRow is one thing that happened.
type eventRow struct {
	*line
	bed   *surface
	glyph *glyph
	text  *paragraph
	at    *label
}

func newEventRow() *eventRow {
	r := &eventRow{bed: newSurface(roleRaised, "", 10), glyph: newGlyph("info", false, 18, roleMuted)}
	r.text = newParagraph("", font{size: 14, role: roleText}, 0)
	r.at = newLabel("", font{size: 13, role: roleFaint})
	r.line = newLine(14, pads(10, 14), newSurface(roleSurface, roleLine, 12), newBadge(34, r.bed, r.glyph), r.text, r.at).growing(r.text)
	return r
}

func (r *eventRow) set(e session.Event) {
	icon, t := signOf(e.Kind)
	r.bed.set(t.soft(), "")
	r.glyph.set(icon, false, t.ink())
	r.text.set(e.Text)
	r.at.set(e.At.Local().Format("15:04:05"))
}

// signOf is the sign of a kind of event. Kinds are words joined by hyphens; one
// that is not known here has a plain sign.
func signOf(kind string) (icon string, t tone) {
	parts := strings.Split(kind, "-")
	has := func(words ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(words, p) })
	}
	switch {
	case has("cut", "refused", "denied", "revoked", "blocked", "removed"):
		return "block", bad
	case has("lost", "failed", "interrupted", "locked"):
		return "cloud_off", warn
	case has("over"):
		return "check_circle", good
	case has("warning"):
		return "warning", warn
	case has("needs", "asked", "prompt", "warned"):
		return "fingerprint", warn
	case has("answered", "verified"):
		return "check_circle", good
	case has("in", "enrolled"):
		return "login", good
	case has("out", "ended"):
		return "logout", neutral
	case has("suspended"):
		return "dark_mode", neutral
	case has("vpn"):
		if has("connected", "reconnected") {
			return "vpn_key", good
		}
		return "vpn_key", neutral
	case has("channel", "gateway"):
		return "lan", good
	case has("control", "established"):
		return "hub", good
	case has("app", "flow", "opened"):
		return "open_in_new", accent
	}
	return "info", neutral
}
