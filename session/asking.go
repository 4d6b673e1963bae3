package session

import (
	"fmt"
	"slices"
	"strings"
	"time"

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
func derivePrompt(f *facts, in *intent, apps []App, phase ControlPhase, allowed bool, w *wake) *Prompt {
	var p *Prompt
	switch {
	case !f.enrolled.Enrolled() || in.enrolling || f.ended != nil && f.ended.Code == wire.CodeDevice || f.keyLost:
		p = &Prompt{ID: enrolPromptID, Kind: PromptEnrol}
		if in.proposed != nil {
			p.Proposed, p.Organisation, p.Fingerprint = in.proposed.Controller, in.proposed.Name, in.proposed.Fingerprint()
			p.ID = proposalID(in.proposals)
		}
	case f.cookie == "":
		// No cookie, or a refused one: that, and nothing else, asks to sign in.
		if f.hello == nil || phase != ControlSignedOut {
			return nil
		}
		p = &Prompt{ID: signInPromptID, Kind: PromptSignIn, User: f.hello.User, Code: f.hello.Code}
	default:
		p = interactionPrompt(f, in, apps, allowed, w)
		if p == nil || in.busy == "" && within(p.ID, in.answered) && w.before(in.answerEnd) {
			return nil
		}
	}
	p.Busy = in.busy == p.Kind
	if in.refusedAt == p.Kind {
		p.Error = in.refused.problem()
	}
	p.Dismissed = within(p.ID, in.dismissed)
	return p
}

// within says whether a prompt asks for nothing that the one called of did not:
// the id of one for several applications has a part for each.
func within(id, of string) bool {
	all := strings.Split(of, ",")
	for part := range strings.SplitSeq(id, ",") {
		if !slices.Contains(all, part) {
			return false
		}
	}
	return true
}

// wanting is an application that wants something of the user.
type wanting struct {
	app     *App
	order   int
	verdict wire.Verdict
	name    string // what this is about, in the prompt's id
	missed  bool   // its time is over, and nobody has asked for it since
	lapsed  time.Time
}

// interactionPrompt gathers what the applications need of the user: those whose
// access is about to lapse or has lapsed unanswered, those that were asked for
// in vain, and those that would ask in a moment. One that is not used asks for
// nothing before it is.
func interactionPrompt(f *facts, in *intent, apps []App, allowed bool, w *wake) *Prompt {
	all := wants(f, in, apps, allowed, w)
	if len(all) == 0 {
		return nil
	}
	var d demand
	for _, x := range all {
		if !x.verdict.AnyOf {
			d.require(x.verdict.Interactions)
		}
	}
	// Of choices that no answer serves together, what was missed comes last.
	slices.SortStableFunc(all, func(x, y wanting) int {
		if x.missed == y.missed {
			return 0
		} else if y.missed {
			return -1
		}
		return 1
	})
	all = slices.DeleteFunc(all, func(x wanting) bool { return x.verdict.AnyOf && !d.offer(x.verdict.Interactions) })
	slices.SortFunc(all, func(x, y wanting) int { return x.order - y.order })
	p := &Prompt{Kind: PromptInteraction, Interactions: d.must, Choice: d.choice, Missed: true}
	var id []string
	for _, x := range all {
		p.Apps = append(p.Apps, x.app.ID)
		p.Missed = p.Missed && x.missed
		if x.verdict.Allow && (p.Deadline.IsZero() || x.app.Until.Before(p.Deadline)) {
			p.Deadline = x.app.Until
		}
		id = append(id, x.name+":"+demandOf(x.verdict).name())
	}
	p.ID = strings.Join(id, ",")
	return p
}

// wants lists the applications that want something, in their order. While access
// is prevented only what is open still does.
func wants(f *facts, in *intent, apps []App, allowed bool, w *wake) []wanting {
	var all, soon []wanting
	var told time.Time // when the first warning was given that still stands
	for i := range apps {
		a := &apps[i]
		v, _, known := verdict(f, in, a, w)
		if !known || len(v.Interactions) == 0 || !allowed && f.plane.Apps[a.ID].Flows == 0 {
			continue
		}
		d, warned := in.due[a.Entitlement]
		asked, isAsked := in.asks[a.ID]
		used := f.plane.Apps[a.ID].used()
		lapse := func(t time.Time) string { return fmt.Sprintf("%s@%d", a.ID, t.Unix()) }
		switch {
		case !v.Allow && isAsked:
			all = append(all, wanting{app: a, order: i, verdict: v, name: fmt.Sprintf("%s#%d", a.ID, asked.n), missed: asked.over})
		case !v.Allow && warned && used:
			all = append(all, wanting{app: a, order: i, verdict: v, name: lapse(d.verdict.NotAfter), missed: true, lapsed: d.end})
		case v.Allow && v.Due && warned && used:
			all = append(all, wanting{app: a, order: i, verdict: v, name: lapse(v.NotAfter)})
			if told.IsZero() || d.since.Before(told) {
				told = d.since
			}
		case v.Allow && !v.Due && used && !v.NotAfter.IsZero():
			soon = append(soon, wanting{app: a, order: i, verdict: v, name: lapse(v.NotAfter)})
		}
	}
	// What was missed does not stand in the way of what is asked now, unless it
	// was of the same prompt.
	if slices.ContainsFunc(all, func(x wanting) bool { return !x.missed }) {
		all = slices.DeleteFunc(all, func(x wanting) bool { return x.missed && (told.IsZero() || x.lapsed.Before(told)) })
	}
	if told.IsZero() {
		return all
	}
	set := f.snapshot.Settings
	for _, x := range soon {
		warning := x.verdict.NotAfter.Add(-set.WarningLead.D())
		if !warning.After(span(told.Add(f.plane.Sites[x.app.Site].Offset), set)) {
			all = append(all, x)
		}
	}
	return all
}
