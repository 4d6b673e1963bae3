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
	add := func(id, title string, o diag.Outcome, text, fix string) {
		f.checks = append(f.checks, diag.Check{ID: id, Title: title, Outcome: o, Text: text, Fix: fix})
	}
	switch {
	case r.unread != nil:
		add("enrolment", "Enrolment", diag.Bad, "The enrolment cannot be read: "+r.unread.Error()+".", "Enrol this device anew, with a new link from your administrator.")
	case r.enrolled.Enrolled():
		e := r.enrolled
		add("enrolment", "Enrolment", diag.Good, fmt.Sprintf("This device is enrolled with %s (%s) for %s.", e.Name, e.Controller, e.User), "")
		f.checks = append(f.checks, certificate(e, r.Now()))
	default:
		add("enrolment", "Enrolment", diag.Warning, "This device is not enrolled.", "Open the enrolment link that your administrator sent you.")
	}
	if !r.running {
		add("running", "Tidegate", diag.Bad, "Tidegate is not running.", "Start it: tidegate")
		return f
	}
	s := &r.state
	f.checks = append(f.checks, signIn(s), channel(s))
	for _, site := range s.Sites {
		text := fmt.Sprintf("%s, %d open flows", siteWord(site.State), site.Flows)
		if site.Gateway != "" {
			text += ", by " + site.Gateway
		}
		if site.Lane != "" {
			text += " over " + laneWords[site.Lane]
		}
		add("site-"+string(site.ID), "Data channel to "+site.Name, diag.Good, text+".", "")
	}
	for _, p := range s.Problems {
		add("problem-"+p.Code, "What stands in the window", diag.Warning, p.Title+". "+p.Detail, orElse(p.Fix, "See the window."))
	}
	for _, w := range s.VPN.Warnings {
		o := diag.Warning
		if w.Served {
			o = diag.Good
		}
		add("vpn-"+string(w.Feature), "Classic VPNs", o, w.Title+". "+w.Detail+" "+w.Evidence, orElse(w.Fix, "See the page Connections."))
	}
	for _, c := range s.VPN.Connections {
		if p := c.Problem; p != nil {
			add("vpn-"+c.ID, "VPN "+c.Label(), diag.Warning, p.Title+". "+p.Detail, orElse(p.Fix, "See the page Connections."))
		}
	}
	switch s.Keychain {
	case session.KeychainReady:
		add("keychain", "Keychain", diag.Good, "It keeps your sign-in across restarts.", "")
	case session.KeychainLocked:
		add("keychain", "Keychain", diag.Warning, "It is locked, so your sign-in lasts for this run only.", "Unlock the keychain of your desktop, and start Tidegate again.")
	case session.KeychainAbsent:
		add("keychain", "Keychain", diag.Warning, "There is none, so your sign-in lasts for this run only.", "Install a keychain service, such as gnome-keyring.")
	}
	switch s.Tray {
	case session.TrayPresent:
		add("tray", "Tray", diag.Good, "The desktop shows the icon.", "")
	case session.TrayAbsent:
		add("tray", "Tray", diag.Warning, "The desktop shows no tray icons.", "Use the window, or switch tray icons on (GNOME: the extension AppIndicator).")
	}
	return f
}

func signIn(s *session.State) diag.Check {
	c := diag.Check{ID: "sign-in", Title: "Sign-in", Outcome: diag.Good}
	if s.User.Name == "" {
		c.Outcome, c.Text, c.Fix = diag.Warning, "Nobody is signed in.", "Sign in, in the window or by: tidegate sign-in"
		return c
	}
	c.Text = fmt.Sprintf("%s is signed in.", s.User.Name)
	if !s.User.Expires.IsZero() {
		c.Text = fmt.Sprintf("%s is signed in until %s.", s.User.Name, s.User.Expires.Local().Format("2 Jan 15:04"))
	}
	return c
}

var laneWords = map[string]string{"h3": "QUIC (UDP)", "h2": "TLS (TCP)"}

func channel(s *session.State) diag.Check {
	c := diag.Check{ID: "control-channel", Title: "Control channel"}
	const look = "See the lines about the controller below."
	switch s.Control.Phase {
	case session.ControlEstablished:
		c.Outcome, c.Text = diag.Good, "It stands, over "+laneWords[s.Control.Transport]+"."
	case session.ControlConnecting:
		c.Outcome, c.Text, c.Fix = diag.Warning, "It is being connected.", look
	case session.ControlReconnecting:
		c.Outcome, c.Text, c.Fix = diag.Warning, "It was interrupted and is being connected again.", look
	case session.ControlLost:
		c.Outcome, c.Text, c.Fix = diag.Bad, "The controller is not reached, and access is prevented.", look
	case session.ControlSignedOut:
		c.Text = "It waits for somebody to sign in."
	default:
		c.Text = "It is off."
	}
	if at := s.Control.Since; !at.IsZero() {
		c.Text = strings.TrimSuffix(c.Text, ".") + ", since " + at.Local().Format("2 Jan 15:04:05") + "."
	}
	return c
}

func siteWord(s session.ChannelState) string {
	switch s {
	case session.Connected:
		return "Connected"
	case session.Connecting:
		return "Connecting"
	case session.Suspended:
		return "Suspended, as nothing is using it"
	}
	return "Not connected, as nothing is using it"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func eventsText(events []session.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s  %-22s %s\n", e.At.Format(time.RFC3339), e.Kind, e.Text)
	}
	return b.String()
}
