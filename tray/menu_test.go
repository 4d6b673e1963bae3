package tray

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func web(id string, st session.AppState) session.App {
	return session.App{ID: wire.AppID(id), Name: strings.ToUpper(id[:1]) + id[1:], State: st,
		Open: session.OpenBrowser, Listen: netip.MustParseAddrPort("127.1.2.3:80")}
}

func signedIn(apps ...session.App) session.State {
	return session.State{
		At:        noon,
		Enrolment: session.Enrolment{Controller: "zta.example.com:8443", User: "ada", Device: "d1"},
		User:      session.User{Name: "ada"},
		Control:   session.ControlChannel{Phase: session.ControlEstablished},
		ZTA:       session.ZTA{Active: true, Allowed: true, Title: "Protected", Detail: "Your applications are reachable"},
		Apps:      apps,
	}
}

func TestMenuFor(t *testing.T) {
	needsYou := web("vault", session.AppNeedsYou)
	needsYou.Cure = []wire.InteractionKind{wire.InteractionMFA}
	ssh := web("build", session.AppReady)
	ssh.Open = session.OpenTerminal

	var many []session.App
	for i := range 12 {
		a := web(fmt.Sprintf("app%02d", i), session.AppReady)
		a.LastUsed = noon.Add(time.Duration(i) * time.Minute)
		many = append(many, a)
	}
	many[0].LastUsed = noon.Add(time.Hour)

	for _, tt := range []struct {
		name  string
		state session.State
		want  string
	}{
		{"nothing known yet", session.State{}, `
(Tidegate)
---
All applications…
---
Open Tidegate
Quit
`},
		{"not enrolled", session.State{
			ZTA:    session.ZTA{Attention: true, Title: "Not set up", Detail: "Paste your enrolment link"},
			Prompt: &session.Prompt{ID: "e", Kind: session.PromptEnrol},
		}, `
(Not set up – Paste your enrolment link)
Enrol this device…
---
All applications…
---
Open Tidegate
Quit
`},
		{"signed out, asked to sign in", session.State{
			Enrolment: session.Enrolment{Device: "d1"},
			ZTA:       session.ZTA{Title: "Signed out"},
			Prompt:    &session.Prompt{ID: "s", Kind: session.PromptSignIn, Dismissed: true},
		}, `
(Signed out)
Sign in…
---
All applications…
---
Open Tidegate
Quit
`},
		{"keychain locked: nothing asked, sign-in at hand", session.State{
			Enrolment: session.Enrolment{Device: "d1"},
			ZTA:       session.ZTA{Title: "Keychain locked"},
		}, `
(Keychain locked)
---
All applications…
---
Open Tidegate
Sign in…
Quit
`},
		{"applications in every state", signedIn(
			web("alpha", session.AppReady), web("beta", session.AppInUse), ssh, needsYou, web("wiki", session.AppBlocked), web("zero", ""),
		), `
(Protected – Your applications are reachable)
---
Alpha
Beta – in use
Build
Vault – needs you
Wiki – blocked
Zero – blocked
All applications…
---
Open Tidegate
Sign out
Quit
`},
		{"what was foreseen of those that nobody has judged", func() session.State {
			s := signedIn(web("alpha", session.AppReady), web("beta", session.AppReady), web("gamma", session.AppReady), web("delta", session.AppInUse))
			s.Apps[0].Foreseen, s.Apps[1].Foreseen, s.Apps[2].Foreseen = session.OutlookOpen, session.OutlookAsks, session.OutlookClosed
			return s
		}(), `
(Protected – Your applications are reachable)
---
Alpha
Beta – asks first
Gamma – closed
Delta – in use
All applications…
---
Open Tidegate
Sign out
Quit
`},
		{"something is due", func() session.State {
			s := signedIn(needsYou)
			s.Prompt = &session.Prompt{ID: "i", Kind: session.PromptInteraction, Deadline: noon.Add(time.Minute)}
			return s
		}(), `
(Protected – Your applications are reachable)
Verify…
---
Vault – needs you
All applications…
---
Open Tidegate
Sign out
Quit
`},
		{"until when", func() session.State {
			s := signedIn(web("alpha", session.AppReady), web("beta", session.AppInUse), web("gamma", session.AppReady), web("delta", session.AppReady))
			for i := range s.Apps {
				s.Apps[i].Until, s.Apps[i].Allowed = noon.Add(time.Hour), i < 3
			}
			s.Apps[2].Until = noon.AddDate(0, 0, 1)
			return s
		}(), `
(Protected – Your applications are reachable)
---
Alpha – until 13:00
Beta – in use until 13:00
Gamma – until 3 Mar 12:00
Delta
All applications…
---
Open Tidegate
Sign out
Quit
`},
		{"ten of twelve, the ones used last, in their order", signedIn(many...), `
(Protected – Your applications are reachable)
---
App00
App03
App04
App05
App06
App07
App08
App09
App10
App11
All applications…
---
Open Tidegate
Sign out
Quit
`},
		{"a pinned one is always there", func() session.State {
			s := signedIn(many...)
			s.Choices.Pinned = []wire.AppID{"app01", "gone"}
			return s
		}(), `
(Protected – Your applications are reachable)
---
App00
App01
App04
App05
App06
App07
App08
App09
App10
App11
All applications…
---
Open Tidegate
Sign out
Quit
`},
		{"hostile names", signedIn(
			session.App{ID: "a", Name: "\x1b[31mred\nQuit", State: session.AppReady},
			session.App{ID: "b", Name: "\u202e", State: session.AppReady},
			session.App{ID: "c", Name: strings.Repeat("x", 1000), State: session.AppReady},
		), `
(Protected – Your applications are reachable)
---
[31mred Quit
b
` + strings.Repeat("x", 47) + `…
All applications…
---
Open Tidegate
Sign out
Quit
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), MenuFor(tt.state).String()); diff != "" {
				t.Errorf("menu (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMenuCommands(t *testing.T) {
	cure := web("vault", session.AppNeedsYou)
	cure.Cure = []wire.InteractionKind{wire.InteractionMFA}
	unlistened := web("late", session.AppReady)
	unlistened.Listen = netip.AddrPort{}
	ssh := web("ssh", session.AppInUse)
	ssh.Open = session.OpenTerminal
	s := signedIn(web("alpha", session.AppReady), web("beta", session.AppInUse), cure, web("none", session.AppNeedsYou), web("wiki", session.AppBlocked), unlistened, ssh)
	s.Prompt = &session.Prompt{Kind: session.PromptInteraction}
	m := MenuFor(s)
	page := func(id string) session.Command {
		return session.ShowWindow{Page: session.PageApplications, App: wire.AppID(id)}
	}
	want := []session.Command{
		nil, session.ShowPrompt{},
		session.OpenApp{App: "alpha"}, session.OpenApp{App: "beta"}, session.ShowPrompt{App: "vault"},
		page("none"), page("wiki"), page("late"), page("ssh"), nil, nil, nil,
		page(""), nil, nil, nil, nil, session.ShowWindow{}, nil, nil, nil, session.SignOut{}, session.Quit{},
	}
	var got []session.Command
	for _, it := range m.items() {
		got = append(got, it.Do)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if m.chosen(opened) != m.Open.Do {
		t.Error("a click on the icon does not open the window")
	}
}

// The menu and the icon are comparable, and neither changes with the clock or
// with what only the window shows.
func TestMenuStandsStill(t *testing.T) {
	a := signedIn(web("alpha", session.AppInUse))
	a.Apps[0].Until = noon.Add(time.Hour)
	b := signedIn(web("alpha", session.AppInUse))
	b.Apps[0].Until = noon.Add(time.Hour)
	b.At, b.Revision = noon.Add(17*time.Minute), 99
	b.Apps[0].Up, b.Apps[0].Down, b.Apps[0].LastUsed, b.Apps[0].Flows = 1, 2, noon, 3
	b.Events = []session.Event{{Seq: 1}}
	if MenuFor(a) != MenuFor(b) {
		t.Error("the menu has changed")
	}
	if IconFor(a) != IconFor(b) {
		t.Error("the icon has changed")
	}
}

func TestIconFor(t *testing.T) {
	until := func(a session.App, d time.Duration) session.App { a.Until = noon.Add(d); return a }
	used := func(a session.App) session.App { a.LastUsed = noon.Add(-time.Hour); return a }
	with := func(f func(*session.State), apps ...session.App) session.State {
		s := signedIn(apps...)
		f(&s)
		return s
	}
	for _, tt := range []struct {
		name  string
		state session.State
		want  Icon
	}{
		{"unknown", session.State{}, Icon{Inactive, "Tidegate"}},
		{"active", signedIn(), Icon{Active, "Protected – Your applications are reachable"}},
		{"in use", with(func(s *session.State) { s.ZTA.InUse = true }), Icon{InUse, "Protected – Your applications are reachable"}},
		{"attention comes first", with(func(s *session.State) { s.ZTA.InUse, s.ZTA.Attention = true, true }), Icon{Attention, "Protected – Your applications are reachable"}},
		{"a VPN's server asks", with(func(s *session.State) { s.VPN.Prompt = &session.VPNPrompt{ID: "1"} }), Icon{Attention, "Protected – Your applications are reachable"}},
		{"and is answered", with(func(s *session.State) { s.VPN.Prompt = &session.VPNPrompt{ID: "1", Busy: true} }), Icon{Active, "Protected – Your applications are reachable"}},
		{"reconnecting is inactive", with(func(s *session.State) { s.ZTA.Active, s.ZTA.Title, s.ZTA.Detail = false, "Reconnecting", "" }), Icon{Inactive, "Reconnecting"}},
		{"earliest end, in the reader's time", signedIn(
			until(used(web("late", session.AppReady)), 9*time.Hour),
			until(web("unused", session.AppReady), time.Hour),
			until(web("first", session.AppInUse), 4*time.Hour+40*time.Minute),
			until(used(web("blocked", session.AppBlocked)), time.Hour),
			until(used(web("denied", session.AppNeedsYou)), time.Hour),
			web("endless", session.AppReady),
		), Icon{Active, "Protected – Your applications are reachable\nFirst until 16:40"}},
		{"tomorrow", signedIn(until(used(web("late", session.AppReady)), 20*time.Hour)), Icon{Active, "Protected – Your applications are reachable\nLate until 3 Mar 08:00"}},
		{"about to end", signedIn(func() session.App {
			a := until(used(web("payroll", session.AppNeedsYou)), 5*time.Minute)
			a.Allowed = true
			return a
		}()), Icon{Active, "Protected – Your applications are reachable\nPayroll until 12:05"}},
		{"missed", with(func(s *session.State) {
			s.ZTA.Attention, s.ZTA.Title, s.ZTA.Detail = true, "Action needed", "Confirm your identity to continue"
			s.Prompt = &session.Prompt{Kind: session.PromptInteraction, Missed: true}
		}), Icon{Attention, "Action needed – Confirm your identity to continue\nVerify to continue"}},
		{"an end in another zone", signedIn(func() session.App {
			a := used(web("utc", session.AppReady))
			a.Until = noon.Add(time.Hour).UTC()
			return a
		}()), Icon{Active, "Protected – Your applications are reachable\nUtc until 13:00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, IconFor(tt.state)); diff != "" {
				t.Errorf("icon (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	all := []session.App{web("alpha", ""), web("beta", ""), web("gamma", "")}
	for _, tt := range []struct {
		apps int
		by   time.Time
		want string
	}{
		{0, noon, "Verify…"},
		{1, time.Time{}, "Verify to use Alpha…"},
		{1, noon.Add(5 * time.Minute), "Verify by 12:05 to keep Alpha…"},
		{2, time.Time{}, "Verify to use Alpha and Beta…"},
		{2, noon.Add(5 * time.Minute), "Verify by 12:05 to keep Alpha and Beta…"},
		{3, time.Time{}, "Verify to use Alpha and 2 others…"},
		{3, noon.Add(5 * time.Minute), "Verify by 12:05 to keep Alpha and 2 others…"},
	} {
		s := signedIn(all...)
		s.Prompt = &session.Prompt{Kind: session.PromptInteraction, Deadline: tt.by}
		for _, a := range all[:tt.apps] {
			s.Prompt.Apps = append(s.Prompt.Apps, a.ID)
		}
		if got := MenuFor(s).Needs.Label; got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
