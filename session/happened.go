package session

import (
	"fmt"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// happened is what to tell of the step from one state to the next, in order.
// Pure: the activity page, the log and the command line show the same.
func happened(prev, next *State) []Event {
	if prev.Revision == 0 {
		return []Event{{Kind: "started", Text: "Tidegate started"}}
	}
	var es []Event
	add := func(kind string, app wire.AppID, format string, args ...any) {
		es = append(es, Event{Kind: kind, App: app, Text: fmt.Sprintf(format, args...)})
	}
	if prev.Enrolment.Device != next.Enrolment.Device && next.Enrolment.Enrolled() {
		add("enrolled", "", "Enrolled with %s", next.Enrolment.label())
	}
	if prev.User.Session != next.User.Session {
		if next.User.Session != "" {
			add("signed-in", "", "%s signed in", next.User.DisplayName)
		} else {
			add("signed-out", "", "Signed out")
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
	dnsHappened(prev.Local.DNS, next.Local.DNS, add)
	vpnHappened(&prev.VPN, &next.VPN, add)
	assignedHappened(prev, next, add)
	appsHappened(prev, next, add)
	if p := next.Prompt; p != nil && (prev.Prompt == nil || prev.Prompt.ID != p.ID) && p.Kind == PromptInteraction && !p.Missed {
		add("prompted", p.Apps[0], "Asked to confirm your identity")
	}
	return es
}

var transportWords = map[string]string{"h3": "QUIC", "h2": "TCP"}

func sitesHappened(prev, next *State, add func(string, wire.AppID, string, ...any)) {
	was := map[wire.SiteID]ChannelState{}
	for _, s := range prev.Sites {
		was[s.ID] = s.State
	}
	for _, s := range next.Sites {
		p := was[s.ID]
		switch {
		case p == s.State:
		case s.State == Connected && s.Cause == CauseApplication:
			add("channel-resumed", "", "The data channel to %s was resumed because the application had something to say", s.Name)
		case s.State == Connected && (p == Suspended || s.Cause == CauseUsed):
			add("channel-resumed", "", "The data channel to %s was resumed", s.Name)
		case s.State == Connected:
			add("channel-connected", "", "The data channel to %s was opened", s.Name)
		case s.State == Suspended:
			add("channel-suspended", "", suspensionWords(&s), s.Name)
		case s.State == Disconnected && p == Connected && s.Parked > 0:
			add("channel-interrupted", "", "The data channel to %s was interrupted; its open connections go on when it is back", s.Name)
		case s.State == Disconnected && p != Connecting:
			add("channel-disconnected", "", "The data channel to %s was closed", s.Name)
		}
	}
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
	tell := func(kind, did string, apps []App) {
		if n := len(apps); n > toldApart {
			add(kind, "", "%d applications were %s you by a change of policy", n, did)
			return
		}
		for _, a := range apps {
			add(kind, a.ID, "%s was %s you by a change of policy", a.Name, did)
		}
	}
	tell("app-removed", "taken from", without(prev.Apps, next.Apps))
	tell("app-added", "given to", without(next.Apps, prev.Apps))
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
		if p.State != a.State && a.Flows == 0 && p.Flows == 0 && next.ZTA.Allowed {
			switch a.State {
			case AppNeedsYou:
				add("app-needs-you", a.ID, "%s needs you: %s", a.Name, lower(a.Why.Title))
			case AppBlocked:
				add("app-blocked", a.ID, "%s is blocked: %s", a.Name, lower(a.Why.Title))
			}
		}
	}
}
