package gather

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/session"
)

// session checks what the session says of itself.
func (r *run) session(context.Context) (f found) {
	add := func(id string, title said, o diag.Outcome, text, fix said) {
		f.checks = append(f.checks, check{id: id, title: title, outcome: o, text: text, fix: fix})
	}
	switch {
	case r.unread != nil:
		add("enrolment", say("Enrolment"), diag.Bad, say("The enrolment cannot be read: %s.", plain(r.unread)), say("Enrol this device anew, with a new link from your administrator."))
	case r.enrolled.Enrolled():
		e := r.enrolled
		add("enrolment", say("Enrolment"), diag.Good, say("This device is enrolled with %s (%s) for %s.", e.Name, e.Controller, e.User), said{})
		f.checks = append(f.checks, certificate(e, r.Now()))
	default:
		add("enrolment", say("Enrolment"), diag.Warning, say("This device is not enrolled."), say("Open the enrolment link that your administrator sent you."))
	}
	if !r.running {
		add("running", as("Tidegate"), diag.Bad, say("Tidegate is not running."), say("Start it: tidegate"))
		return f
	}
	s := &r.state
	f.checks = append(f.checks, signIn(s), channel(s))
	for _, site := range s.Sites {
		text := count("%s, %d open connection", "%s, %d open connections", site.Flows, siteWord(site.State), site.Flows)
		if site.Gateway != "" {
			text = say("%s, by %s", text, site.Gateway)
		}
		if site.Lane != "" {
			text = say("%s over %s", text, laneWords[site.Lane])
		}
		add("site-"+string(site.ID), say("Data channel to %s", site.Name), diag.Good, text.end(), said{})
	}
	for _, p := range s.Problems {
		add("problem-"+p.Code, say("What stands in the window"), diag.Warning, as(p.Title+". "+p.Detail), as(p.Fix).or(say("See the window.")))
	}
	for _, w := range s.VPN.Warnings {
		o := diag.Warning
		if w.Served {
			o = diag.Good
		}
		add("vpn-"+string(w.Feature), say("Classic VPNs"), o, as(w.Title+". "+w.Detail+" "+w.Evidence), as(w.Fix).or(say("See the page Connections.")))
	}
	for _, c := range s.VPN.Connections {
		if p := c.Problem; p != nil {
			add("vpn-"+c.ID, as("VPN "+c.Label()), diag.Warning, as(p.Title+". "+p.Detail), as(p.Fix).or(say("See the page Connections.")))
		}
	}
	switch s.Keychain {
	case session.KeychainReady:
		add("keychain", say("Keychain"), diag.Good, say("It keeps your sign-in across restarts."), said{})
	case session.KeychainLocked:
		add("keychain", say("Keychain"), diag.Warning, say("It is locked, so your sign-in lasts for this run only."), say("Unlock the keychain of your desktop, and start Tidegate again."))
	case session.KeychainAbsent:
		add("keychain", say("Keychain"), diag.Warning, say("There is none, so your sign-in lasts for this run only."), say("Install a keychain service, such as gnome-keyring."))
	}
	switch s.Tray {
	case session.TrayPresent:
		add("tray", say("Tray"), diag.Good, say("The desktop shows the icon."), said{})
	case session.TrayAbsent:
		add("tray", say("Tray"), diag.Warning, say("The desktop shows no tray icons."), say("Use the window, or switch tray icons on (GNOME: the extension AppIndicator)."))
	}
	return f
}

func signIn(s *session.State) check {
	c := check{id: "sign-in", title: say("Sign-in"), outcome: diag.Good}
	if s.User.Name == "" {
		c.is(diag.Warning, say("Nobody is signed in."), say("Sign in, in the window or by: tidegate sign-in"))
		return c
	}
	c.text = say("%s is signed in.", s.User.Name)
	if !s.User.Expires.IsZero() {
		c.text = say("%s is signed in until %s.", s.User.Name, minute(s.User.Expires))
	}
	return c
}

var laneWords = map[string]string{"h3": "QUIC (UDP)", "h2": "TLS (TCP)"}

func channel(s *session.State) check {
	c := check{id: "control-channel", title: say("Control channel")}
	look := say("See the lines about the controller.")
	switch s.Control.Phase {
	case session.ControlEstablished:
		c.outcome, c.text = diag.Good, say("It stands, over %s", laneWords[s.Control.Transport])
	case session.ControlConnecting:
		c.is(diag.Warning, say("It is being connected"), look)
	case session.ControlReconnecting:
		c.is(diag.Warning, say("It was interrupted and is being connected again"), look)
	case session.ControlLost:
		c.is(diag.Bad, say("The controller is not reached, and access is prevented"), look)
	case session.ControlSignedOut:
		c.text = say("It waits for somebody to sign in")
	default:
		c.text = say("It is off")
	}
	if at := s.Control.Since; !at.IsZero() {
		c.text = say("%s, since %s", c.text, second(at))
	}
	c.text = c.text.end()
	return c
}

func siteWord(s session.ChannelState) said {
	switch s {
	case session.Connected:
		return say("Connected")
	case session.Connecting:
		return say("Connecting")
	case session.Suspended:
		return say("Suspended, as nothing is using it")
	}
	return say("Not connected, as nothing is using it")
}

func eventsText(events []session.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s  %-22s %s\n", e.At.Format(time.RFC3339), e.Kind, e.Text)
	}
	return b.String()
}
