package tray

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// A choice is of the item that was shown, wherever that is now, and of no other.
func TestChosen(t *testing.T) {
	vault := web("vault", session.AppNeedsYou)
	vault.Cure = []wire.InteractionKind{wire.InteractionMFA}
	office := func(p session.VPNPhase) session.State { return beside(nil, classic("a", "Office", p)) }
	elsewhere := signedIn(web("vault", session.AppReady))
	elsewhere.Enrolment.Device = "d2"
	asked := signedIn()
	asked.Prompt = &session.Prompt{Kind: session.PromptInteraction}
	out := session.State{Enrolment: signedIn().Enrolment}
	for _, tt := range []struct {
		name       string
		shown, now session.State
		label      string
		want       session.Command
	}{
		{"the same", signedIn(web("vault", session.AppReady)), signedIn(web("vault", session.AppReady)), "Vault", session.OpenApp{App: "vault"}},
		{"moved", signedIn(web("vault", session.AppReady)), signedIn(web("alpha", session.AppReady), web("vault", session.AppInUse)), "Vault", session.OpenApp{App: "vault"}},
		{"another in its place", signedIn(web("vault", session.AppReady)), signedIn(web("wiki", session.AppReady)), "Vault", nil},
		{"needs the user now", signedIn(web("vault", session.AppReady)), signedIn(vault), "Vault", session.ShowPrompt{App: "vault"}},
		{"ready now", signedIn(vault), signedIn(web("vault", session.AppReady)), "Vault – needs you", session.OpenApp{App: "vault"}},
		{"another enrolment's", signedIn(web("vault", session.AppReady)), elsewhere, "Vault", nil},
		{"a prompt and not an application's", asked, signedIn(vault), "Verify…", nil},
		{"to connect what is connected", office(session.VPNDisconnected), office(session.VPNConnected), "Connect Office", nil},
		{"to disconnect what is reconnecting", office(session.VPNConnected), office(session.VPNReconnecting), "Disconnect Office", session.DisconnectVPN{Connection: "a"}},
		{"to disconnect what is disconnected", office(session.VPNConnected), office(session.VPNDisconnected), "Disconnect Office", nil},
		{"signed out", signedIn(), out, "Sign out", nil},
		{"signed in", out, signedIn(), "Sign in…", nil},
		{"another's session", signedIn(), elsewhere, "Sign out", nil},
		{"always there", out, signedIn(), "Quit", session.Quit{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shown, now := MenuFor(tt.shown), MenuFor(tt.now)
			all := shown.items()
			i := slices.IndexFunc(all, func(it Item) bool { return it.Label == tt.label })
			if i < 0 {
				t.Fatalf("no %q in\n%s", tt.label, shown)
			}
			if diff := cmp.Diff(tt.want, now.chosen(shown.choice(all[i]))); diff != "" {
				t.Errorf("does (-want +got):\n%s", diff)
			}
		})
	}
}

// Where the choice may change there are lines to change to.
func TestFixedPlaces(t *testing.T) {
	a, b := signedIn(web("alpha", session.AppReady)), beside(nil, classic("a", "Office", session.VPNConnected))
	a.Enrolments = []session.Enrolment{{Device: "d2"}}
	b.Enrolment.Device, b.Prompt = "d3", &session.Prompt{Kind: session.PromptInteraction}
	m, n := MenuFor(a), MenuFor(b)
	for i, it := range m.items() {
		other := n.items()[i]
		if fixed(i) && it.Do != nil && other.Do != nil && m.choice(it) != n.choice(other) {
			t.Errorf("%q and %q have one id", it.Label, other.Label)
		}
	}
	if got := len(slices.DeleteFunc(m.items(), func(it Item) bool {
		i := slices.Index(m.items(), it)
		return it.Label == "" || !fixed(i)
	})); got != 4 {
		t.Errorf("%d places that are always shown are fixed", got)
	}
}

// The menu changes between its drawing and the click: the desktop clicks by an id that is
// gone, or of what has moved.
func TestClickOnWhatHasChanged(t *testing.T) {
	bus := desktoptest.Bus(t)
	w := desktoptest.NewWatcher(t, bus)
	c := startChild(t, bus)
	c.expect("host true")
	show := func(s session.State, label string) desktoptest.MenuItem {
		t.Helper()
		c.send(s)
		var found desktoptest.MenuItem
		desktoptest.Eventually(t, label, func() bool {
			items := w.Menu()
			i := slices.IndexFunc(items, func(it desktoptest.MenuItem) bool { return it.Label == label })
			if i >= 0 {
				found = items[i]
			}
			return i >= 0
		})
		return found
	}
	alpha, beta, gamma := web("alpha", session.AppReady), web("beta", session.AppReady), web("gamma", session.AppReady)
	first := show(signedIn(alpha, beta), "Alpha")
	second := show(signedIn(alpha, beta), "Beta")
	moved := show(signedIn(beta, gamma), "Gamma")
	for _, is := range []desktoptest.MenuItem{moved, show(signedIn(beta, gamma), "Beta")} {
		if is.ID == first.ID || is.ID == second.ID {
			t.Errorf("%q has an id that was another's", is.Label)
		}
	}
	w.Press(first)                             // gone
	w.Press(desktoptest.MenuItem{ID: 1 << 20}) // never there
	w.Press(second)                            // elsewhere
	c.expect(`do {"do":"open-app","with":{"app":"beta"}}`)
	back := show(signedIn(alpha, gamma), "Alpha")
	if back.ID != first.ID {
		t.Errorf("what is there again has id %d, and had %d", back.ID, first.ID)
	}

	connect := show(beside(nil, classic("a", "Office", session.VPNDisconnected)), "Connect Office")
	disconnect := show(beside(nil, classic("a", "Office", session.VPNConnected)), "Disconnect Office")
	w.Press(connect)
	w.Press(disconnect)
	c.expect(`do {"do":"disconnect-vpn","with":{"connection":"a"}}`)

	out := show(signedIn(alpha), "Sign out")
	other := signedIn(gamma)
	other.Enrolment.Device = "d2"
	show(other, "Gamma")
	w.Press(out)
	desktoptest.Eventually(t, "the other's Sign out", func() bool { return show(other, "Sign out").ID != out.ID })
	w.Click("Sign out")
	c.expect(`do {"do":"sign-out","with":{}}`)
	c.expect("failed not now")
	c.quit()
}
