package session

import (
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// vpnHappened tells of VPNs that were connected, interrupted and ended, of others'
// that came and went, and of warnings.
func vpnHappened(prev, next *VPN, add func(string, wire.AppID, string, ...any)) {
	was := map[string]*VPNConnection{}
	for i := range prev.Connections {
		was[prev.Connections[i].ID] = &prev.Connections[i]
	}
	for i := range next.Connections {
		is := &next.Connections[i]
		if p, ok := was[is.ID]; ok && p.Phase != is.Phase {
			connectionHappened(p, is, add)
		}
	}
	for _, o := range next.Others {
		if !ran(prev.Others, o) {
			add("vpn-other", "", "Another program's VPN came up: %s", o.Who())
		}
	}
	for _, o := range prev.Others {
		if !ran(next.Others, o) {
			add("vpn-other-gone", "", "Another program's VPN went: %s", o.Who())
		}
	}
	for _, w := range next.Warnings {
		if p, ok := warned(prev.Warnings, w.Key()); !w.Ahead && (!ok || p.Ahead || p.Served != w.Served) {
			add("vpn-warning", "", "%s", w.Title)
		}
	}
	for _, w := range prev.Warnings {
		if w.Ahead || w.Connection != "" && w.Evidence == "" {
			continue // what stands in settings is over with the connection
		}
		if n, ok := warned(next.Warnings, w.Key()); !ok || n.Ahead {
			add("vpn-warning-over", "", "Over: %s", w.Title)
		}
	}
}

func connectionHappened(was, is *VPNConnection, add func(string, wire.AppID, string, ...any)) {
	name := is.Label()
	switch is.Phase {
	case VPNConnected:
		if was.Phase == VPNReconnecting {
			add("vpn-reconnected", "", "The VPN %s is connected again", name)
		} else {
			add("vpn-connected", "", "The VPN %s was connected", name)
		}
	case VPNReconnecting:
		add("vpn-interrupted", "", "The VPN %s was interrupted; reconnecting", name)
	case VPNDisconnected:
		switch {
		case was.Phase == VPNDisconnecting && was.Adapter != "", is.Problem == nil && was.Linked():
			add("vpn-disconnected", "", "The VPN %s was disconnected", name)
		case was.Phase == VPNDisconnecting || is.Problem == nil:
			add("vpn-called-off", "", "The VPN %s was not connected: it was called off", name)
		case was.Linked():
			add("vpn-ended", "", "The VPN %s has ended: %s", name, lower(is.Problem.Title))
		default:
			add("vpn-failed", "", "The VPN %s was not connected: %s", name, lower(is.Problem.Title))
		}
	}
}

// ran says whether a VPN is among others; whose it is may not be known yet.
func ran(others []VPNOther, o VPNOther) bool {
	return slices.ContainsFunc(others, func(p VPNOther) bool {
		return p.Adapter == o.Adapter && (p.Program == o.Program || p.Program == "" || o.Program == "")
	})
}

// warned is the warning of that key.
func warned(ws []VPNWarning, key string) (VPNWarning, bool) {
	if i := slices.IndexFunc(ws, func(w VPNWarning) bool { return w.Key() == key }); i >= 0 {
		return ws[i], true
	}
	return VPNWarning{}, false
}
