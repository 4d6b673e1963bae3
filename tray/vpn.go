package tray

import (
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

// vpnNeeds is what a VPN's server asks, or the most urgent warning of now.
func vpnNeeds(v *session.VPN) Item {
	page := session.ShowWindow{Page: session.PageConnections}
	if p := v.Prompt; p != nil && !p.Busy {
		for _, c := range v.Connections {
			if c.ID == p.Connection {
				return Item{lang.F("%s asks you…", vpnName(c)), page}
			}
		}
	}
	for _, w := range v.Warnings {
		if !w.Ahead && !w.Served {
			return Item{plaintext.Short(w.Title, statusWidth), page}
		}
	}
	return Item{}
}

// shownVPNs chooses those that are under way and then the first, and keeps them in
// the user's order.
func shownVPNs(all []session.VPNConnection) []session.VPNConnection {
	rest := MaxVPNs
	for _, c := range all {
		if c.Phase != session.VPNDisconnected {
			rest--
		}
	}
	var chosen []session.VPNConnection
	for _, c := range all {
		if c.Phase == session.VPNDisconnected {
			if rest <= 0 {
				continue
			}
			rest--
		}
		if chosen = append(chosen, c); len(chosen) == MaxVPNs {
			break
		}
	}
	return chosen
}

// vpn is one line: what choosing it does, with how much there is to know before, and,
// while that is under way, how it is.
func vpn(c session.VPNConnection, ws []session.VPNWarning) Item {
	disconnect := session.DisconnectVPN{Connection: c.ID}
	switch c.Phase {
	case session.VPNDisconnected:
		return Item{connect(c, ws), session.ConnectVPN{Connection: c.ID, Raise: true}}
	case session.VPNDisconnecting:
		return Item{Label: lang.F("%s – disconnecting", vpnName(c))}
	case session.VPNSigningIn:
		return Item{lang.F("Disconnect %s – signing in", vpnName(c)), disconnect}
	case session.VPNConnecting:
		return Item{lang.F("Disconnect %s – connecting", vpnName(c)), disconnect}
	case session.VPNReconnecting:
		return Item{lang.F("Disconnect %s – reconnecting", vpnName(c)), disconnect}
	}
	return Item{lang.F("Disconnect %s", vpnName(c)), disconnect}
}

// connect offers to connect a VPN, and says how many warnings there are of what will be
// then.
func connect(c session.VPNConnection, ws []session.VPNWarning) string {
	n := 0
	for _, w := range ws {
		if w.Connection == c.ID && w.Ahead && !w.Served {
			n++
		}
	}
	if n == 0 {
		return lang.F("Connect %s", vpnName(c))
	}
	return lang.N("Connect %s – %d warning", "Connect %s – %d warnings", n, vpnName(c), n)
}

func vpnName(c session.VPNConnection) string {
	for _, n := range []string{c.Name, c.Address, c.ID} {
		if n = plaintext.Short(n, nameWidth); n != "" {
			return n
		}
	}
	return "VPN"
}
