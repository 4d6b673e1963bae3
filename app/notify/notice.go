package notify

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Notice is one notification, in plain text. It is comparable.
type Notice struct {
	// Key names what it is about: a later notice of the same key takes the
	// place of an earlier one that still shows.
	Key         string
	Title, Body string
	// Open is what clicking it does; nil: nothing.
	Open session.Command
	// Button has words and what it does; without words there is none.
	Button string
	Do     session.Command
	// Else says what to do where the desktop has no buttons.
	Else string
	// Important: it waits for the user, or something was taken from them.
	Important bool
	// Over takes the key's notice away instead: what it said is over.
	Over bool
}

// The keys.
const (
	keyPrompt  = "prompt"
	keyAccess  = "access"
	keyControl = "control"
	keySession = "session"
	keyFailed  = "failed"
)

// Diff is what to tell of the step from one state to the next, the most urgent
// first; nothing for the first state.
func Diff(prev, next session.State) []Notice {
	if prev.Revision == 0 {
		return nil
	}
	var ns []Notice
	add := func(all ...func(prev, next *session.State) (Notice, bool)) {
		for _, of := range all {
			if n, ok := of(&prev, &next); ok {
				ns = append(ns, n)
			}
		}
	}
	if prev.Enrolment.Device != next.Enrolment.Device {
		// The user has enrolled, or gone over to another enrolment: what was
		// said of the one says nothing of the other.
		for _, key := range []string{keySession, keyControl, keyPrompt, keyAccess} {
			ns = append(ns, Notice{Key: key, Over: true})
		}
	} else {
		add(ended, control, prompt, access)
	}
	add(vpnPrompt)
	ns = append(ns, vpns(&prev, &next)...)
	add(warning)
	return ns
}

// Failed is the notice of a click that led to nothing.
func Failed(err error) Notice {
	return Notice{Key: keyFailed, Important: true, Title: lang.T("That did not work"), Body: sentence(lang.Told(err.Error())), Open: session.ShowWindow{}}
}

// prompt tells of access that is about to lapse. A prompt without a deadline
// answers what the user just did, and its dialog is enough.
func prompt(prev, next *session.State) (Notice, bool) {
	was, is := due(prev.Prompt), due(next.Prompt)
	switch {
	case is == nil: // answered, put off by the user, or too late
		return Notice{Key: keyPrompt, Over: true}, was != nil
	case was != nil && was.ID == is.ID:
		return Notice{}, false
	}
	var names []string
	for _, a := range next.Apps {
		for _, id := range is.Apps {
			if a.ID == id {
				names = append(names, a.Name)
			}
		}
	}
	return Notice{
		Key: keyPrompt, Important: true, Else: lang.T("Open Tidegate to verify."), Title: lang.F("Verify to keep %s", several(names)), Open: session.ShowPrompt{},
		Body: lang.F("Access ends at %s. Connections that are open now stay open if you answer before.", clock(is.Deadline, next.At)), Button: lang.T("Verify"), Do: session.ShowPrompt{},
	}, true
}

func due(p *session.Prompt) *session.Prompt {
	if p == nil || p.Dismissed || p.Kind != session.PromptInteraction || p.Deadline.IsZero() {
		return nil
	}
	return p
}

// access tells of applications that were taken away while in use, were cut, or
// have become blocked, all in one.
func access(prev, next *session.State) (Notice, bool) {
	// What happened to all of them is told as such.
	if prev.User.Session != next.User.Session {
		return Notice{Key: keyAccess, Over: true}, prev.User.Session != ""
	}
	if !next.ZTA.Allowed {
		return Notice{}, false
	}
	was := map[string]session.App{}
	closed := false
	for _, a := range prev.Apps {
		was[string(a.ID)] = a
		closed = closed || shut(a)
	}
	var cut, lost []session.App
	over := closed
	gone := taken(prev, next)
	for _, a := range next.Apps {
		over = over && !shut(a)
		p, known := was[string(a.ID)]
		switch {
		case !known:
		case a.Cut > p.Cut:
			cut = append(cut, a)
		case a.State == session.AppBlocked && p.Decision != "" && (p.State == session.AppReady || p.State == session.AppInUse):
			// The first verdict on an application takes nothing away that was had.
			lost = append(lost, a)
		}
	}
	all := slices.Concat(gone, cut, lost)
	if len(all) == 0 {
		return Notice{Key: keyAccess, Over: true}, over
	}
	a := all[0]
	n := Notice{Key: keyAccess, Important: true, Open: session.ShowWindow{Page: session.PageApplications, App: a.ID}}
	what := wereBlocked
	switch {
	case len(gone) == len(all):
		what, n.Open = wereTaken, session.ShowWindow{Page: session.PageActivity}
	case len(cut)+len(gone) > 0:
		what = wereCut
	}
	n.Title = what.of(all)
	if len(all) > 1 {
		var names []string
		for _, a := range all {
			names = append(names, a.Name)
		}
		n.Body = sentence(listed(names)) + " "
		if len(gone) == len(all) {
			n.Body += lang.T("Ask your administrator if you need them.")
		} else {
			n.Body += lang.T("Open Tidegate to see why.")
			n.Open = session.ShowWindow{Page: session.PageApplications}
		}
		return n, true
	}
	if len(gone) > 0 {
		n.Body = lang.T("A change of policy ended its open connections. Ask your administrator if you need it.")
		return n, true
	}
	n.Body = strings.TrimSpace(sentence(a.Why.Title) + " " + sentence(a.Why.Fix))
	if a.State == session.AppNeedsYou && len(a.Cure) > 0 {
		n.Button, n.Do, n.Else = lang.T("Verify"), session.ShowPrompt{App: a.ID}, lang.T("Open Tidegate to verify.")
	}
	return n, true
}

// happening is something that came over applications, of one by its name and of many
// by their number.
type happening struct{ one, many string }

var (
	wereBlocked = happening{"%s was blocked", "%d applications were blocked"}
	wereTaken   = happening{"%s was taken from you", "%d applications were taken from you"}
	wereCut     = happening{"%s was cut off", "%d applications were cut off"}
)

func (h happening) of(all []session.App) string {
	if len(all) == 1 {
		return lang.F(h.one, all[0].Name)
	}
	return lang.F(h.many, len(all))
}

// taken are the applications that policies took away while something was open,
// or, where the gateway heard first, had been until then.
func taken(prev, next *session.State) []session.App {
	left := map[string]bool{}
	for _, a := range next.Apps {
		left[string(a.ID)] = true
	}
	var all []session.App
	for _, a := range prev.Apps {
		if !left[string(a.ID)] && (a.Flows > 0 || a.Cut > 0 && a.Why.Kind == wire.ReasonNotEntitled) {
			all = append(all, a)
		}
	}
	return all
}

func shut(a session.App) bool {
	return a.State == session.AppBlocked || a.State == session.AppNeedsYou
}

// control tells of a controller that stays away, and of its return.
func control(prev, next *session.State) (Notice, bool) {
	p, n := prev.Control.Phase, next.Control.Phase
	switch {
	case n == session.ControlLost && (p == session.ControlEstablished || p == session.ControlReconnecting):
		return Notice{Key: keyControl, Important: true, Title: lang.T("The controller is not reached"), Open: session.ShowWindow{},
			Body: lang.T("Access to your applications is prevented until it answers again. Check your network.")}, true
	case p == session.ControlLost && n == session.ControlEstablished && !next.Control.Asked:
		return Notice{Key: keyControl, Title: lang.T("The controller is reached again"), Open: session.ShowWindow{},
			Body: lang.T("Your applications are reachable.")}, true
	case p == session.ControlLost && n != session.ControlLost && n != session.ControlConnecting:
		return Notice{Key: keyControl, Over: true}, true
	}
	return Notice{}, false
}

// endedPrefix begins the code of the problem that tells why a session has
// ended otherwise than by its user.
const endedPrefix = "ended-"

// ended tells of a session that its user did not end.
func ended(prev, next *session.State) (Notice, bool) {
	switch was, is := prev.User.Session, next.User.Session; {
	case was == "" && is != "":
		return Notice{Key: keySession, Over: true}, true
	case was == "" || is != "":
		return Notice{}, false
	}
	for _, p := range next.Problems {
		if strings.HasPrefix(p.Code, endedPrefix) {
			return Notice{Key: keySession, Important: true, Title: p.Title, Body: strings.TrimSpace(sentence(p.Detail) + " " + sentence(p.Fix)),
				Open: session.ShowPrompt{}, Button: lang.T("Sign in"), Do: session.ShowPrompt{}}, true
		}
	}
	return Notice{}, false
}

// maxListed is how many names are told.
const maxListed = 5

func listed(names []string) string {
	if more := len(names) - maxListed; more > 0 {
		return lang.N("%s and %d more", "%s and %d more", more, strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}

func several(names []string) string {
	switch len(names) {
	case 0:
		return lang.T("your access")
	case 1:
		return names[0]
	case 2:
		return lang.F("%s and %s", names[0], names[1])
	}
	return lang.N("%s and %d other", "%s and %d others", len(names)-1, names[0], len(names)-1)
}

// sentence ends s with a full stop, where there is something to end.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// clock writes t for someone who reads it at now: 15:45, or with its date on
// another day.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	y, m, d := t.Date()
	if ny, nm, nd := now.Date(); y == ny && m == nm && d == nd {
		return lang.Time(t, "15:04")
	}
	return lang.Time(t, "2 Jan 15:04")
}
