package tray

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/session"
)

func TestOnADesktop(t *testing.T) {
	bus := desktoptest.Bus(t)
	w := desktoptest.NewWatcher(t, bus)
	c := startChild(t, bus)
	c.expect("host true")
	c.send(session.State{
		Enrolment: session.Enrolment{Device: "d1"},
		ZTA:       session.ZTA{Title: "Signed out"}, Prompt: &session.Prompt{Kind: session.PromptSignIn},
	})
	eventuallyMenu(t, w, `
(Signed out)
Sign in…
---
All applications…
---
Open Tidegate
Quit
`)
	for name, want := range map[string]any{"Title": "Tidegate", "Id": "Tidegate", "Status": "Active", "Category": "ApplicationStatus", "ItemIsMenu": false} {
		if diff := cmp.Diff(want, w.Property(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := w.Tooltip(); got != "Signed out" {
		t.Errorf("tooltip %q", got)
	}
	hasColour(t, w, Inactive)
	w.Click("Sign in…")
	c.expect(`do {"do":"show-prompt","with":{}}`)
	w.Click("(Signed out)"[1:11]) // grey: nothing comes of it
	w.Activate()
	c.expect(`do {"do":"show-window","with":{}}`)

	before := w.Signals("LayoutUpdated")
	s := signedIn(web("alpha", session.AppReady), web("under_score", session.AppInUse))
	s.ZTA.InUse = true
	c.send(s)
	eventuallyMenu(t, w, `
(Protected – Your applications are reachable)
---
Alpha
Under_score – in use
All applications…
---
Open Tidegate
Sign out
Quit
`)
	desktoptest.Eventually(t, "the icon of use", func() bool { return colour(w) == InUse })
	if n := w.Signals("LayoutUpdated") - before; n > 10 {
		t.Errorf("%d LayoutUpdated signals for a sign-in", n)
	}
	w.Click("Alpha")
	c.expect(`do {"do":"open-app","with":{"app":"alpha"}}`)
	w.Click("Sign out")
	c.expect(`do {"do":"sign-out","with":{}}`)
	c.expect("failed not now")

	// What is not in the menu or the icon does not touch them.
	before = w.Signals("LayoutUpdated")
	s.Revision, s.Apps[1].Up = 7, 1<<20
	c.send(s)
	s.ZTA.InUse, s.Apps[1].State = false, session.AppBlocked
	c.send(s)
	eventuallyMenu(t, w, `
(Protected – Your applications are reachable)
---
Alpha
Under_score – blocked
All applications…
---
Open Tidegate
Sign out
Quit
`)
	desktoptest.Eventually(t, "the active icon", func() bool { return colour(w) == Active })
	// One, and the one that the library sends a while after the first look.
	if n := w.Signals("LayoutUpdated") - before; n < 1 || n > 2 {
		t.Errorf("%d LayoutUpdated signals for one changed label", n)
	}
	c.quit()
}

func TestHostComesLateAndRestarts(t *testing.T) {
	bus := desktoptest.Bus(t)
	c := startChild(t, bus)
	c.expect("host false")
	c.send(signedIn())
	c.send(signedIn(web("alpha", session.AppReady)))
	for range 3 {
		w := desktoptest.NewWatcher(t, bus)
		c.expect("host true")
		eventuallyMenu(t, w, `
(Protected – Your applications are reachable)
---
Alpha
All applications…
---
Open Tidegate
Sign out
Quit
`)
		hasColour(t, w, Active)
		w.Click("Quit")
		c.expect(`do {"do":"quit","with":{}}`)
		w.Close()
		c.expect("host false")
	}
	c.quit()
}

func TestNoSessionBus(t *testing.T) {
	for _, tt := range []struct{ name, address string }{
		{"nobody listens", "unix:path=/nonexistent/bus"},
		{"nonsense", "nonsense"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startChild(t, tt.address)
			c.expect("host false")
			c.send(signedIn())
			c.quit()
		})
	}
}

// Started before the session's bus, as a login may, the tray comes with it.
func TestBusComesLate(t *testing.T) {
	link := filepath.Join(t.TempDir(), "bus")
	c := startChild(t, "unix:path="+link)
	c.expect("host false")
	c.send(signedIn())
	bus := desktoptest.Bus(t)
	w := desktoptest.NewWatcher(t, bus)
	path, _, _ := strings.Cut(strings.TrimPrefix(bus, "unix:path="), ",")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	c.expect("host true")
	desktoptest.Eventually(t, "the icon", func() bool { return w.Registered() > 0 && colour(w) == Active })
	c.quit()
}

// The session's bus may die under the icon, for good or until the user's services
// are started anew.
func TestBusEnds(t *testing.T) {
	dir := desktoptest.Folder(t)
	bus, end := desktoptest.BusIn(t, dir)
	w := desktoptest.NewWatcher(t, bus)
	// Wherever else one may listen on this machine: the child goes by the path alone.
	path, _, _ := strings.Cut(bus, ",")
	c := startChild(t, path)
	c.expect("host true")
	c.send(signedIn())
	desktoptest.Eventually(t, "the icon", func() bool { return w.Registered() > 0 && colour(w) == Active })
	end()
	c.expect("host false")
	s := signedIn(web("alpha", session.AppInUse))
	s.ZTA.InUse = true
	c.send(s)
	c.send(signedIn())
	c.send(s)
	bus, end = desktoptest.BusIn(t, dir)
	w = desktoptest.NewWatcher(t, bus)
	c.expect("host true")
	desktoptest.Eventually(t, "the icon again", func() bool { return w.Registered() > 0 && colour(w) == InUse })
	eventuallyMenu(t, w, `
(Protected – Your applications are reachable)
---
Alpha – in use
All applications…
---
Open Tidegate
Sign out
Quit
`)
	w.Click("Alpha – in use")
	c.expect(`do {"do":"open-app","with":{"app":"alpha"}}`)
	end()
	c.expect("host false")
	c.send(signedIn())
	c.quit()
}

func hasColour(t *testing.T, w *desktoptest.Watcher, want IconState) {
	t.Helper()
	if got := colour(w); got != want {
		t.Errorf("the picture is that of %q, want %q", got, want)
	}
}

// colour says whose picture the icon shows.
func colour(w *desktoptest.Watcher) IconState {
	_, _, argb := w.Pixmap()
	for s, c := range colours {
		if len(argb) == 4*4*4 && argb[0] == c.A && argb[1] == c.R && argb[2] == c.G && argb[3] == c.B {
			return s
		}
	}
	return ""
}
