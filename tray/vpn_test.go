package tray

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/session"
)

func classic(id, name string, phase session.VPNPhase) session.VPNConnection {
	return session.VPNConnection{VPNSettings: session.VPNSettings{ID: id, Name: name, Address: id + ".example"}, Phase: phase}
}

func beside(change func(*session.VPN), all ...session.VPNConnection) session.State {
	s := signedIn()
	s.VPN.Connections = all
	if change != nil {
		change(&s.VPN)
	}
	return s
}

// below are the lines from the VPNs' on.
const below = `Open Tidegate
Sign out
Quit
`

func TestMenuOfVPNs(t *testing.T) {
	office, lab := classic("a", "Office", session.VPNDisconnected), classic("b", "Lab", session.VPNConnected)
	enforced := session.VPNWarning{Feature: session.VPNTrafficEnforcement, Connection: "b", Title: "Lab lets nothing out but through itself"}
	served := session.VPNWarning{Feature: session.VPNRouteMonitoring, Connection: "b", Served: true, Title: "Lab deletes routes"}
	ahead := session.VPNWarning{Feature: session.VPNIPv6, Connection: "a", Ahead: true, Title: "Office will be without IPv6"}
	for _, tt := range []struct {
		name       string
		state      session.State
		top, lines string
	}{
		{"none", signedIn(), "", ""},
		{"one of each", beside(nil, office, lab), "", "Connect Office\nDisconnect Lab\nConnections…\n"},
		{"without a name", beside(nil, classic("vpn", "", session.VPNDisconnected)), "", "Connect vpn.example\nConnections…\n"},
		{"under way", beside(nil, classic("a", "A", session.VPNSigningIn), classic("b", "B", session.VPNConnecting), classic("c", "C", session.VPNReconnecting)), "",
			"Disconnect A – signing in\nDisconnect B – connecting\nDisconnect C – reconnecting\nConnections…\n"},
		{"ending", beside(nil, classic("a", "A", session.VPNDisconnecting)), "", "(A – disconnecting)\nConnections…\n"},
		{"more than there is room for", beside(nil, office, classic("c", "C", ""), classic("d", "D", ""), lab, classic("e", "E", "")), "",
			"Connect Office\nConnect C\nDisconnect Lab\nConnections…\n"},
		{"another's alone", beside(func(v *session.VPN) { v.Others = []session.VPNOther{{Program: "openvpn"}} }), "", "Connections…\n"},
		{"warnings of now", beside(func(v *session.VPN) { v.Warnings = []session.VPNWarning{enforced, served} }, lab), "Lab lets nothing out but through itself\n", "Disconnect Lab\nConnections…\n"},
		{"warnings of no hurry", beside(func(v *session.VPN) { v.Warnings = []session.VPNWarning{ahead, served} }, lab), "", "Disconnect Lab\nConnections…\n"},
		{"warnings before it is connected", beside(func(v *session.VPN) {
			more := ahead
			more.Feature = session.VPNAlwaysOn
			v.Warnings = []session.VPNWarning{ahead, more, {Feature: session.VPNStealthMode, Connection: "c", Ahead: true}, {Feature: session.VPNIPv6, Connection: "c", Ahead: true, Served: true}}
		}, office, classic("c", "C", "")), "", "Connect Office – 2 warnings\nConnect C – 1 warning\nConnections…\n"},
		{"asked by the server", beside(func(v *session.VPN) {
			v.Warnings, v.Prompt = []session.VPNWarning{enforced}, &session.VPNPrompt{Connection: "b"}
		}, lab), "Lab asks you…\n", "Disconnect Lab\nConnections…\n"},
		{"answered", beside(func(v *session.VPN) { v.Prompt = &session.VPNPrompt{Connection: "b", Busy: true} }, lab), "", "Disconnect Lab\nConnections…\n"},
		{"asked of more urgent things", func() session.State {
			s := beside(func(v *session.VPN) { v.Warnings = []session.VPNWarning{enforced} }, lab)
			s.Prompt = &session.Prompt{Kind: session.PromptInteraction}
			return s
		}(), "Verify…\n", "Disconnect Lab\nConnections…\n"},
		{"hostile", beside(func(v *session.VPN) {
			v.Warnings = []session.VPNWarning{{Title: "\x1b[31m" + strings.Repeat("x", 500)}}
		}, classic("a", "Qu\nit\x1b", "")),
			"[31m" + strings.Repeat("x", statusWidth-5) + "…\n", "Connect Qu it\nConnections…\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := "(Protected – Your applications are reachable)\n" + tt.top + "---\nAll applications…\n---\n" + tt.lines + below
			if diff := cmp.Diff(want, MenuFor(tt.state).String()); diff != "" {
				t.Errorf("menu (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVPNCommands(t *testing.T) {
	m := MenuFor(beside(func(v *session.VPN) { v.Warnings = []session.VPNWarning{{Title: "x"}} },
		classic("a", "A", ""), classic("b", "B", session.VPNConnected), classic("c", "C", session.VPNDisconnecting)))
	page := session.ShowWindow{Page: session.PageConnections}
	want := []session.Command{page, session.ConnectVPN{Connection: "a", Raise: true}, session.DisconnectVPN{Connection: "b"}, nil, page}
	got := []session.Command{m.Needs.Do, m.VPNs[0].Do, m.VPNs[1].Do, m.VPNs[2].Do, m.Connections.Do}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// What a VPN carries, and for how long, moves nothing in an open menu.
func TestMenuStandsStillBesideVPN(t *testing.T) {
	a, b := classic("a", "A", session.VPNConnected), classic("a", "A", session.VPNConnected)
	b.Since, b.Up, b.Down, b.Transport = noon.Add(time.Hour), 7, 9, "DTLS"
	if MenuFor(beside(nil, a)) != MenuFor(beside(nil, b)) {
		t.Error("the menu has changed")
	}
}
