package window

import (
	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

// layer is what lies over the window, one at a time. The zero layer is nothing.
type layer struct {
	key   string // names what is shown: another key is another layer
	modal *modal
	face
}

// face is what a layer shows and how it takes keys.
type face interface {
	// update shows s; it is called with every state while the layer is open.
	update(s session.State)
	// first is what has the focus in the beginning.
	first() fyne.Focusable
	// enter is the Enter key where nothing else takes it, escape the Esc key.
	enter()
	escape()
}

// holds says whether a's dialog is open.
func (l layer) holds(a *asking) bool {
	d, ok := l.face.(interface{ asks() *asking })
	return ok && d.asks() == a
}

// settle opens the one layer that is wanted now, and closes what is not: what
// the user is asked comes before what the user opened.
func (w *Window) settle() {
	key, make := w.wanted()
	if key == w.layer.key {
		if w.layer.face != nil {
			w.layer.update(w.state)
		}
		return
	}
	was, at := w.layer.face, w.canvas().Focused()
	w.unhint()
	w.closeLayer()
	if make == nil {
		w.speak() // what was chosen meanwhile
		return
	}
	m, f := make()
	w.layer = layer{key: key, modal: m, face: f}
	f.update(w.state)
	var resumed fyne.Focusable
	if d, ok := f.(interface {
		resume(was face, at fyne.Focusable) fyne.Focusable
	}); ok {
		resumed = d.resume(was, at)
	}
	m.Resize(w.canvas().Size())
	w.canvas().Overlays().Add(m)
	m.settle()
	if w.focusFirst(); resumed != nil {
		w.canvas().Focus(resumed)
	}
	w.root.hold(m)
	if t, ok := f.(interface{ tick() }); ok {
		t.tick()
	}
}

func (w *Window) closeLayer() {
	if w.layer.modal == nil {
		return
	}
	gone := w.layer
	w.layer = layer{}
	w.canvas().Unfocus() // a caret blinks on for as long as it has the focus
	if a, ok := gone.face.(interface{ closed() }); ok {
		a.closed()
	}
	w.canvas().Overlays().Remove(gone.modal)
	w.root.hold(nil)
}

// wanted is the one layer that is to be open. Of what is asked that is first which the
// user has begun to answer: what is typed for one is not to end in the other.
func (w *Window) wanted() (key string, make func() (*modal, face)) {
	if w.stopped != nil {
		return "stopped", w.newStopped
	}
	key, make = w.prompted()
	if vpn, form := w.vpnPrompted(); vpn != "" && !w.answering(key) &&
		(key == "" || w.answering(vpn) || w.state.Prompt.Kind == session.PromptEnrol) { // who uses VPNs alone is asked to enrol all the time
		return vpn, form
	}
	if key != "" {
		return key, make
	}
	switch {
	case w.ending:
		return "quit", w.newQuit
	case w.menu:
		return "menu", w.newMenu
	case w.forgetting != "":
		return "forget " + string(w.forgetting), w.newForget
	case w.diagnosis != nil:
		return "diagnosis", w.newDiagnosis
	case w.detail != "":
		if _, ok := appOf(w.state, w.detail); ok {
			return "app " + string(w.detail), w.newDetail
		}
		w.detail = ""
	}
	if key, make := w.pages.activity.wanted(); key != "" {
		return key, make
	}
	return w.pages.connections.wanted()
}

// prompted is what the session asks; empty: nothing that is to be shown.
func (w *Window) prompted() (key string, make func() (*modal, face)) {
	p := w.state.Prompt
	if p == nil || p.Dismissed {
		return "", nil
	}
	key = "prompt " + string(p.Kind) + " " + p.ID
	if p.Kind != session.PromptEnrol { // what is typed for one organisation is not to end in another
		key += " for " + string(w.state.Enrolment.Device)
	}
	switch {
	case p.Missed && !w.answering(key): // the banner is enough
	case p.Kind == session.PromptEnrol:
		return key, w.newEnrol
	case p.Kind == session.PromptSignIn:
		return key, w.newSignIn
	case p.Kind == session.PromptInteraction:
		return key, w.newInteraction
	}
	return "", nil
}

// vpnPrompted is what is asked about a VPN; empty: nothing.
func (w *Window) vpnPrompted() (key string, make func() (*modal, face)) {
	p := w.state.VPN.Prompt
	switch {
	case p == nil:
		return "", nil
	case p.Kind == session.VPNCertificate:
		return "vpn " + string(p.Kind) + " " + p.ID, w.newVPNTrust
	}
	return "vpn " + string(p.Kind) + " " + p.ID, w.newVPNForm
}

// answering says whether the layer of that key is a prompt that the user has
// begun to answer.
func (w *Window) answering(key string) bool {
	d, ok := w.layer.face.(interface{ begun() bool })
	return ok && key != "" && w.layer.key == key && d.begun()
}

// reveal scrolls the open layer, or the page, to what has the focus.
func (w *Window) reveal(o fyne.CanvasObject) {
	if m := w.layer.modal; m != nil {
		scrollTo(m.scroll, m.body, o)
		return
	}
	w.pages.reveal(o)
}

func (w *Window) focusFirst() {
	if f := w.layer.first(); f != nil {
		w.canvas().Focus(f)
	}
}
