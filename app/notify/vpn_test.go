package notify

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/session"
)

func office(phase session.VPNPhase, problem *session.Problem) func(*session.State) {
	return func(s *session.State) {
		s.VPN.Connections = append(s.VPN.Connections[:0:0], session.VPNConnection{
			VPNSettings: session.VPNSettings{ID: "a", Name: "Office"}, Phase: phase, Problem: problem})
	}
}

func warns(ws ...session.VPNWarning) func(*session.State) {
	return func(s *session.State) { s.VPN.Warnings = ws }
}

func vpnAsks(p session.VPNPrompt) func(*session.State) {
	return func(s *session.State) { s.VPN.Prompt = &p }
}

func TestDiffOfVPNs(t *testing.T) {
	over := &session.Problem{Code: "vpn-ended", Title: "The VPN's server ended the connection", Detail: "Idle.", Fix: "Connect again."}
	page := session.ShowWindow{Page: session.PageConnections}
	ended := Notice{Key: "vpn-a", Important: true, Title: "The VPN Office has ended", Body: "The VPN's server ended the connection. Connect again.",
		Open: page, Button: "Reconnect", Do: session.ConnectVPN{Connection: "a", Raise: true}}
	gone := Notice{Key: "vpn-a", Over: true}
	hurts := session.VPNWarning{Feature: session.VPNTrafficEnforcement, Adapter: "tun0", Title: "openvpn lets nothing out", Detail: "Nothing is reached.", Fix: "Ask"}
	told := Notice{Key: "vpn-warning", Title: "openvpn lets nothing out", Body: "Nothing is reached. Ask.", Open: page}
	quiet := Notice{Key: "vpn-warning", Over: true}
	second, third := hurts, hurts
	second.Feature, third.Feature = session.VPNIPv6, session.VPNStealthMode
	change := func(w session.VPNWarning, f func(*session.VPNWarning)) session.VPNWarning { f(&w); return w }
	ahead := change(hurts, func(w *session.VPNWarning) { w.Ahead = true })
	served := change(hurts, func(w *session.VPNWarning) { w.Served = true })
	again := change(hurts, func(w *session.VPNWarning) { w.Again = true })
	late := session.VPNPrompt{ID: "1", Connection: "a", Kind: session.VPNForm, Unawaited: true}
	asked := Notice{Key: "vpn-prompt", Important: true, Else: "Open Tidegate to answer.", Title: "Office asks you", Body: "Its server waits for your answer.", Open: page, Button: "Answer", Do: page}
	for _, tt := range []struct {
		name       string
		prev, next session.State
		want       []Notice
	}{
		{"the first state", session.State{}, with(office(session.VPNDisconnected, over), warns(hurts), vpnAsks(late)), nil},
		{"connected by hand", with(office(session.VPNConnecting, nil)), with(office(session.VPNConnected, nil)), nil},
		{"disconnected by hand", with(office(session.VPNConnected, nil)), with(office(session.VPNDisconnected, nil)), nil},
		{"disconnected by hand, and it complained", with(office(session.VPNDisconnecting, nil)), with(office(session.VPNDisconnected, over)), nil},
		{"not connected, which the user sees", with(office(session.VPNSigningIn, nil)), with(office(session.VPNDisconnected, over)), nil},
		{"interrupted", with(office(session.VPNConnected, nil)), with(office(session.VPNReconnecting, nil)), nil},
		{"ended by itself", with(office(session.VPNConnected, nil)), with(office(session.VPNDisconnected, over)), []Notice{ended}},
		{"interrupted for too long", with(office(session.VPNReconnecting, nil)), with(office(session.VPNDisconnected, over)), []Notice{ended}},
		{"connected again", with(office(session.VPNDisconnected, over)), with(office(session.VPNSigningIn, nil)), []Notice{gone}},
		{"removed", with(office(session.VPNDisconnected, over)), base(), []Notice{gone}},
		{"a warning", base(), with(warns(hurts)), []Notice{told}},
		{"a warning that was ahead", with(warns(ahead)), with(warns(hurts)), []Notice{told}},
		{"a warning that was served", with(warns(served)), with(warns(hurts)), []Notice{told}},
		{"a warning of what is ahead, or served", base(), with(warns(ahead, served)), nil},
		{"a warning that was given before", base(), with(warns(again)), nil},
		{"two at once", base(), with(warns(hurts, second)), []Notice{func() Notice {
			n := told
			n.Body += " And one more warning."
			return n
		}()}},
		{"three at once", base(), with(warns(hurts, second, third)), []Notice{func() Notice {
			n := told
			n.Body += " And 2 more warnings."
			return n
		}()}},
		{"one more", with(warns(second)), with(warns(hurts, second)), []Notice{told}},
		{"one less", with(warns(hurts, second)), with(warns(second)), nil},
		{"over", with(warns(hurts)), with(warns(ahead)), []Notice{quiet}},
		{"asked by itself", with(office(session.VPNReconnecting, nil)), with(office(session.VPNSigningIn, nil), vpnAsks(late)), []Notice{asked}},
		{"asked whether it is the right server", with(office(session.VPNSigningIn, nil)), with(office(session.VPNSigningIn, nil), vpnAsks(session.VPNPrompt{ID: "1", Connection: "a", Kind: session.VPNCertificate, Unawaited: true})),
			[]Notice{func() Notice {
				n := asked
				n.Body = "Is this the right server? It was not connected to before."
				return n
			}()}},
		{"asked of a user who waits", with(office(session.VPNSigningIn, nil)), with(office(session.VPNSigningIn, nil), vpnAsks(session.VPNPrompt{ID: "1", Connection: "a"})), nil},
		{"asked still", with(vpnAsks(late)), with(vpnAsks(late)), nil},
		{"answered", with(vpnAsks(late)), base(), []Notice{{Key: "vpn-prompt", Over: true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Diff(tt.prev, tt.next)); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
			if again := Diff(tt.next, tt.next); again != nil {
				t.Errorf("told twice: %+v", again)
			}
		})
	}
}
