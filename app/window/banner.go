package window

import (
	"strings"

	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// bannerView is what the banner says; the zero one is hidden.
type bannerView struct {
	urgency       urgency
	title, detail string
	tone          tone
	icon          string
	action        string          // on the button; empty: none
	command       session.Command // the button's
	page          session.Page    // the button's, in place of a command; it says the same, and more
}

// urgency orders what the banner could say: what rises above the rest is said.
type urgency int

const (
	urgencyNone     urgency = iota
	urgencyInforms          // good to know, and gone once it was read
	urgencyWarns            // something competes with us
	urgencyInTheWay         // a VPN is in the way of something now
	urgencyProblem          // something does not work
	urgencyAsked            // access lapses unless the user answers, or has
	urgencyShut             // there is no access to anything
)

// bannerOf chooses the one thing to say: the most urgent, and of those that are as
// urgent the one that the state has first.
func bannerOf(s session.State) bannerView {
	var said bannerView
	for _, v := range bannersOf(s) {
		if v.urgency > said.urgency {
			said = v
		}
	}
	return said
}

// bannersOf is all that could be said.
func bannersOf(s session.State) []bannerView {
	var all []bannerView
	if p := s.Prompt; p != nil && (p.Dismissed || p.Missed) && p.Kind == session.PromptInteraction && s.ZTA.Allowed {
		title, detail := verifyToKeep(namesOf(s, p.Apps), p.Deadline, s.At)
		all = append(all, bannerView{urgency: urgencyAsked, title: title, detail: detail, tone: warn, icon: "gpp_maybe", action: words.verify, command: session.ShowPrompt{}})
	}
	for _, p := range s.Problems {
		all = append(all, problemBanner(s, p))
	}
	for _, w := range s.VPN.Warnings {
		if hurts(w) {
			all = append(all, bannerView{urgency: urgencyInTheWay, title: w.Title, detail: full(w.Detail), tone: warn, icon: "warning",
				action: words.showWhat, page: session.PageConnections})
		}
	}
	return all
}

func problemBanner(s session.State, p session.Problem) bannerView {
	v := bannerView{urgency: urgencyProblem, title: p.Title, detail: p.Detail, tone: warn, icon: "warning"}
	if s.Control.Phase == session.ControlLost {
		v.urgency, v.tone, v.icon = urgencyShut, bad, "cloud_off"
	}
	if !p.Until.IsZero() {
		v.detail = sentences(v.detail, lockedOut(p.Until, s.At))
	}
	v.detail = sentences(v.detail, p.Fix)
	if p.Action == "acknowledge" {
		v.urgency = urgencyWarns
		if !p.Warning {
			v.urgency, v.tone, v.icon = urgencyInforms, accent, "info"
		}
		v.action, v.command = words.gotIt, session.Acknowledge{Code: p.Code}
		return v
	}
	v.action, v.command = actionOf(p.Action, s)
	return v
}

// actionOf is the button that a problem's action stands for. A command that
// needs the user's words asks for them.
func actionOf(name string, s session.State) (string, session.Command) {
	switch name {
	case "retry":
		return words.retry, session.Retry{}
	case "sign-in":
		return words.signIn, session.ShowPrompt{}
	case "enrol":
		return words.enrol, session.ShowPrompt{}
	case "show-prompt":
		return words.showWhat, session.ShowPrompt{}
	case "sign-out":
		return words.signOut, session.SignOut{}
	}
	return "", nil
}

// sentences joins two texts as sentences.
func sentences(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return full(a) + " " + b
}

// full ends a text as a sentence.
func full(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

// banner says one thing above every page.
type banner struct {
	*line
	w      *Window
	shows  bannerView
	back   *surface
	glyph  *glyph
	title  *paragraph
	detail *paragraph
	button *button
}

func (w *Window) newBanner() *banner {
	b := &banner{w: w}
	b.back = newSurface(roleWarnSoft, "", 12)
	b.glyph = newGlyph("warning", true, 22, roleWarn)
	b.title = newParagraph("", font{size: 14, weight: assets.SemiBold, role: roleText}, 0)
	b.detail = newParagraph("", font{size: 13, weight: assets.Regular, role: roleMuted}, 0)
	b.button = w.newButton(plain, "", "", func() {
		if c := b.shows.command; c != nil {
			w.do(c, nil)
		} else if page := b.shows.page; page != "" {
			w.pages.show(page)
		}
	})
	texts := newStack(1, insets{}, nil, b.title, b.detail)
	b.line = newLine(14, insets{12, 14, 12, 16}, b.back, b.glyph, texts, b.button).growing(texts)
	b.Hide()
	return b
}

// set says something else, and tells whether it did.
func (b *banner) set(v bannerView) bool {
	if v == b.shows {
		return false
	}
	b.shows = v
	b.back.set(v.tone.soft(), "")
	b.glyph.set(v.icon, true, v.tone.ink())
	b.title.set(v.title)
	b.detail.set(v.detail)
	shown(b.detail, v.detail != "")
	b.button.set(v.action, "")
	shown(b.button, v.action != "")
	shown(b.line, v.title != "")
	return true
}
