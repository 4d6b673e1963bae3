package window

import (
	"context"
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/session"
)

// activity is the page of what happened: a search, a choice of kinds, and the
// events that they leave, as far back as they are kept.
type activity struct {
	node
	w      *Window
	past   past
	day    string              // today, by the state that was shown
	of     []session.Enrolment // the one that was active in it, and all
	search *input
	clear  *button
	export *button
	kinds  *chips
	trust  *paragraph // why nothing is kept
	list   *chronicle
	empty  *empty

	exporting bool // the dialog is open
}

func (w *Window) newActivity() *activity {
	p := &activity{w: w}
	p.search = w.newInput(activityWords.search, activityWords.search, false)
	p.search.Icon = assets.Icon("search", false, ink(roleFaint))
	p.search.OnChanged = func(string) { p.filter() }
	p.clear = newIconButton(quiet, words.searchClear, "close", func() { p.search.SetText("") })
	p.clear.high, p.clear.keys = 34, w.key
	p.clear.Hide()
	p.export = w.newButton(plain, activityWords.export, "arrow_downward", func() { p.exporting = true; w.settle() })
	p.kinds = w.newChips(p.filter)
	p.kinds.add(topicWord(""), topicIcon(""), activityWords.everything)
	for _, t := range session.Topics {
		p.kinds.add(topicWord(t), topicIcon(t), fmt.Sprintf(activityWords.only, topicWord(t)))
	}
	p.trust = newParagraph("", font{size: 13, role: roleWarn}, 0)
	p.list = newChronicle(p.further)
	p.empty = w.newEmpty(func() {
		p.kinds.choose(0)
		p.search.SetText("")
		w.canvas().Focus(p.search)
	})
	p.parts = []fyne.CanvasObject{p.search.frame, p.clear, p.export, p.kinds, p.trust, p.list, p.empty}
	p.least = func() fyne.Size { return fyne.NewSize(200, 100) }
	p.paint = func() { p.search.Icon = assets.Icon("search", false, ink(roleFaint)) }
	p.arrange = p.place
	p.ExtendBaseWidget(p)
	return p
}

func (p *activity) place(s fyne.Size) {
	width, high := s.Width-scrollIn, p.search.MinSize().Height
	out := p.export.MinSize()
	place(p.search.frame, 0, 0, width-out.Width-12, high)
	c := p.clear.height()
	place(p.clear, width-out.Width-12-c-4, (high-c)/2, c, c)
	place(p.export, width-out.Width, (high-out.Height)/2, out.Width, out.Height)
	y := high + 12
	h := p.kinds.heightFor(width)
	place(p.kinds, 0, y, width, h)
	y += h + 12
	if p.trust.Visible() {
		h = p.trust.heightFor(width)
		place(p.trust, 0, y, width, h)
		y += h + 10
	}
	place(p.list, -ringRoom, y, s.Width+ringRoom, s.Height-y)
	if !p.search.frame.Visible() {
		y = 0
	}
	place(p.empty, 0, y, width, s.Height-y)
}

func (p *activity) apply(s session.State) {
	day, of := timezone.In(s.At).Format("2006-01-02"), append([]session.Enrolment{s.Enrolment}, s.Enrolments...)
	if changed := p.past.take(s.Events); !changed && day == p.day && slices.Equal(of, p.of) {
		return
	}
	p.day, p.of = day, of
	p.show()
}

// filter finds what the search and the kinds ask for: at once among what is known,
// and then further back.
func (p *activity) filter() {
	f := session.EventFilter{Search: p.search.Text}
	if n := p.kinds.chosen; n > 0 {
		f.Topic = session.Topics[n-1]
	}
	p.past.choose(f)
	p.list.toTop()
	p.show()
}

// show shows what is known, and asks for more where there is room for it.
func (p *activity) show() {
	events := p.past.shown()
	foot := ""
	switch {
	case p.past.failed != nil:
		foot = fmt.Sprintf(activityWords.unread, p.past.failed)
	case p.past.more && len(events) > 0:
		foot = activityWords.loading
	}
	p.list.set(events, &p.w.state, foot)
	v := p.emptyView(len(events))
	p.empty.set(v)
	any := len(p.past.recent) > 0
	shown(p.search.frame, any)
	shown(p.export, any)
	shown(p.kinds, any)
	shown(p.clear, any && p.search.Text != "")
	shown(p.list, len(events) > 0)
	p.trust.set(p.past.trust)
	shown(p.trust, p.past.trust != "")
	p.place(p.Size())
	if len(events) == 0 {
		p.further()
		return
	}
	p.list.look()
}

// emptyView is what stands in the place of n events.
func (p *activity) emptyView(n int) emptyView {
	switch {
	case n > 0:
		return emptyView{}
	case len(p.past.recent) == 0:
		return emptyView{icon: "history", title: words.emptyActivityTitle, text: words.emptyActivityText}
	case p.past.failed != nil:
		return emptyView{icon: "cloud_off", title: fmt.Sprintf(activityWords.unread, p.past.failed), text: activityWords.noneText, action: words.searchClear}
	case p.past.more:
		return emptyView{icon: "history", title: activityWords.loading}
	case p.search.Text != "":
		return emptyView{icon: "search_off", title: noEvents(p.search.Text), text: activityWords.hitsText, action: words.searchClear}
	}
	return emptyView{icon: topicIcon(p.past.filter.Topic), title: activityWords.noneTitle, text: activityWords.noneText}
}

// further asks for what is older, where the page is looked at.
func (p *activity) further() {
	if !p.Visible() || p.Size().Height <= 0 || !p.past.wants() {
		return
	}
	q, number := p.past.query()
	asked := p.w.ask(func(ctx context.Context) func() {
		h, err := p.w.client.History(ctx, q)
		return func() {
			p.past.answer(number, h, err)
			p.show()
		}
	})
	if !asked {
		p.past.asking = false
	}
}

// key takes what the focused widget has no use for.
func (p *activity) key(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		if p.search.Text == "" && p.w.canvas().Focused() == fyne.Focusable(p.search) {
			p.w.canvas().Unfocus()
			return
		}
		p.search.SetText("")
		return
	}
	p.list.key(k.Name)
}

// wanted is the dialog that the user opened here; empty: none.
func (p *activity) wanted() (key string, make func() (*modal, face)) {
	if p.exporting {
		return "export activity", p.w.newExport
	}
	return "", nil
}
