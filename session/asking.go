package session

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	enrolPromptID  = "enrol"
	signInPromptID = "sign-in"
)

// proposalID names the prompt of a clicked link: whoever confirms one confirms
// what stood in it, and not a link that was clicked a moment later.
func proposalID(n int) string { return fmt.Sprintf("%s-%d", enrolPromptID, n) }

// derivePrompt says what the user is asked now: one thing, and one prompt for
// all that falls due.
func derivePrompt(f *facts, in *intent, apps []App, phase ControlPhase, w *wake) *Prompt {
	var p *Prompt
	switch {
	case !f.enrolled.Enrolled() || in.enrolling || f.ended != nil && f.ended.Code == wire.CodeDevice || f.keyLost:
		p = &Prompt{ID: enrolPromptID, Kind: PromptEnrol}
		if in.proposed != nil {
			p.Proposed = in.proposed.Controller
			p.ID = proposalID(in.proposals)
		}
	case f.cookie == "":
		// No cookie, or a refused one: that, and nothing else, asks to sign in.
		if f.hello == nil || phase != ControlSignedOut {
			return nil
		}
		p = &Prompt{ID: signInPromptID, Kind: PromptSignIn, User: f.hello.User, Code: f.hello.Code}
	default:
		p = interactionPrompt(f, in, apps)
		if p == nil || in.busy == "" && p.ID == in.answered && w.before(in.answerEnd) {
			return nil
		}
	}
	p.Busy = in.busy == p.Kind
	if in.refused != nil && in.refusedAt == p.Kind {
		p.Error = in.refused
	}
	p.Dismissed = in.dismissed == p.ID
	return p
}

// interactionPrompt gathers what every application needs of the user: those
// whose access is about to lapse, and those that were just asked for in vain.
func interactionPrompt(f *facts, in *intent, apps []App) *Prompt {
	p := &Prompt{Kind: PromptInteraction}
	var id []string
	for i := range apps {
		a := &apps[i]
		v, known := verdict(f, in, a)
		asked := in.asks[a.ID]
		if !known || len(a.Cure) == 0 || v.Allow && !v.Due || !v.Allow && asked == 0 {
			continue
		}
		p.Apps = append(p.Apps, a.ID)
		for _, x := range v.Interactions {
			if !slices.ContainsFunc(p.Interactions, func(y wire.Interaction) bool { return y.Kind == x.Kind }) {
				p.Interactions = append(p.Interactions, x)
			}
		}
		if v.Allow && (p.Deadline.IsZero() || a.Until.Before(p.Deadline)) {
			p.Deadline = a.Until
		}
		if v.Allow {
			id = append(id, fmt.Sprintf("%s@%d", a.ID, v.NotAfter.Unix()))
		} else {
			id = append(id, fmt.Sprintf("%s#%d", a.ID, asked))
		}
	}
	if len(p.Apps) == 0 {
		return nil
	}
	slices.SortFunc(p.Interactions, func(a, b wire.Interaction) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	p.ID = strings.Join(id, ",")
	return p
}
