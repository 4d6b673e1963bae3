package window

import (
	"slices"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// emptyView is what stands where applications would; the zero one is hidden.
type emptyView struct {
	icon, title, text string
	action            string
	command           session.Command // nil with an action: clear the search
}

// emptyOf says why there are no applications to see.
func emptyOf(s session.State, query string, found int) emptyView {
	switch {
	case !s.Enrolment.Enrolled(), keyLost(s):
		return emptyView{"add_link", words.emptyEnrolTitle, words.emptyEnrolText, words.enrol, session.ShowPrompt{}}
	case s.Control.Phase == session.ControlSignedOut:
		return emptyView{"lock", words.emptyOutTitle, words.emptyOutText, words.signIn, session.ShowPrompt{}}
	case found > 0:
		return emptyView{}
	case len(s.Apps) > 0:
		return emptyView{icon: "search_off", title: noHits(query), text: words.emptyHitsText, action: words.searchClear}
	case s.Control.Phase == session.ControlLost:
		return emptyView{"cloud_off", words.emptyLostTitle, words.emptyLostText, words.retry, session.Retry{}}
	case s.Control.Phase == session.ControlOff && s.Keychain == session.KeychainUnknown:
		return emptyView{icon: "lock", title: words.emptyOpenTitle, text: words.emptyOpenText}
	case s.Control.Phase == session.ControlOff:
		return emptyView{icon: "lock", title: words.emptyShutTitle, text: words.emptyShutText}
	case s.Control.Phase != session.ControlEstablished || s.User.Name == "":
		return emptyView{icon: "hub", title: words.emptyWaitTitle, text: words.emptyWaitText}
	}
	return emptyView{icon: "inbox", title: words.emptyNoneTitle, text: words.emptyNoneText}
}

// keyLost says whether the device has to be enrolled anew.
func keyLost(s session.State) bool {
	return slices.ContainsFunc(s.Problems, func(p session.Problem) bool { return p.Code == "key-lost" })
}

// empty is a sign, a sentence and at most one button, in the middle.
type empty struct {
	*stack
	shows  emptyView
	glyph  *glyph
	title  *paragraph
	text   *paragraph
	button *button
}

func (w *Window) newEmpty(clear func()) *empty {
	e := &empty{}
	e.glyph = newGlyph("inbox", false, 32, roleAccent)
	bed := newBadge(72, newSurface(roleAccentSoft, "", 22), e.glyph)
	e.title = newParagraph("", font{size: 19, weight: assets.SemiBold, role: roleText, align: fyne.TextAlignCenter}, 420)
	e.text = newParagraph("", font{size: 14, role: roleMuted, align: fyne.TextAlignCenter}, 420)
	e.button = w.newButton(primary, "", "", func() {
		if c := e.shows.command; c != nil {
			w.do(c, nil)
			return
		}
		clear()
	})
	e.stack = newStack(0, insets{}, nil, newSpacer(0), bed, newGap(20), newCentred(e.title), newGap(8), newCentred(e.text), newGap(22), newCentred(e.button), newSpacer(60))
	e.Hide()
	return e
}

func (e *empty) set(v emptyView) {
	if e.shows == v {
		return
	}
	e.shows = v
	e.glyph.set(v.icon, false, roleAccent)
	e.title.set(v.title)
	e.text.set(v.text)
	e.button.set(v.action, "")
	shown(e.button, v.action != "")
	shown(e.stack, v.title != "")
	relayout(e.stack)
}

// newCentred gives an object the width it asks for, in the middle.
func newCentred(o fyne.CanvasObject) *node {
	n := &node{parts: []fyne.CanvasObject{o}}
	width := func(w float32) float32 { return min(w, o.MinSize().Width) }
	n.least = func() fyne.Size { return fyne.NewSize(0, heightOf(o, o.MinSize().Width)) }
	n.grows = func(w float32) float32 { return heightOf(o, width(w)) }
	n.arrange = func(s fyne.Size) {
		if o.Visible() {
			w := width(s.Width)
			place(o, (s.Width-w)/2, 0, w, s.Height)
		}
	}
	n.ExtendBaseWidget(n)
	return n
}
