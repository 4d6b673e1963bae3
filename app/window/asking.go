package window

import (
	"cmp"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// asking is what the dialogs of all prompts have in common: a heading, the
// error of the last answer, Later, and one button that answers.
type asking struct {
	w      *Window
	prompt session.Prompt
	local  string // what is wrong with what was typed, before it is sent
	sent   bool   // an answer is on its way, and no state says so yet

	title, text *paragraph
	error       *line
	errorGap    *surface
	errorText   *paragraph
	submit      *button
	later       *button

	word    string                  // on submit
	command func() session.Command  // the answer; nil: it is not complete
	wipe    func()                  // forgets secrets, after they were wrong
	lock    func(on bool)           // keeps the fields from changing meanwhile
	focus   func() fyne.Focusable   // the first field
	extra   func(p *session.Prompt) // shows what else the prompt says; may be nil

	// of is the prompt of a state, put the command that puts it off, away the word
	// for that; nil and empty: State.Prompt, DismissPrompt, Later.
	of   func(session.State) *session.Prompt
	put  func() session.Command
	away string
}

// sentGrace is for how long after a command was taken a dialog waits for the
// state that says that it is under way.
const sentGrace = 400 * time.Millisecond

// build makes the dialog around fields.
func (a *asking) build(icon string, width float32, fields ...fyne.CanvasObject) *modal {
	centred := fyne.TextAlignCenter
	a.title = newParagraph("", font{size: 19, weight: assets.SemiBold, role: roleText, align: centred}, 0)
	a.text = newParagraph("", font{size: 14, role: roleMuted, align: centred}, 0)
	a.errorText = newParagraph("", font{size: 14, weight: assets.Medium, role: roleBad}, 0)
	a.error = newLine(10, pads(10, 12), newSurface(roleBadSoft, "", 10), newGlyph("error", true, 18, roleBad), a.errorText).growing(a.errorText)
	a.error.Hide()
	a.later = a.w.newButton(plain, cmp.Or(a.away, words.later), "", func() { a.w.layer.escape() })
	a.submit = a.w.newButton(primary, a.word, "", func() { a.w.layer.enter() })
	for _, b := range []*button{a.later, a.submit} {
		b.high = 42
	}
	actions := newLine(10, insets{}, nil, a.later, a.submit).growing(a.later, a.submit)
	sign := newBadge(56, newSurface(roleAccentSoft, "", 18), newGlyph(icon, false, 28, roleAccent))
	above := newGap(14)
	items := []fyne.CanvasObject{sign, above, a.title, newGap(6), a.text, newGap(20)}
	items = append(items, fields...)
	a.errorGap = newGap(14)
	items = append(items, a.error, a.errorGap, newGap(6))
	m := newModal(width, newStack(0, insets{28, 28, 0, 28}, nil, items...), nil).withFoot(newStack(0, insets{0, 28, 26, 28}, nil, actions))
	m.spare = []fyne.CanvasObject{sign, above}
	return m
}

// update shows the prompt of s.
func (a *asking) update(s session.State) {
	p := s.Prompt
	if a.of != nil {
		p = a.of(s)
	}
	if p == nil {
		return
	}
	was, until := a.working(), a.lockedOut()
	if p.Busy || problemText(p.Error, s.At) != problemText(a.prompt.Error, s.At) {
		a.sent, a.local = false, ""
	}
	a.prompt = *p
	if t := a.lockedOut(); !t.IsZero() && !t.Equal(until) {
		a.w.clock.at(t, a.unlocked)
	}
	a.refresh(was)
}

// lockedOut is until when no answer is taken; zero: one is.
func (a *asking) lockedOut() time.Time {
	if e := a.prompt.Error; e != nil && a.w.options.Now().Before(e.Until) {
		return e.Until
	}
	return time.Time{}
}

// unlocked lets answers be sent again when a lock-out is over.
func (a *asking) unlocked() {
	if a.w.layer.holds(a) {
		a.refresh(a.working())
	}
}

func (a *asking) working() bool { return a.sent || a.prompt.Busy }

// refresh shows what can be done now; was says whether an answer was under way.
func (a *asking) refresh(was bool) {
	working := a.working()
	if was != working {
		a.lock(working)
	}
	if was && !working && a.prompt.Error != nil {
		a.wipe()
		a.w.canvas().Focus(a.focus())
	}
	text, locked := a.local, !a.lockedOut().IsZero()
	if e := a.prompt.Error; text == "" && !working && e != nil && (e.Until.IsZero() || locked) {
		text = problemText(e, a.w.state.At)
	}
	word := a.word
	if working {
		word = words.checking
	}
	a.submit.set(word, "")
	a.submit.setState(a.command() == nil || locked, working)
	if a.extra != nil {
		a.extra(&a.prompt)
	}
	fresh := a.errorText.set(text) && text != ""
	shown(a.error, text != "")
	shown(a.errorGap, text != "")
	if !a.w.layer.holds(a) {
		return
	}
	m := a.w.layer.modal
	m.settle()
	if fresh {
		scrollTo(m.scroll, m.body, a.error)
	}
}

// typed is called when a field changed.
func (a *asking) typed() {
	a.local = ""
	a.refresh(a.working())
}

// problemText is a problem in the user's words; empty where there is none.
func problemText(p *session.Problem, now time.Time) string {
	if p == nil {
		return ""
	}
	text := sentences(p.Title, p.Detail)
	if !p.Until.IsZero() {
		return sentences(text, lockedOut(p.Until, now))
	}
	return full(sentences(text, p.Fix))
}

func (a *asking) asks() *asking { return a }

func (a *asking) first() fyne.Focusable { return a.focus() }

// enter answers, if the answer is complete, none is under way and one is taken.
func (a *asking) enter() {
	c := a.command()
	if c == nil || a.working() || !a.lockedOut().IsZero() {
		return
	}
	a.local, a.sent = "", true
	a.refresh(false)
	a.w.do(c, func(err error) {
		if err != nil {
			a.refused(sentence(err))
			return
		}
		a.w.clock.at(a.w.options.Now().Add(sentGrace), a.settled)
	})
}

// refused says why an answer was not taken; the user may be elsewhere by now.
func (a *asking) refused(why string) {
	if !a.w.layer.holds(a) {
		a.w.say(why)
		return
	}
	was := a.working()
	a.sent, a.local = false, why
	a.refresh(was)
}

// closed stops what moves.
func (a *asking) closed() { a.submit.setState(false, false) }

// settled ends the wait for a state that says that the answer is under way.
func (a *asking) settled() {
	if a.sent {
		a.sent = false
		if a.w.layer.holds(a) {
			a.refresh(true)
		}
	}
}

// escape puts the prompt off.
func (a *asking) escape() {
	if a.put != nil {
		a.w.do(a.put(), nil)
		return
	}
	a.w.do(session.DismissPrompt{Prompt: a.prompt.ID}, nil)
}
