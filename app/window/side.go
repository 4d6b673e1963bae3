package window

import (
	"slices"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// side is the left of the window: whose network this is, the ZTA button, what
// there is to know of the channels, and who is signed in. Where it is narrow it shows
// the button, its word and who is signed in; the page Home tells the rest.
type side struct {
	node
	w            *Window
	wide, narrow *stack // of which one is shown
	back         *surface
	organisation *label
	button       *ztaButton
	title        *label
	word         *paragraph // the title, where it is narrow
	detail       *paragraph
	facts        *facts
	above        *surface // the gap over the button
	user         *userRow
	shows        sideView
}

// sideView is all that the side shows.
type sideView struct {
	organisation string
	zta          ztaView
	title        string
	detail       string
	facts        []factView
	user         userView
}

func (w *Window) newSide() *side {
	s := &side{w: w}
	logo := newPicture(assets.Logo(), 36)
	s.organisation = newElastic("", font{size: 12, weight: assets.Regular, role: roleFaint})
	names := newStack(1, insets{}, nil,
		newLabel(words.title, font{size: 16, weight: assets.Bold, role: roleText}), s.organisation)
	brand := newLine(12, insets{}, nil, logo, names).growing(names)
	s.button = newZTAButton(func() { w.pages.show(session.PageApplications) }, w.key)
	s.title = newElastic("", font{size: 20, weight: assets.SemiBold, role: roleText, align: fyne.TextAlignCenter})
	s.detail = newParagraph("", font{size: 14, weight: assets.Regular, role: roleMuted, align: fyne.TextAlignCenter}, 0)
	s.facts = newFacts()
	s.user = w.newUserRow()
	s.above = newGap(40)
	s.wide = newStack(0, insets{22, 20, 16, 20}, nil,
		brand, s.above, s.button, newGap(14), s.title, newGap(6), s.detail, newSpacer(16),
		s.facts, newGap(12), s.user)
	s.wide.arrange = func(size fyne.Size) {
		shown(s.facts, size.Height >= s.need(size.Width))
		shown(s.above, s.facts.Visible())
		s.wide.place(size)
	}
	s.word = newParagraph("", font{size: 12, weight: assets.SemiBold, role: roleText, align: fyne.TextAlignCenter}, 0)
	s.narrow = newStack(0, insets{22, 2, 16, 2}, nil,
		newPicture(assets.Logo(), 36), newGap(16), s.button, newGap(4), s.word, newSpacer(16), s.user)
	s.back = newSurface(rolePanel, "", 0)
	s.parts = []fyne.CanvasObject{s.back, s.wide}
	s.arrange = func(size fyne.Size) {
		s.back.Resize(size)
		form := s.wide
		if size.Width < sideRoom() {
			form = s.narrow
		}
		if s.parts[1] != fyne.CanvasObject(form) { // the button and the user's row are in both
			s.parts = []fyne.CanvasObject{s.back, form}
			refresh(form)
		}
		place(form, 0, 0, size.Width, size.Height)
		form.arrange(size)
	}
	s.least = func() fyne.Size {
		return fyne.NewSize(em(narrowWidth), max(s.need(sideRoom())-s.spare(sideRoom()), s.narrow.height(em(narrowWidth))))
	}
	s.ExtendBaseWidget(s)
	return s
}

// need is the height of everything, spare that of what a low window leaves out.
func (s *side) need(w float32) float32 {
	h := s.wide.height(w)
	if !s.facts.Visible() {
		h += heightOf(s.facts, w-s.wide.pad.across())
	}
	if !s.above.Visible() {
		h += heightOf(s.above, w)
	}
	return h
}

func (s *side) spare(w float32) float32 {
	return heightOf(s.facts, w-s.wide.pad.across()) + heightOf(s.above, w)
}

func (s *side) apply(st session.State) {
	v := sideOf(st)
	if s.shows.equal(v) {
		return
	}
	s.shows = v
	s.organisation.set(v.organisation)
	s.button.set(v.zta)
	s.title.set(v.title)
	s.word.set(v.title)
	s.detail.set(v.detail)
	s.facts.set(v.facts)
	s.user.set(v.user)
	relayout(s)
}

func (v sideView) equal(o sideView) bool {
	return v.organisation == o.organisation && v.zta == o.zta && v.title == o.title && v.detail == o.detail &&
		v.user == o.user && slices.Equal(v.facts, o.facts)
}

// sideOf is what the side shows of a state.
func sideOf(s session.State) sideView {
	v := sideView{
		organisation: s.Enrolment.Name,
		zta:          ztaOf(s),
		title:        s.ZTA.Title,
		detail:       s.ZTA.Detail,
		facts:        factsOf(s),
		user:         userOf(s),
	}
	if v.organisation == "" {
		v.organisation = words.notEnrolled
	}
	if v.title == "" {
		v.title = phaseWord(s)
	}
	return v
}

// shownSites is how many data channels the facts have room for.
const shownSites = 3

func factsOf(s session.State) []factView {
	fs := []factView{{icon: "hub", name: words.controller, value: phaseWord(s), tone: phaseTone(s.Control.Phase)}}
	for i, site := range s.Sites {
		if i == shownSites && len(s.Sites) > shownSites+1 {
			fs = append(fs, factView{icon: "lan", name: moreText(len(s.Sites) - i)})
			break
		}
		name := site.Name
		if name == "" {
			name = string(site.ID)
		}
		word, t := channelWord(site.State)
		fs = append(fs, factView{icon: "lan", name: name, value: word, tone: t})
	}
	if !s.User.Expires.IsZero() {
		fs = append(fs, factView{icon: "schedule", name: words.sessionUntil, value: moment(s.User.Expires, s.At)})
	}
	return fs
}

func phaseWord(s session.State) string {
	switch s.Control.Phase {
	case session.ControlConnecting:
		return words.phaseConnecting
	case session.ControlEstablished:
		return words.gwConnected
	case session.ControlReconnecting:
		return words.phaseReconnecting
	case session.ControlLost:
		return words.phaseLost
	case session.ControlSignedOut:
		return words.signedOut
	}
	if s.Enrolment.Enrolled() {
		return words.phaseKeyless
	}
	return words.phaseOff
}

// transportWord names what the control channel runs on; empty while it does not.
func transportWord(c session.ControlChannel) string {
	if c.Phase == session.ControlEstablished {
		switch c.Transport {
		case "h3":
			return "HTTP/3"
		case "h2":
			return "HTTP/2"
		}
	}
	return ""
}

func phaseTone(p session.ControlPhase) tone {
	switch p {
	case session.ControlEstablished:
		return good
	case session.ControlConnecting, session.ControlReconnecting:
		return accent
	case session.ControlLost:
		return bad
	}
	return neutral
}

func channelWord(c session.ChannelState) (string, tone) {
	switch c {
	case session.Connecting:
		return words.gwConnecting, accent
	case session.Connected:
		return words.gwConnected, good
	case session.Suspended:
		return words.gwSuspended, neutral
	}
	return words.gwOff, neutral
}
