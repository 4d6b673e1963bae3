package session

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// happened is what to tell of the step from one state to the next, in order.
// Pure: the activity page, the log and the command line show the same.
func happened(prev, next *State) []Event {
	if prev.Revision == 0 {
		return []Event{{Kind: "started", Text: lang.T("Tidegate started")}}
	}
	var es []Event
	add := func(kind string, app wire.AppID, format string, args ...any) {
		es = append(es, Event{Kind: kind, App: app, Text: lang.F(format, args...)})
	}
	if prev.Enrolment.Device != next.Enrolment.Device && next.Enrolment.Enrolled() {
		if slices.ContainsFunc(prev.Enrolments, next.Enrolment.is) {
			add("switched", "", "Switched to %s", next.Enrolment.Label())
		} else {
			add("enrolled", "", "Enrolled with %s", next.Enrolment.Label())
		}
	}
	rests := prev.Enrolment.Device != next.Enrolment.Device && slices.ContainsFunc(next.Enrolments, prev.Enrolment.is)
	if prev.User.Session != next.User.Session {
		if next.User.Session != "" {
			add("signed-in", "", "%s signed in", next.User.DisplayName)
		} else if !rests {
			add("signed-out", "", "%s", signedOutWords(next))
		}
	}
	if p, n := prev.Control.Phase, next.Control.Phase; p != n {
		switch n {
		case ControlEstablished:
			add("control-established", "", "The controller is reached over %s", transportWords[next.Control.Transport])
		case ControlReconnecting:
			add("control-interrupted", "", "The controller was lost; reconnecting")
		case ControlLost:
			add("control-lost", "", "The controller is not reached; access is prevented")
		}
	}
	sitesHappened(prev, next, add)
	for _, p := range next.Problems {
		same := func(q Problem) bool { return q.Code == p.Code && q.Title == p.Title }
		if strings.HasPrefix(p.Code, codeSite) && !slices.ContainsFunc(prev.Problems, same) {
			add(kindFailed, "", "%s", p.Title)
		}
	}
	dnsHappened(prev.Local.DNS, next.Local.DNS, add)
	vpnHappened(&prev.VPN, &next.VPN, add)
	assignedHappened(prev, next, add)
	appsHappened(prev, next, add)
	promptHappened(prev, next, add)
	return es
}

// belong notes of whose controller events of the step from one state to the next are.
// In a switch they are of the one before, but for what begins the next.
func belong(es []Event, prev, next *State) {
	for i := range es {
		e, of := &es[i], next.Enrolment
		if next.Enrolment.Device != prev.Enrolment.Device && !slices.Contains(begins, e.Kind) {
			of = prev.Enrolment
		}
		switch e.Topic() {
		case TopicAccess, TopicApps, TopicChannels, TopicNames:
			if e.Of == "" {
				e.Of, e.User = of.Label(), of.User
			}
		}
	}
}

// begins are the kinds of what begins an enrolment's time.
var begins = []string{"enrolled", "switched", "signed-in"}

// kindFailed is a data channel that could not be opened.
const kindFailed = "channel-failed"

// signedOutWords say that the session is over, and why.
func signedOutWords(s *State) string {
	for _, p := range s.Problems {
		if strings.HasPrefix(p.Code, codeEnded) {
			return lang.F("Signed out: %s", lower(p.Title))
		}
	}
	return lang.T("Signed out")
}

// promptHappened tells of what was asked, and of what was not answered in time.
func promptHappened(prev, next *State, add func(string, wire.AppID, string, ...any)) {
	p, was := next.Prompt, prev.Prompt
	if p == nil || p.Kind != PromptInteraction || len(p.Apps) == 0 {
		return
	}
	names := someOf(namesOf(next, p.Apps))
	known := was != nil && was.ID == p.ID
	switch {
	case p.Missed && known && !was.Missed:
		add("missed", p.Apps[0], "Not confirmed in time: %s", names)
	case p.Missed || known:
	case p.Deadline.IsZero():
		add("prompted", p.Apps[0], "Asked to confirm your identity, to use %s", names)
	default:
		add("prompted", p.Apps[0], "Asked to confirm your identity, to keep %s", names)
	}
}

// namesOf are the names of applications.
func namesOf(s *State, ids []wire.AppID) []string {
	var names []string
	for i := range s.Apps {
		if slices.Contains(ids, s.Apps[i].ID) {
			names = append(names, s.Apps[i].Name)
		}
	}
	return names
}

var transportWords = map[string]string{"h3": "QUIC", "h2": "TCP"}

func sitesHappened(prev, next *State, add func(string, wire.AppID, string, ...any)) {
	was := map[wire.SiteID]ChannelState{}
	for _, s := range prev.Sites {
		was[s.ID] = s.State
	}
	// tell says whose use had a channel opened, where that is known.
	tell := func(kind string, s Site, format, forWhom string) {
		if names := namesOf(next, s.For); len(names) > 0 {
			add(kind, theOne(s.For), forWhom, s.Name, someOf(names))
			return
		}
		add(kind, theOne(s.For), format, s.Name)
	}
	for _, s := range next.Sites {
		p := was[s.ID]
		switch {
		case p == s.State:
		case s.State == Connected && s.Cause == CauseApplication:
			add("channel-resumed", "", "The data channel to %s was resumed because the application had something to say", s.Name)
		case s.State == Connected && (p == Suspended || s.Cause == CauseUsed):
			tell("channel-resumed", s, "The data channel to %s was resumed", "The data channel to %s was resumed for %s")
		case s.State == Connected:
			tell("channel-connected", s, "The data channel to %s was opened", "The data channel to %s was opened for %s")
		case s.State == Suspended:
			add("channel-suspended", "", suspensionWords(&s), s.Name)
		case s.State == Disconnected && p == Connected && s.Parked > 0:
			add("channel-interrupted", "", "The data channel to %s was interrupted; its open connections go on when it is back", s.Name)
		case s.State == Disconnected && p != Connecting:
			add("channel-disconnected", "", "The data channel to %s was closed", s.Name)
		}
	}
}

// theOne is the only one of ids; empty where there are others.
func theOne(ids []wire.AppID) wire.AppID {
	if len(ids) == 1 {
		return ids[0]
	}
	return ""
}

// suspensionWords say that a channel was suspended, and why; %s is its site.
func suspensionWords(s *Site) string {
	switch {
	case s.Cause == CauseAdministrator:
		return "An administrator suspended the data channel to %s; the next use resumes it"
	case s.Cause == CauseUser:
		return "The data channel to %s was suspended, as you asked; the next use resumes it"
	case s.Cause == CauseIdle && s.Parked > 0:
		return "The data channel to %s was suspended: its open connections were quiet, and rest"
	case s.Cause == CauseIdle:
		return "The data channel to %s was suspended: nothing was using it"
	}
	return "The data channel to %s was suspended"
}

// toldApart is how many applications that come or go at once are told one by
// one; more are one event.
const toldApart = 5

// assignedHappened tells of the applications that policies gave and took within
// a session; what comes with a sign-in and goes with a sign-out is that.
func assignedHappened(prev, next *State, add func(string, wire.AppID, string, ...any)) {
	if prev.User.Session == "" || prev.User.Session != next.User.Session {
		return
	}
	tell := func(kind, each, many string, apps []App) {
		if n := len(apps); n > toldApart {
			add(kind, "", many, n)
			return
		}
		for _, a := range apps {
			add(kind, a.ID, each, a.Name)
		}
	}
	tell("app-removed", "%s was taken from you by a change of policy",
		"%d applications were taken from you by a change of policy", without(prev.Apps, next.Apps))
	tell("app-added", "%s was given to you by a change of policy",
		"%d applications were given to you by a change of policy", without(next.Apps, prev.Apps))
}

// without are those of apps that are not among others.
func without(apps, others []App) []App {
	known := map[wire.AppID]bool{}
	for i := range others {
		known[others[i].ID] = true
	}
	var left []App
	for _, a := range apps {
		if !known[a.ID] {
			left = append(left, a)
		}
	}
	return left
}

// usedApart is how far apart two uses of an application are told separately: a
// web page alone makes a dozen connections.
const usedApart = time.Minute

func appsHappened(prev, next *State, add func(string, wire.AppID, string, ...any)) {
	was := map[wire.AppID]*App{}
	for i := range prev.Apps {
		was[prev.Apps[i].ID] = &prev.Apps[i]
	}
	var turns turns
	for i := range next.Apps {
		a := &next.Apps[i]
		p, ok := was[a.ID]
		if !ok {
			continue
		}
		switch {
		case a.LastUsed.Sub(p.LastUsed) > usedApart: // also where p was never used
			add("app-opened", a.ID, "%s is in use", a.Name)
		case a.Cut > p.Cut && a.Why.Title != "":
			add("app-cut", a.ID, "%s was cut off: %s", a.Name, lower(a.Why.Title))
		case a.Cut > p.Cut:
			add("app-cut", a.ID, "%s was cut off", a.Name)
		}
		if p.State == a.State || a.Flows > 0 || p.Flows > 0 || !next.ZTA.Allowed {
			continue
		}
		switch {
		case a.State == AppNeedsYou:
			turns.add("app-needs-you", lower(a.Why.Title), a)
		case a.State == AppBlocked:
			turns.add("app-blocked", lower(a.Why.Title), a)
		case prev.ZTA.Allowed && (p.State == AppNeedsYou || p.State == AppBlocked):
			turns.add("app-allowed", "", a)
		}
	}
	turns.tell(add)
}

// turns are applications of which the same has come to be true at once, such as at
// the end of the hours: many are one event.
type turns []turn

type turn struct {
	kind, why string
	apps      []*App
}

func (t *turns) add(kind, why string, a *App) {
	for i := range *t {
		if x := &(*t)[i]; x.kind == kind && x.why == why {
			x.apps = append(x.apps, a)
			return
		}
	}
	*t = append(*t, turn{kind, why, []*App{a}})
}

// turnWords say what a kind of turn is, of one application and of many.
var turnWords = map[string]struct{ each, many string }{
	"app-needs-you": {"%s needs you: %s", "%d applications need you: %s"},
	"app-blocked":   {"%s is blocked: %s", "%d applications are blocked: %s"},
	"app-allowed":   {"%s can be used again", "%d applications can be used again"},
}

func (t turns) tell(add func(string, wire.AppID, string, ...any)) {
	for _, x := range t {
		w, why := turnWords[x.kind], []any{x.why}
		if x.kind == "app-allowed" {
			why = nil
		}
		if n := len(x.apps); n > toldApart {
			add(x.kind, "", w.many, append([]any{n}, why...)...)
			continue
		}
		for _, a := range x.apps {
			add(x.kind, a.ID, w.each, append([]any{a.Name}, why...)...)
		}
	}
}
