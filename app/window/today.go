package window

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// today is the page of the days ahead: a lane for each application, which shows
// when access is open, when the user will be asked, and when it ends.
type today struct {
	node
	w     *Window
	state session.State
	week  bool

	day, seven *button
	head       *line
	asOf       *label
	coming     *stack
	rows       []*comingRow
	none       *label
	scale      *scale
	list       *todayList
	legend     *flow
	keys       map[session.Outlook]fyne.CanvasObject // of the legend
	detail     *todayDetail
	empty      *empty

	asked   time.Time // when the controller was asked last
	about   uint64    // the verdicts then
	waiting bool      // an alarm will look whether to ask
	ticking bool      // an alarm will move the line of now
}

// askAgain is how soon the controller is asked again at the earliest, and stale
// when it is although no verdict has changed.
const (
	askAgain = 10 * time.Second
	stale    = time.Hour
	unwell   = time.Minute // stale, where the last question was not answered
)

// outlookUnknown is in the legend what nothing is known of.
const outlookUnknown session.Outlook = "unknown"

// How high the page has to be, at the usual size of text, for more than one
// change ahead.
const (
	lowToday   = 440
	leastToday = 340 // and for the legend
)

func (w *Window) newToday() *today {
	p := &today{w: w, keys: map[session.Outlook]fyne.CanvasObject{}}
	p.day = w.newButton(tab, todayWords.page, "", func() { p.turn(false) })
	p.seven = w.newButton(tab, todayWords.week, "", func() { p.turn(true) })
	p.day.high, p.seven.high = 32, 32
	p.day.name, p.seven.name = lang.T("Show today"), lang.T("Show the week")
	p.asOf = newElastic("", font{size: 13, role: roleFaint, align: fyne.TextAlignTrailing})
	p.head = newLine(4, insets{}, nil, newLine(4, pad(3), newSurface(roleRaised, roleLine, 12), p.day, p.seven), p.asOf).growing(p.asOf)
	p.none = newLabel(todayWords.nothing, font{size: 14, role: roleMuted})
	p.coming = newStack(4, pads(12, 16), newSurface(roleSurface, roleLine, 12))
	p.scale = newScale()
	p.detail = w.newTodayDetail()
	p.list = w.newTodayList(p.tell, p.open)
	p.legend = newFlow(14, 6)
	p.empty = w.newEmpty(func() {})
	p.parts = []fyne.CanvasObject{p.head, p.coming, p.scale, p.list, p.legend, p.detail, p.empty}
	p.least = func() fyne.Size { return fyne.NewSize(em(2*todayNames)+scrollIn, 300) }
	p.arrange = p.place
	p.ExtendBaseWidget(p)
	p.turn(false)
	return p
}

func (p *today) place(s fyne.Size) {
	w := s.Width - scrollIn
	h := p.head.MinSize().Height
	place(p.head, 0, 0, w, h)
	y := h + 12
	for i, r := range p.rows { // a low window shows the next change alone
		shown(r.line, i == 0 || s.Height >= em(lowToday))
	}
	h = p.coming.heightFor(w)
	place(p.coming, 0, y, w, h)
	y += h + 14
	h = p.scale.MinSize().Height
	place(p.scale, -ringRoom, y, s.Width+ringRoom, h)
	y += h + 2
	below := p.detail.heightFor(w) + 14
	legend := p.legend.heightFor(w)
	if s.Height < em(leastToday) { // a still lower one explains no signs: what is looked at is in words
		legend = 0
	}
	shown(p.legend, legend > 0 && p.list.Visible())
	rows := max(em(todayRow), s.Height-y-below-legend-10-pagePad/2)
	place(p.list, -ringRoom, y, s.Width+ringRoom, rows)
	y += rows + 8
	place(p.legend, 0, y, w, legend)
	place(p.detail, 0, y+legend+10, w, below-14)
	place(p.empty, 0, 0, w, s.Height)
}

// turn shows a day, or a week.
func (p *today) turn(week bool) {
	p.week = week
	p.day.choose(!week)
	p.seven.choose(week)
	p.apply(p.state)
}

func (p *today) apply(s session.State) {
	p.state = s
	p.look()
	e := p.emptyOf(s)
	p.empty.set(e)
	full := e == emptyView{}
	for _, o := range []fyne.CanvasObject{p.head, p.coming, p.scale, p.list, p.legend, p.detail} {
		shown(o, full)
	}
	if !full || !p.shown() {
		return
	}
	now := p.w.now()
	v := dayView(now)
	if p.week {
		v = weekView(now)
	}
	p.asOf.set(fmt.Sprintf(todayWords.asOf, exactly(s.Ahead.At, now)))
	if pr := s.Ahead.Problem; pr != nil {
		p.asOf.set(p.asOf.text + ". " + pr.Title)
	}
	p.list.set(s.Apps, s.Ahead, v, now)
	p.scale.set(v, p.week)
	p.next(v, now)
	p.explain()
	p.tell()
	p.place(p.Size())
	relayout(p.coming)
	relayout(p.legend)
	p.tick()
}

func (p *today) shown() bool {
	return p.w.pages != nil && p.w.pages.today == p && p.w.pages.page == session.PageToday
}

// emptyOf says what stands in place of the picture; the zero view where it is there.
func (p *today) emptyOf(s session.State) emptyView {
	e := emptyOf(s, "", len(s.Apps))
	a := s.Ahead
	switch {
	case e != emptyView{}:
		return e
	case a != nil && !a.At.IsZero():
		return emptyView{}
	case a != nil && a.Problem != nil && !a.Working:
		return emptyView{"schedule", a.Problem.Title, sentences(a.Problem.Detail, a.Problem.Fix), words.retry, session.LookAhead{}}
	}
	return emptyView{icon: "schedule", title: todayWords.waitTitle, text: todayWords.waitText}
}

// next shows the changes ahead.
func (p *today) next(v laneView, now time.Time) {
	const most = 3
	all := slices.DeleteFunc(p.state.Coming(now), func(c session.Coming) bool { return !c.At.Before(v.to) })
	var items []fyne.CanvasObject
	for i, c := range all[:min(len(all), most)] {
		if i == len(p.rows) {
			p.rows = append(p.rows, newComingRow())
		}
		p.rows[i].set(c, now)
		items = append(items, p.rows[i].line)
	}
	if len(items) == 0 {
		items = append(items, p.none)
	}
	p.coming.set(items...)
}

// explain shows in the legend what there is to be seen, and what always is.
func (p *today) explain() {
	there := map[session.Outlook]bool{session.OutlookOpen: true, session.OutlookClosed: true, session.OutlookAsks: true}
	for _, all := range p.list.known {
		for _, s := range all {
			if _, _, ok := p.list.view.within(s); ok {
				there[s.Outlook] = true
			}
		}
		there[outlookUnknown] = there[outlookUnknown] || p.list.view.gaps(all)
	}
	var items []fyne.CanvasObject
	for _, k := range []struct {
		outlook session.Outlook
		word    string
	}{{session.OutlookOpen, todayWords.open}, {session.OutlookScript, todayWords.script}, {session.OutlookAsks, todayWords.asks}, {session.OutlookClosed, todayWords.closed}, {session.OutlookEnded, todayWords.over}, {outlookUnknown, todayWords.unknown}, {"", todayWords.prompt}} {
		if k.outlook != "" && !there[k.outlook] {
			continue
		}
		if p.keys[k.outlook] == nil {
			p.keys[k.outlook] = newLegendKey(k.outlook, k.word)
		}
		items = append(items, p.keys[k.outlook])
	}
	p.legend.set(items...)
}

// tell says everything about the stretch that is looked at.
func (p *today) tell() {
	app, all, i := p.list.looking()
	switch {
	case app == nil:
		p.detail.set("", todayWords.hint)
	case i < 0 && p.list.pointed >= 0:
		p.detail.set(captioned(app.Name, todayWords.unknown), todayWords.unknownText)
	case i < 0:
		p.detail.set(app.Name, nowWord(all, p.w.now()))
	default:
		line, _ := p.state.Ahead.Line(app.Entitlement)
		p.detail.set(stretchTitle(app, all[i], p.w.now()), stretchText(all, i, session.MayChange(line.MayChange), p.w.now()))
	}
}

func (p *today) open(id wire.AppID) {
	p.w.detail = id
	p.w.settle()
}

// look asks the controller anew where this page, Home or the applications show, which
// say what was foreseen, and verdicts have changed: at most once in askAgain.
func (p *today) look() {
	s := &p.state
	tells := p.shown() || p.w.pages.home.shown() || p.w.pages.page == session.PageApplications
	if !tells || p.w.hidden || !s.ZTA.Allowed || s.Ahead != nil && s.Ahead.Working {
		return
	}
	about, now, good := verdicts(s), p.w.options.Now(), stale
	if s.Ahead != nil && s.Ahead.Problem != nil {
		good = unwell
	}
	if s.Ahead != nil && about == p.about && now.Sub(p.asked) < good {
		return
	}
	if since := now.Sub(p.asked); since < askAgain {
		if !p.waiting {
			p.waiting = true
			p.w.clock.at(p.asked.Add(askAgain), func() { p.waiting = false; p.look() })
		}
		return
	}
	p.asked, p.about = now, about
	p.w.do(session.LookAhead{}, func(error) {}) // the page says what is missing
}

// verdicts is a digest of how the applications are, and until when.
func verdicts(s *session.State) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, s.User.Session, s.Control.Phase)
	for i := range s.Apps {
		a, why := &s.Apps[i], s.Apps[i].Why.Kind
		if a.Foreseen != "" {
			why = "" // which is what was asked for
		}
		fmt.Fprint(h, a.ID, a.Entitlement, a.Allowed, a.Until.UnixNano(), a.Cure, why, a.Decision)
	}
	return h.Sum64()
}

// tick moves the line of now each minute, while the page shows.
func (p *today) tick() {
	if p.ticking {
		return
	}
	p.ticking = true
	p.w.clock.at(p.w.options.Now().Truncate(time.Minute).Add(time.Minute), func() {
		if p.ticking = false; p.shown() {
			p.apply(p.state)
		}
	})
}

// comingRow is one change ahead.
type comingRow struct {
	*line
	at    *label
	glyph *glyph
	text  *paragraph
}

func newComingRow() *comingRow {
	r := &comingRow{at: newLabel("", font{size: 14, weight: assets.SemiBold, role: roleText}), glyph: newGlyph("schedule", false, 18, roleMuted)}
	r.text = newParagraph("", font{size: 14, role: roleText}, 0)
	r.line = newLine(10, insets{}, nil, r.glyph, r.at, r.text).growing(r.text)
	return r
}

func (r *comingRow) set(c session.Coming, now time.Time) {
	icon, t := turnSign(c.Turn)
	r.glyph.set(icon, false, t.ink())
	r.at.set(exactly(c.At, now))
	r.text.set(capital(c.Text))
}

// turnSign is the sign of a change ahead.
func turnSign(turn session.Turn) (icon string, t tone) {
	switch turn {
	case session.TurnAsks:
		return "notifications", warn
	case session.TurnCloses:
		return "lock", bad
	case session.TurnOpens:
		return "check_circle", good
	case session.TurnMayOpen:
		return "key", warn
	case session.TurnEnds:
		return "logout", neutral
	}
	return "schedule", neutral
}

// todayDetail says everything about what is looked at.
type todayDetail struct {
	*stack
	title *label
	text  *paragraph
}

func (w *Window) newTodayDetail() *todayDetail {
	d := &todayDetail{title: newElastic("", font{size: 14, weight: assets.SemiBold, role: roleText})}
	d.text = newParagraph(todayWords.hint, font{size: 13, role: roleMuted}, 0)
	d.stack = newStack(2, pads(10, 16), newSurface(roleSurface, roleLine, 12), d.title, d.text)
	d.stack.grows = func(float32) float32 { // what is said does not move what is above
		return 2*10 + 2 + d.title.font.measure("0").Height + 2*d.text.step()
	}
	return d
}

func (d *todayDetail) set(title, text string) {
	shown(d.title, title != "")
	d.title.set(title)
	d.text.set(text)
	relayout(d.stack)
}

// newLegendKey is a sample of a lane with its word.
func newLegendKey(o session.Outlook, word string) fyne.CanvasObject {
	l := newLane()
	at := time.Unix(0, 0)
	v := laneView{from: at, to: at.Add(time.Hour), chosen: -1}
	s := session.Stretch{Outlook: o}
	s.From, s.To = v.from, v.to
	if o == "" {
		s.Warn = at.Add(time.Hour / 2)
	}
	v.stretches = []session.Stretch{s}
	l.set(v)
	l.least = func() fyne.Size { return fyne.NewSize(30, 18) }
	return newLine(6, insets{}, nil, l, newLabel(word, font{size: 12, role: roleMuted}))
}
