package window

import (
	"strings"

	"github.com/tidegate/tidegate/assets"
	"github.com/tidegate/tidegate/session"
)

// bannerView is what the banner says; the zero one is hidden.
type bannerView struct {
	title, detail string
	tone          tone
	icon          string
	action        string          // on the button; empty: none
	command       session.Command // the button's
	page          session.Page    // the button's, in place of a command; it says the same, and more
}

// bannerOf chooses the one thing to say above every page: what is asked and
// was put off or missed, if it could be answered now; else the most urgent problem;
// else where a VPN is in the way.
func bannerOf(s session.State) bannerView {
	if p := s.Prompt; p != nil && (p.Dismissed || p.Missed) && p.Kind == session.PromptInteraction && s.ZTA.Allowed {
		title, detail := verifyToKeep(namesOf(s, p.Apps), p.Deadline, s.At)
		return bannerView{title: title, detail: detail, tone: warn, icon: "gpp_maybe", action: words.verify, command: session.ShowPrompt{}}
	}
	if len(s.Problems) == 0 {
		return warningBanner(s.VPN)
	}
	p := s.Problems[0]
	v := bannerView{title: p.Title, detail: p.Detail, tone: warn, icon: "warning"}
	if s.Control.Phase == session.ControlLost {
		v.tone, v.icon = bad, "cloud_off"
	}
	if !p.Until.IsZero() {
		v.detail = sentences(v.detail, lockedOut(p.Until, s.At))
	}
	v.detail = sentences(v.detail, p.Fix)
	if p.Action == "acknowledge" {
		if !p.Warning {
			v.tone, v.icon = accent, "info"
		}
		v.action, v.command = words.gotIt, session.Acknowledge{Code: p.Code}
		return v
	}
	v.action, v.command = actionOf(p.Action, s)
	return v
}

// warningBanner is the most urgent of the warnings of what is seen to be in the way
// now.
func warningBanner(v session.VPN) bannerView {
	for _, w := range v.Warnings {
		if hurts(w) {
			return bannerView{title: w.Title, detail: full(w.Detail), tone: warn, icon: "warning",
				action: words.showWhat, page: session.PageConnections}
		}
	}
	return bannerView{}
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

// apply shows a state above a page, and says whether the banner changed. What the
// page itself says is not said twice.
func (b *banner) apply(s session.State, page session.Page) bool {
	v := bannerOf(s)
	if v.page == page {
		v = bannerView{}
	}
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
