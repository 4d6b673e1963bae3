package session

import (
	"time"

	"github.com/tidegate/tidegate/internal/lang"
)

// connectGrace is how long a first connection may be under way before the
// user is told that the controller is not reached.
const connectGrace = 2 * time.Second

// derive turns facts and intent into the state at w's now. It is pure, but for
// w, in which stands at which instant the clock alone changes the result.
func derive(f *facts, in *intent, w *wake) State {
	s := State{Enrolment: f.enrolled.Enrolment, Keychain: f.keychain, Tray: f.tray, Locked: f.locked, Window: in.window}
	s.Enrolments = f.enrolments()
	s.Choices = f.choices.of(f.enrolled.Device)
	s.Login, s.Helper = f.host.login, f.host.helper
	s.Helper.Working = f.host.setting
	if p := s.Helper.Problem; p != nil {
		said := p.said()
		s.Helper.Problem = &said
	}
	s.Control = deriveControl(f, w)
	if f.snapshot != nil {
		s.User = User{Name: f.snapshot.User, DisplayName: f.snapshot.DisplayName,
			Session: f.snapshot.Session, Expires: f.expires}
	}
	allowed := f.snapshot != nil && (f.expires.IsZero() || w.before(f.expires)) &&
		(s.Control.Phase == ControlEstablished || s.Control.Phase == ControlReconnecting)
	s.Apps = deriveApps(f, in, allowed, w)
	s.Sites = deriveSites(f)
	s.Local = deriveLocal(f)
	s.VPN = deriveVPN(f, in, w)
	s.Ahead = f.foreseen
	if f.foreseen != nil && f.unseen != nil {
		a := *f.foreseen
		a.Problem = f.unseen.problem()
		s.Ahead = &a
	}
	s.Prompt = derivePrompt(f, in, s.Apps, s.Control.Phase, allowed, w)
	s.Problems = deriveProblems(f, in, s.Control, w)
	if f.snapshot != nil {
		fixed := f.snapshot.Settings
		s.Fixed = &fixed
	}
	s.ZTA = deriveZTA(f, in, &s, allowed)
	return s
}

// wake gathers the earliest instant at which the clock matters.
type wake struct{ now, at time.Time }

// before says whether now is before t, and asks to be woken at t if so.
func (w *wake) before(t time.Time) bool {
	if !w.now.Before(t) {
		return false
	}
	if w.at.IsZero() || t.Before(w.at) {
		w.at = t
	}
	return true
}

// within says whether less than d has passed since since, and asks to be woken
// when it will have.
func (w *wake) within(since time.Time, d time.Duration) bool {
	left := d - passed(since, w.now)
	return left > 0 && w.before(w.now.Add(left))
}

func deriveControl(f *facts, w *wake) ControlChannel {
	c := ControlChannel{Since: f.control.since, Retry: f.control.retry, Transport: f.control.transport, Asked: f.control.asked}
	switch {
	case !f.enrolled.Enrolled() || f.identity.Key == nil:
		return ControlChannel{}
	case f.cookie == "":
		c.Phase = ControlSignedOut
		if f.hello == nil && !f.control.lost.IsZero() && !w.within(f.control.lost, connectGrace) {
			c.Phase = ControlLost
		}
	case f.control.established:
		c.Phase = ControlEstablished
	case f.control.lost.IsZero():
		c.Phase = ControlConnecting
	case f.control.ever && f.snapshot != nil && w.within(f.control.lost, f.snapshot.Settings.RideThrough.D()):
		c.Phase = ControlReconnecting
	case !f.control.ever && w.within(f.control.lost, connectGrace):
		c.Phase = ControlConnecting
	default:
		c.Phase = ControlLost
	}
	return c
}

func deriveSites(f *facts) []Site {
	sites := []Site{}
	for _, ws := range f.sites {
		p := f.plane.Sites[ws.ID]
		s := Site{ID: ws.ID, Name: f.names[ws.ID], Gateway: p.Gateway, State: p.State, Since: p.Since, Flows: p.Flows,
			Parked: p.Parked, Lane: p.Lane}
		if s.Gateway == "" && len(ws.Gateways) > 0 {
			s.Gateway = ws.Gateways[0].Name
		}
		sites = append(sites, s)
	}
	return sites
}

func deriveZTA(f *facts, in *intent, s *State, allowed bool) ZTA {
	z := ZTA{Allowed: allowed}
	for _, a := range s.Apps {
		z.InUse = z.InUse || a.Flows > 0
	}
	z.Attention = s.Prompt != nil && s.Prompt.Kind != PromptEnrol || s.Control.Phase == ControlLost && f.enrolled.Enrolled()
	switch s.Control.Phase {
	case ControlEstablished:
		z.Active = true
		z.Title, z.Detail = lang.T("Protected"), lang.T("Your applications are reachable")
		switch {
		case s.Prompt != nil && s.Prompt.Kind != PromptEnrol:
			z.Title, z.Detail = lang.T("Action needed"), lang.T("Confirm your identity to continue")
		case z.InUse:
			z.Detail = countInUse(s.Apps)
		case f.snapshot == nil:
			z.Detail = lang.T("Asking for your applications")
		case len(s.Apps) == 0:
			z.Detail = lang.T("No applications are assigned to you")
		}
	case ControlReconnecting:
		z.Working = true
		z.Title, z.Detail = lang.T("Reconnecting"), lang.T("Open connections go on")
	case ControlConnecting:
		z.Working = true
		z.Title, z.Detail = lang.T("Connecting"), lang.F("Reaching %s", s.Enrolment.Label())
	case ControlLost:
		z.Working = true
		z.Title, z.Detail = lang.T("Controller not reached"), lang.T("Access is prevented until it is")
	case ControlSignedOut:
		z.Working = in.busy == PromptSignIn || f.hello == nil
		z.Title, z.Detail = lang.T("Signed out"), lang.T("Sign in to reach your applications")
	default:
		z.Title, z.Detail = lang.T("Not enrolled"), lang.T("Paste your enrolment link to begin")
		if f.enrolled.Enrolled() {
			z.Title, z.Detail, z.Attention = lang.T("Keychain"), lang.T("The device key is not at hand"), true
			if f.keychain == KeychainUnknown || f.opening {
				z.Title, z.Detail, z.Attention, z.Working = lang.T("Starting"), lang.T("Opening the keychain"), false, true
			}
		}
		z.Working = z.Working || in.busy == PromptEnrol
	}
	return z
}

// Label is how people know the controller: by its organisation, or its address.
func (e Enrolment) Label() string {
	if e.Name != "" {
		return e.Name
	}
	return e.Controller
}

func deriveProblems(f *facts, in *intent, c ControlChannel, w *wake) []Problem {
	var ps []Problem
	add := func(p *Problem) {
		if p != nil && (p.Action != "acknowledge" || !in.acknowledged[p.Code]) {
			ps = append(ps, *p)
		}
	}
	if f.ended != nil {
		add(explainEnded(f.ended))
	}
	add(f.keychainProblem())
	if c.Phase == ControlLost {
		add(explainLost(f.enrolled.Controller, f.control.why))
	}
	for _, ws := range f.sites {
		if p := f.plane.Sites[ws.ID].Problem; p != nil && c.Phase == ControlEstablished {
			add(explainSite(f.names[ws.ID], p))
		}
	}
	if p := deriveLocal(f).Problem; p != nil {
		add(p)
	}
	add(in.launch.problem())
	add(in.choicesLost.problem())
	for _, p := range dnsProblems(f, in, w) {
		add(p)
	}
	if f.tray == TrayAbsent {
		add(&Problem{Code: "tray-absent", Title: lang.T("This desktop shows no tray icons"), Action: "acknowledge",
			Detail: lang.T("Tidegate runs all the same, and this window does all that the icon would."),
			Fix:    lang.T("On GNOME, switch on the AppIndicator extension to see the icon.")})
	}
	return ps
}

// closed is why an application cannot be opened while access is prevented.
var closed = Why{Title: "The controller is not reached", Brief: "Controller not reached", Fix: "Check your network. Tidegate keeps trying."}

func closedReason(f *facts) Why {
	y := closed.said()
	y.Detail = lang.F("Access is prevented until %s answers again.", f.enrolled.Enrolment.Label())
	return y
}
