package window

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// vpnWords are the texts of the connections page and its dialogs, for a translator.
var vpnWords = struct {
	page, zta, ztaOpen, ztaText, warnings, connections, others                       string
	add, edit, remove, connect, disconnect, untested, details                        string
	inactive, active                                                                 string
	down, signingIn, connecting, connected, reconnecting, disconnecting, up          string
	since, addresses, tunnel, received, sent, adapter, asked                         string
	nowhere, allNames                                                                string
	emptyTitle, emptyText                                                            string
	unknownProgram, otherText                                                        string
	addTitle, editTitle, editText, save, name, nameHint, address, addressHint        string
	protocol, user, userHint, group, groupHint, features, featuresText               string
	pinned, pinnedText, forget, keep, forgotten                                      string
	formDo, says                                                                     string
	trustTitle, server, flaw, trust, distrust, subject, vouched, fingerprint, nobody string
	removeText                                                                       string
	formTitle, answer, interrupted, ztaName, nameless, classic                       string
}{
	page: "Connections", zta: "Zero-trust access", ztaOpen: "ZTA",
	ztaText:  "It connects by itself: there is nothing to connect or disconnect.",
	warnings: "Where a VPN and your applications are in each other’s way", connections: "Your VPN connections", others: "VPNs of other programs",
	add: "Add a connection", edit: "Edit", remove: "Remove", connect: "Connect", disconnect: "Disconnect", untested: "Untested", details: "Details",
	inactive: "Inactive", active: "Active",
	down: "Not connected", signingIn: "Signing in…", connecting: "Connecting…", connected: "Connected", reconnecting: "Reconnecting…",
	disconnecting: "Disconnecting…", up: "Active",
	since: "Connected since", addresses: "Your addresses", tunnel: "Tunnel", received: "Received", sent: "Sent", adapter: "Adapter", asked: "Names it answers for",
	nowhere: "Split: leads nowhere yet", allNames: "All but your applications’",
	emptyTitle:     "No VPN connections yet",
	emptyText:      "Your applications need none. Add the classic VPN of your organisation, if it has one, and connect it here whenever you want it beside them.",
	unknownProgram: "A VPN of another program", otherText: "Connect and disconnect it with its own program.",
	addTitle: "Add a VPN connection", editTitle: "Edit the VPN connection", editText: "A classic VPN that you connect and disconnect by hand, beside your applications.",
	save: "Save", name: "Name", nameHint: "For example: Office", address: "Server’s address", addressHint: "vpn.example.com",
	protocol: "Kind of VPN", user: "User name", userHint: "If left empty you are asked", group: "Group or realm", groupHint: "If left empty you are asked",
	features:     "What its administrator has set up",
	featuresText: "Tick what you know of. Tidegate never applies these: it warns you where they and your applications get into each other’s way.",
	pinned:       "Trusted certificate", pinnedText: "Tidegate connects to a server with this key alone.",
	forget: "Forget", keep: "Keep", forgotten: "Forgotten when you save. The next time you connect you are asked whether the server is the right one.",
	formDo: "Continue", says: "The server says",
	trustTitle: "Is this the right server?",
	server:     "the server", flaw: "What openconnect finds wrong with it",
	trust: "Trust this server", distrust: "Do not connect", subject: "It calls itself", vouched: "Who vouches for it", fingerprint: "Fingerprint of its key",
	nobody:     "Nobody that this machine trusts",
	removeText: "Its settings and its trusted certificate are forgotten. The VPN itself stays as it is.",
	formTitle:  "Sign in to the VPN", answer: "Your answer", interrupted: "Interrupted since", ztaName: "ZTA: open the applications", nameless: "VPN", classic: "Classic VPNs",
}

// featureWord names a feature and says in a line what it means.
func featureWord(f session.VPNFeature) (title, text string) {
	switch f {
	case session.VPNRouteMonitoring:
		return lang.T("Route monitoring"), lang.T("Ends or repairs the VPN when anything changes the routes.")
	case session.VPNTrafficEnforcement:
		return lang.T("Traffic enforcement"), lang.T("Lets nothing out that does not go through the VPN.")
	case session.VPNStealthMode:
		return lang.T("Stealth mode"), lang.T("Its program runs without showing itself.")
	case session.VPNAlwaysOn:
		return lang.T("Always-on VPN or lock-down"), lang.T("Lets nothing out while the VPN is not connected.")
	case session.VPNLocationAwareness:
		return lang.T("Location awareness"), lang.T("Connects by itself, by the network that the machine is in.")
	case session.VPNIPv6:
		return lang.T("IPv6"), lang.T("The VPN carries IPv6, or blocks it.")
	}
	return string(f), ""
}

// engineText says what connects classic VPNs.
func engineText(e session.VPNEngine) (word, text string, t tone) {
	switch {
	case e.Problem != nil:
		return lang.T("Look"), sentences(e.Problem.Title, e.Problem.Fix), warn
	case e.Version != "":
		return lang.T("Ready"), lang.F("openconnect %s connects them", e.Version), good
	}
	return lang.T("Unknown"), lang.T("Not looked for yet"), neutral
}

// connectionName is what the user calls a connection.
func connectionName(c session.VPNSettings) string {
	return cmp.Or(c.Label(), vpnWords.nameless)
}

// phaseState is a connection's phase in a word, a sign and a colour; failed says that
// something is wrong with it.
func phaseState(p session.VPNPhase, failed bool) stateView {
	switch {
	case p == session.VPNSigningIn:
		return stateView{vpnWords.signingIn, "login", accent}
	case p == session.VPNConnecting:
		return stateView{vpnWords.connecting, "schedule", accent}
	case p == session.VPNConnected && failed:
		return stateView{vpnWords.connected, "error", warn}
	case p == session.VPNConnected:
		return stateView{vpnWords.connected, "check_circle", good}
	case p == session.VPNReconnecting:
		return stateView{vpnWords.reconnecting, "refresh", warn}
	case p == session.VPNDisconnecting:
		return stateView{vpnWords.disconnecting, "logout", neutral}
	case failed:
		return stateView{vpnWords.down, "error", bad}
	}
	return stateView{vpnWords.down, "link_off", neutral}
}

// tunnelText says what goes through a VPN.
func tunnelText(l session.VPNLink) string {
	switch {
	case l.Full4 && l.Full6:
		return lang.T("Full")
	case l.Full4:
		return lang.T("Full, without IPv6")
	case l.Full6:
		return lang.T("Full for IPv6 alone")
	case len(l.Routes) == 0:
		return vpnWords.nowhere
	}
	return lang.F("Split: %s", someOf(prefixes(l.Routes), 4))
}

// namesAsked says for which names a VPN's servers are asked.
func namesAsked(l session.VPNLink) string {
	switch {
	case l.AllNames && len(l.Servers) > 0:
		return vpnWords.allNames
	case len(l.Domains) == 0:
		return ""
	}
	return someOf(l.Domains, 4)
}

// someOf writes the first of some names, and how many more there are.
func someOf(names []string, most int) string {
	if len(names) > most {
		return listed(names, most)
	}
	return strings.Join(names, ", ")
}

func prefixes(ps []netip.Prefix) []string {
	var s []string
	for _, p := range ps {
		s = append(s, p.String())
	}
	return s
}

// addressesText are this machine's addresses in a VPN.
func addressesText(ps []netip.Prefix) string {
	var s []string
	for _, p := range ps {
		s = append(s, p.Addr().String())
	}
	return strings.Join(s, ", ")
}

// grouped writes a fingerprint in groups of four, as people compare them.
func grouped(fingerprint string) string {
	if first, more, ok := strings.Cut(fingerprint, " "); ok { // another server's
		return grouped(first) + "\n" + grouped(more)
	}
	kind, key, ok := strings.Cut(fingerprint, ":")
	if !ok {
		kind, key = "", fingerprint
	} else {
		kind += ": "
	}
	var groups []string
	for g := range slices.Chunk([]rune(key), 4) {
		groups = append(groups, string(g))
	}
	return kind + strings.Join(groups, " ")
}

// removeTitle asks whether to remove a connection.
func removeTitle(name string) string { return lang.F("Remove %s?", name) }

// trustText asks about the server at an address.
func trustText(address string) string {
	return lang.F("You connect to %s for the first time. Compare the fingerprint with the one that your administrator gives you. If it ever changes, Tidegate does not connect.", address)
}

// formTitle is the heading of a server's form.
func formTitle(name string) string { return lang.F("Sign in to %s", name) }
