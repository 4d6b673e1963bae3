package notify

import (
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// The keys of notices about classic VPNs.
const (
	keyWarning   = "vpn-warning"
	keyVPNPrompt = "vpn-prompt"
	keyVPN       = "vpn-" // and the connection's id
)

// connections is the page that has more.
var connections = session.ShowWindow{Page: session.PageConnections}

// warning tells of warnings that are of now and were not: the most urgent in full.
func warning(prev, next *session.State) (Notice, bool) {
	var fresh []session.VPNWarning
	stands := map[string]bool{}
	for _, w := range prev.VPN.Warnings {
		if current(w) {
			stands[w.Key()] = true
		}
	}
	stood := len(stands) > 0
	left := 0
	for _, w := range next.VPN.Warnings {
		if !current(w) {
			continue
		}
		left++
		if !stands[w.Key()] && !w.Again {
			fresh = append(fresh, w)
		}
	}
	if len(fresh) == 0 {
		return Notice{Key: keyWarning, Over: true}, stood && left == 0
	}
	w := fresh[0]
	n := Notice{Key: keyWarning, Title: w.Title, Body: join(w.Detail, w.Fix), Open: connections}
	switch more := len(fresh) - 1; {
	case more == 1:
		n.Body = join(n.Body, lang.T("And one more warning"))
	case more > 1:
		n.Body = join(n.Body, lang.N("And %d more warning", "And %d more warnings", more, more))
	}
	return n, true
}

// current says whether a warning is of now, and nothing has been done about it.
func current(w session.VPNWarning) bool { return !w.Ahead && !w.Served }

// vpnPrompt tells of a server that asks something of a user who did not wait for it.
func vpnPrompt(prev, next *session.State) (Notice, bool) {
	was, is := prev.VPN.Prompt, next.VPN.Prompt
	told := was != nil && was.Unawaited
	if is == nil || !is.Unawaited {
		return Notice{Key: keyVPNPrompt, Over: true}, told
	}
	if was != nil && was.ID == is.ID {
		return Notice{}, false
	}
	title := lang.T("A VPN asks you")
	for _, c := range next.VPN.Connections {
		if c.ID == is.Connection {
			title = lang.F("%s asks you", c.Label())
		}
	}
	body := lang.T("Its server waits for your answer.")
	if is.Kind == session.VPNCertificate {
		body = lang.T("Is this the right server? It was not connected to before.")
	}
	return Notice{Key: keyVPNPrompt, Important: true, Title: title, Body: body, Else: lang.T("Open Tidegate to answer."), Open: connections, Button: lang.T("Answer"), Do: connections}, true
}

// vpns tell of connections that ended by themselves.
func vpns(prev, next *session.State) (ns []Notice) {
	was := map[string]session.VPNConnection{}
	for _, c := range prev.VPN.Connections {
		was[c.ID] = c
	}
	for _, c := range next.VPN.Connections {
		p, known := was[c.ID]
		delete(was, c.ID)
		switch down := c.Phase == session.VPNDisconnected; {
		case !known || p.Phase == c.Phase:
		case down && p.Linked() && c.Problem != nil:
			ns = append(ns, Notice{Key: keyVPN + c.ID, Important: true, Title: lang.F("The VPN %s has ended", c.Label()), Body: join(c.Problem.Title, c.Problem.Fix),
				Open: connections, Button: lang.T("Reconnect"), Do: session.ConnectVPN{Connection: c.ID, Raise: true}})
		case p.Phase == session.VPNDisconnected && p.Problem != nil:
			ns = append(ns, Notice{Key: keyVPN + c.ID, Over: true})
		}
	}
	for _, c := range prev.VPN.Connections {
		if _, gone := was[c.ID]; gone && c.Problem != nil {
			ns = append(ns, Notice{Key: keyVPN + c.ID, Over: true})
		}
	}
	return ns
}

// join makes one text of sentences, those that are there.
func join(parts ...string) (text string) {
	for _, p := range parts {
		if p = sentence(p); p == "" {
			continue
		}
		if text != "" {
			text += " "
		}
		text += p
	}
	return text
}
