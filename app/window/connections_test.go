package window

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/session"
)

func TestWhatTheConnectionsSay(t *testing.T) {
	signingIn := vpnForms()
	signingIn.VPN.Prompt = nil
	leaving := vpnUp()
	leaving.VPN.Connections[0].Phase = session.VPNDisconnecting
	again := vpnUp()
	again.VPN.Connections[0].Phase = session.VPNReconnecting
	left := vpnUp()
	left.VPN.Connections[0].Problem = &session.Problem{Title: "The VPN did not get all that its server asked for", Detail: "Left out 10.0.0.0/8: your applications are there."}
	for _, c := range []struct {
		name      string
		state     session.State
		says, not []string
	}{
		{"none", signedIn(), []string{"Zero-trust access", "Protected", "In use", "No VPN connections yet", "Add a connection"}, []string{"Details", vpnWords.warnings, vpnWords.others}},
		{"not connected", vpns(), []string{"Head office", "vpn.tidewater.example", "Cisco AnyConnect / ocserv", "Not connected", "Connect Head office", "Edit Head office", "Remove Head office", "Add a connection"},
			[]string{"Untested", "Disconnect Head office", "Connected since", "Received", "No VPN connections yet"}},
		{"connected", vpnUp(), []string{"Connected", "Disconnect Head office", "13:49", "10.60.0.12, fd60:12::c", "48.2 MB", "1.9 MB", "Full, without IPv6", "tidev1000, DTLS",
			"IPv6 goes around Head office", "Details: IPv6 goes around Head office", "Edit Head office"},
			[]string{"Connect Head office", "Remove Head office", "IPv4 leaves by tidev1000, IPv6 by enp0s3"}},
		{"connected in part", left, []string{"Connected", "The VPN did not get all that its server asked for", "Left out 10.0.0.0/8: your applications are there."}, nil},
		{"signing in", signingIn, []string{"Signing in…", "Waiting for your answer", "Cancel Head office"}, []string{"Remove Head office", "Received"}},
		{"interrupted", again, []string{"Reconnecting…", "Interrupted since", "13:49", "Disconnect Head office"}, nil},
		{"disconnecting", leaving, []string{"Disconnecting…", "Disconnecting… Head office"}, []string{"Disconnect Head office", "Received"}},
		{"ahead, failed", vpnAhead(), []string{"Untested", "Fortinet FortiGate", "North plant, maintenance will be without Always-on VPN (lock-down)", "The VPN’s server was not reached",
			"Check the address and your network, then connect again."}, []string{vpnWords.warnings}},
		{"of others", vpnAhead(), []string{vpnWords.others, "/usr/sbin/openvpn", "Split: 10.8.0.0/24, 192.168.99.0/24", "lab.example", "tun0", "A VPN of another program", "Full", "wg0"},
			[]string{"Connect /usr/sbin/openvpn", "Edit /usr/sbin/openvpn"}},
		{"no engine", vpnMissing(), []string{"openconnect is not installed", "Install the package openconnect. Connections can be used a moment later."}, nil},
		{"ZTA lost", lost(), []string{"Not protected", "Not reached"}, nil},
		{"ZTA signed out", signedOut(), []string{"Signed out", "Needs you"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.win.Resize(fyne.NewSize(1160, 1600))
			toConnections(b)
			b.apply(c.state)
			b.says(c.says...)
			b.silent(append(c.not, "Connect ZTA", "Disconnect ZTA", "Connect", "Disconnect")...)
		})
	}
}

func TestConnectionButtons(t *testing.T) {
	signingIn := vpnForms()
	signingIn.VPN.Prompt = nil
	for _, c := range []struct {
		name, button string
		state        session.State
		want         session.Command
	}{
		{"connect", "Connect Head office", vpns(), session.ConnectVPN{Connection: "v1"}},
		{"disconnect", "Disconnect Head office", vpnUp(), session.DisconnectVPN{Connection: "v1"}},
		{"cancel", "Cancel Head office", signingIn, session.DisconnectVPN{Connection: "v1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.win.Resize(fyne.NewSize(1160, 1200))
			b.apply(c.state)
			toConnections(b)
			b.press(c.button)
			if e := b.labels()[c.button]; e.Enabled {
				t.Error("the button can be pressed again while its command is on its way")
			}
			if got := b.sent(); got != c.want {
				t.Errorf("sent %#v", got)
			}
			if e := b.labels()[c.button]; !e.Enabled {
				t.Error("the button cannot be pressed any more")
			}
		})
	}
	b := newBench(t, alwaysDark)
	b.apply(vpns())
	toConnections(b)
	for range cap(b.queue) {
		b.do(session.Pause{}, nil)
	}
	b.press("Connect Head office")
	b.says(words.busy)
	if e := b.labels()["Connect Head office"]; !e.Enabled {
		t.Error("what could not be sent cannot be sent again")
	}
	b.apply(vpnMissing())
	if e := b.labels()["Connect Head office"]; e.Enabled {
		t.Error("what nothing connects can be connected")
	}
	b.press(vpnWords.ztaName)
	if b.pages.page != session.PageApplications {
		t.Error("the ZTA button does not open the applications")
	}
}

func TestRemovingIsAskedFirst(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(vpns())
	toConnections(b)
	b.press("Remove Head office")
	b.says("Remove Head office?")
	b.key(fyne.KeyReturn) // Cancel has the focus
	if got := b.sent(); got != nil || b.layer.modal != nil {
		t.Fatalf("sent %#v", got)
	}
	b.press("Remove Head office")
	b.press("Remove")
	if got := b.sent(); got != (session.RemoveVPN{Connection: "v1"}) {
		t.Errorf("sent %#v", got)
	}
	b.press("Remove Head office")
	b.apply(vpnUp())
	if b.layer.modal != nil {
		t.Error("a connection that is up can be removed")
	}
}

func TestTunnelText(t *testing.T) {
	split := vpnAhead().VPN.Others[0].VPNLink
	many := split
	for range 4 {
		many.Routes = append(many.Routes, split.Routes...)
	}
	for want, l := range map[string]session.VPNLink{
		"Full": {Full4: true, Full6: true}, "Full, without IPv6": {Full4: true}, "Full for IPv6 alone": {Full6: true},
		"Split: leads nowhere yet": {}, "Split: 10.8.0.0/24, 192.168.99.0/24": split,
		"Split: 10.8.0.0/24, 192.168.99.0/24, 10.8.0.0/24, 192.168.99.0/24 and 6 more": many,
	} {
		if got := tunnelText(l); got != want {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
}

func TestEveryPhaseHasItsOwnShapeAndWord(t *testing.T) {
	words, signs := map[string]bool{}, map[string]bool{}
	phases := []session.VPNPhase{session.VPNDisconnected, session.VPNSigningIn, session.VPNConnecting, session.VPNConnected, session.VPNReconnecting, session.VPNDisconnecting}
	for _, p := range phases {
		s := phaseState(p, false)
		if words[s.word] || signs[s.icon] {
			t.Errorf("%q looks like another phase: %+v", p, s)
		}
		words[s.word], signs[s.icon] = true, true
	}
	for _, p := range []session.VPNPhase{session.VPNDisconnected, session.VPNConnected} {
		if phaseState(p, true) == phaseState(p, false) {
			t.Errorf("%q looks the same where something is wrong", p)
		}
	}
}

func TestWarningsHaveTheirPlaces(t *testing.T) {
	v := vpnAhead().VPN
	now := session.VPNWarning{Feature: session.VPNIPv6, Adapter: "tun0", Evidence: "seen", Title: "now"}
	gone := session.VPNWarning{Feature: session.VPNAlwaysOn, Connection: "removed", Ahead: true, Title: "gone"}
	set := session.VPNWarning{Feature: session.VPNStealthMode, Connection: "v1", Title: "not applied"}
	v.Warnings = append(v.Warnings, now, gone, set)
	own, rest := sortWarnings(v)
	if d := cmp.Diff(map[string][]session.VPNWarning{"v1": {set}, "v2": v.Warnings[:1]}, own); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]session.VPNWarning{now, gone}, rest); d != "" {
		t.Error(d)
	}
}

// What a VPN did not get because it is the applications' own is no trouble.
func TestNewsIsNoTrouble(t *testing.T) {
	c := vpnUp().VPN.Connections[0]
	c.Problem = &session.Problem{Code: "vpn-left", Title: "Left", Warning: true}
	if v := vpnViewOf(c, session.VPNEngine{}, nil, noon); v.state.tone != warn || v.notices[0].tone != warn {
		t.Errorf("of what is left out it shows %+v", v)
	}
	c.Problem = &session.Problem{Code: "vpn-left", Title: "Left"}
	if v := vpnViewOf(c, session.VPNEngine{}, nil, noon); v.state.tone != good || v.notices[0].tone != accent {
		t.Errorf("of news it shows %+v", v)
	}
	c.Phase = session.VPNDisconnected
	if v := vpnViewOf(c, session.VPNEngine{}, nil, noon); v.state.tone != bad || v.notices[0].tone != bad || v.buttons.disabled {
		t.Errorf("of a failure it shows %+v", v)
	}
	for warning, want := range map[bool]bool{true: false, false: true} {
		if v := vpnViewOf(c, session.VPNEngine{Problem: &session.Problem{Warning: warning}}, nil, noon); v.buttons.disabled != want {
			t.Errorf("a problem, a warning %v, takes Connect away: %v", warning, v.buttons.disabled)
		}
	}
}

// A button that spins has room for all its word.
func TestABusyButtonShowsItsWord(t *testing.T) {
	b := newButton(plain, "Disconnecting…", "", func() {})
	b.setState(false, true)
	b.Resize(b.MinSize())
	if w := b.label.font.measure(b.text).Width; b.label.Size().Width < w {
		t.Errorf("its word is %v wide, of %v", b.label.Size().Width, w)
	}
}

func TestWarningBanner(t *testing.T) {
	w := session.VPNWarning{Feature: session.VPNTrafficEnforcement, Evidence: "nftables", Title: "It lets nothing out", Detail: "None is reached"}
	state := func(change func(*session.VPNWarning)) session.State {
		s := vpns()
		w := w
		change(&w)
		s.VPN.Warnings = []session.VPNWarning{w}
		return s
	}
	urgent := state(func(*session.VPNWarning) {})
	urgent.Problems = lost().Problems
	for _, c := range []struct {
		name  string
		state session.State
		want  string
	}{
		{"now", state(func(*session.VPNWarning) {}), "It lets nothing out"},
		{"served", state(func(w *session.VPNWarning) { w.Served = true }), ""},
		{"ahead", state(func(w *session.VPNWarning) { w.Ahead = true }), ""},
		{"only in the settings", state(func(w *session.VPNWarning) { w.Evidence = "" }), ""},
		{"less urgent than a problem", urgent, "The controller is not reached"},
	} {
		if v := bannerOf(c.state); v.title != c.want {
			t.Errorf("%s: the banner says %q, want %q", c.name, v.title, c.want)
		}
	}
	b := newBench(t, alwaysDark)
	b.apply(state(func(*session.VPNWarning) {}))
	b.says("It lets nothing out", "None is reached.")
	b.press("Show")
	if b.pages.page != session.PageConnections || b.pages.banner.Visible() {
		t.Errorf("on page %s the banner is shown: %v", b.pages.page, b.pages.banner.Visible())
	}
	b.says("It lets nothing out")
	b.pages.show(session.PageActivity)
	if !b.pages.banner.Visible() {
		t.Error("there is no banner above another page")
	}
}

func TestEvidenceIsFoldedAndStaysUnfolded(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := vpnUp()
	b.apply(s)
	toConnections(b)
	seen := s.VPN.Warnings[0].Evidence
	b.silent(seen)
	b.press("Details: " + s.VPN.Warnings[0].Title)
	b.says(seen)
	s.VPN.Connections[0].Down += 1000
	s.VPN.Warnings = slices.Clone(s.VPN.Warnings)
	slices.Reverse(s.VPN.Warnings)
	b.apply(s)
	b.says(seen)
	b.press("Details: " + s.VPN.Warnings[1].Title)
	b.silent(seen)
}

// What changes all the time moves nothing: neither what is beside it nor what is below.
func TestFiguresDoNotJump(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.win.Resize(fyne.NewSize(1000, 1600))
	s := vpnUp()
	b.apply(s)
	toConnections(b)
	places := func() string {
		var text strings.Builder
		for _, e := range b.elements() {
			fmt.Fprintf(&text, "%.0f %.0f %.0f\n", e.X, e.Y, e.W)
		}
		return text.String()
	}
	was := places()
	for _, n := range []int64{0, 7, 999, 12_345, 999_999, 123_456_789, 45_000_000_000} {
		s.VPN.Connections[0].Up, s.VPN.Connections[0].Down = n, 2*n
		s.At = s.At.Add(time.Second)
		b.apply(s)
		if now := places(); now != was {
			t.Errorf("%d bytes move something", n)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 123_456: "123 kB", 48_200_000: "48.2 MB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}

// Fifty connections scroll to whatever has the focus, and the place and the
// focus survive states.
func TestManyConnections(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := manyVPNs(50)
	b.apply(s)
	toConnections(b)
	last := b.pages.connections.cards["m47"]
	b.canvas().Focus(last.main)
	if e := b.labels()["Connect Site 47"]; !e.Focused || e.H < 38 {
		t.Errorf("of the button that has the focus this is seen: %+v", e)
	}
	at := b.pages.connections.scroll.Offset
	for range 5 {
		s.VPN.Connections = slices.Clone(s.VPN.Connections)
		s.VPN.Connections[0].Down += 5_000_000
		b.apply(s)
	}
	if b.canvas().Focused() != fyne.Focusable(last.main) || b.pages.connections.scroll.Offset != at {
		t.Error("a state moves the focus or the page")
	}
	b.canvas().Focus(b.pages.connections.zta.button)
	if b.pages.connections.scroll.Offset.Y > 40 {
		t.Errorf("the page stays at %v", b.pages.connections.scroll.Offset)
	}
	b.apply(vpns())
	if len(b.pages.connections.cards) != 1 {
		t.Errorf("%d cards are kept", len(b.pages.connections.cards))
	}
}

// The tabs fit at every width that the window can have.
func TestTabsFit(t *testing.T) {
	b := newBench(t, alwaysDark)
	for w := float32(840); w <= 1500; w += 20 {
		b.win.Resize(fyne.NewSize(w, 760))
		if need, has := b.pages.bar.MinSize().Width, b.pages.bar.Size().Width; need > has {
			t.Errorf("at %v the tabs need %v, and have %v", w, need, has)
		}
	}
}

func TestEngineText(t *testing.T) {
	for _, c := range []struct {
		engine     session.VPNEngine
		word, text string
		tone       tone
	}{
		{session.VPNEngine{}, "Unknown", "Not looked for yet", neutral},
		{session.VPNEngine{Version: "9.12"}, "Ready", "openconnect 9.12 connects them", good},
		{vpnMissing().VPN.Engine, "Look", "openconnect is not installed. Install the package openconnect. Connections can be used a moment later.", warn},
	} {
		if word, text, tn := engineText(c.engine); word != c.word || text != c.text || tn != c.tone {
			t.Errorf("%+v: %q, %q, %v", c.engine, word, text, tn)
		}
	}
}
