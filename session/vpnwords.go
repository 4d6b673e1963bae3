package session

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// One table of words for classic VPNs: every failure gets a title, what it means,
// and what to do.
var vpnFailures = map[VPNFailureCode]Problem{
	VPNNoEngine: {Title: "openconnect is not installed", Detail: "Tidegate connects classic VPNs by it.",
		Fix: "Install the package openconnect, or have it installed: sudo apt install openconnect, or sudo dnf install openconnect."},
	VPNOldEngine: {Title: "openconnect is too old for this VPN", Detail: "The version on this machine does not speak the VPN's protocol.",
		Fix: "Have the package openconnect brought up to date, then connect again."},
	VPNNoHelper: {Title: "There is no helper for VPNs on this machine", Detail: "A VPN needs a network device, which Tidegate's helper makes.",
		Fix: "Open Settings and press Set up beside Helper: an administrator's password is asked for. Where it says Not installed, install Tidegate's package first. Then sign in to this desktop anew. In a terminal, `tidegate settings` says what to type."},
	VPNBusy: {Title: "Another VPN is connected", Detail: "Tidegate connects one VPN at a time on a machine.",
		Fix: "Disconnect the other one, yours or another user's, then connect this one."},
	VPNUnreachable: {Title: "The VPN's server was not reached", Detail: "Nobody answers at its address.",
		Fix: "Check the address and your network, then connect again."},
	VPNNoServer: {Title: "This is not a VPN's server", Detail: "Something answers at the address, and does not speak the VPN's protocol.",
		Fix: "Check the address and the protocol of the connection."},
	VPNOtherServer: {Title: "This is not the server that you trusted", Detail: "It has another key than the one that you have confirmed. Nothing was sent to it.",
		Fix: "Ask whoever runs the VPN whether its key was changed. If so, edit the connection and forget the certificate, then connect again; if not, leave this network."},
	VPNDistrusted: {Title: "You did not trust the server", Detail: "Nothing was sent to it.",
		Fix: "Ask whoever runs the VPN for the fingerprint of its certificate, connect again, and compare."},
	VPNRefused: {Title: "The VPN's server did not accept the sign-in", Detail: "The user, the password or the code is wrong, or this VPN is not open to you.",
		Fix: "Connect again and check Caps Lock; of one-time codes only the one shown now works."},
	VPNUnanswered: {Title: "You did not answer the VPN", Detail: "What was asked stood for too long, and others of this machine may want to connect a VPN meanwhile.",
		Fix: "Connect again when you have at hand what it asks for."},
	VPNExpired: {Title: "The VPN's session has ended", Detail: "The server no longer accepts it.",
		Fix: "Connect again and sign in."},
	VPNEnded: {Title: "The VPN's server ended the connection", Detail: "It was idle for too long, its time was up, or somebody ended it there.",
		Fix: "Connect again; if it is ended again, ask whoever runs the VPN."},
	VPNLost: {Title: "The VPN was interrupted for too long", Detail: "Its server did not answer any more.",
		Fix: "Check your network, then connect again."},
	VPNHostChecker: {Title: "The VPN's server wants this device checked", Detail: "It asks for its vendor's own checking program (Host Checker and the like), which Tidegate does not run.",
		Fix: "Ask whoever runs the VPN for a realm or group without that check, or use the vendor's program."},
	VPNBrowser: {Title: "The VPN's server wants a sign-in in a browser", Detail: "Tidegate signs in to VPNs by what the server asks, and not by a browser.",
		Fix: "Ask whoever runs the VPN for a realm or group with a password, or use the vendor's program."},
	VPNConflictFailed: {Title: "The VPN's addresses are taken", Detail: "The addresses that it gives this machine are those of your applications or of the network that you are in.",
		Fix: "Connect again, or from another network; if it stays, ask whoever runs the VPN for other addresses."},
	VPNOutside: {Title: "This machine does not allow the VPN", Detail: "Tidegate's helper lets it have none of the network.",
		Fix: "Ask whoever administers this machine what a VPN may have here (/etc/tidegate/helper.toml), or whoever runs the VPN for other addresses."},
	VPNFailed: {Title: "The VPN was not connected", Detail: "It ended, and Tidegate knows no more of why.",
		Fix: "Connect again; if it stays, show whoever runs the VPN, or administers this machine, what was last heard."},
}

// vpnOwnWords are the failures whose detail is this machine's own, and no server's.
var vpnOwnWords = []VPNFailureCode{VPNBusy, VPNNoHelper, VPNConflictFailed, VPNOutside}

// explainVPN says why a connection is not up.
func explainVPN(f *VPNFailure) *Problem {
	x, ok := vpnFailures[f.Code]
	if !ok {
		x = vpnFailures[VPNFailed]
	}
	x = x.said()
	x.Code = "vpn-" + string(f.Code)
	switch last := strings.TrimSuffix(strings.TrimSpace(f.Detail), "."); {
	case last == "":
	case f.Code == VPNBusy && strings.HasPrefix(last, `"`):
		x.Detail += " " + lang.F("Now it is %s.", last)
	case f.Code == VPNOldEngine:
		x.Detail = lang.F("%s: %s.", strings.TrimSuffix(x.Detail, "."), last)
	case slices.Contains(vpnOwnWords, f.Code):
		x.Detail += " " + upper(lang.T(last)) + "."
	default:
		x.Detail += " " + lang.F("Last heard: “%s”.", last)
	}
	return &x
}

// vpnBothMissing is what there is to say where neither openconnect nor the helper is there.
func vpnBothMissing() *Problem {
	a, b := vpnFailures[VPNNoEngine].said(), vpnFailures[VPNNoHelper].said()
	return &Problem{Code: "vpn-" + string(VPNNoEngine), Title: lang.T("openconnect and Tidegate's helper are not here"),
		Detail: a.Detail + " " + b.Detail, Fix: a.Fix + " " + b.Fix}
}

// explainVPNEngine says why nothing can be connected, or, as a warning, what else is
// wrong.
func explainVPNEngine(p *wire.Problem) *Problem {
	if _, ok := vpnFailures[VPNFailureCode(p.Code)]; ok {
		return explainVPN(&VPNFailure{Code: VPNFailureCode(p.Code), Detail: p.Detail})
	}
	x := &Problem{Code: "vpn-" + strings.TrimPrefix(string(p.Code), "vpn-"), Title: lang.Told(p.Title), Detail: Told(p.Detail),
		Fix: lang.T("Start Tidegate again; if it stays, tell whoever administers this machine.")}
	if p.Code == "vpn-connections" {
		x.Fix, x.Warning = lang.T("Add your connections anew; what could be saved of the old ones is in that file."), true
	}
	return x
}

// vpnLefts say why a VPN did not get something, and what to do.
var vpnLefts = map[VPNLeftWhy]struct{ why, fix string }{
	VPNLeftOurs: {"your applications are there, and Tidegate leads to them", ""},
	VPNLeftHere: {"the network that this machine is in uses the same addresses",
		"Connect from another network if you need what is there."},
	VPNLeftOutside: {"it is not among what a VPN may have on this machine",
		"Ask whoever administers this machine whether the VPN may have it (\"vpn_networks\" in /etc/tidegate/helper.toml)."},
	VPNLeftFull: {"there are too many",
		"Ask whoever runs the VPN to send fewer and larger networks."},
}

// leftOrder is the order in which they are told.
var leftOrder = []VPNLeftWhy{VPNLeftOutside, VPNLeftHere, VPNLeftFull, VPNLeftOurs}

// explainLeft says what a VPN that is up did not get.
func explainLeft(left []VPNLeft) *Problem {
	of := map[VPNLeftWhy][]string{}
	for _, l := range left {
		if _, ok := vpnLefts[l.Why]; !ok {
			l.Why = VPNLeftOutside
		}
		if l.What == "." {
			l.What = lang.T("all names that are nobody's")
		}
		of[l.Why] = append(of[l.Why], l.What)
	}
	x := &Problem{Code: "vpn-left", Title: lang.T("The VPN did not get all that its server asked for"), Warning: len(of[VPNLeftOurs]) < len(left)}
	if !x.Warning {
		x.Title = lang.T("Your applications stay with Tidegate")
	}
	var details, fixes []string
	for _, why := range leftOrder {
		if len(of[why]) > 0 {
			details = append(details, lang.F("Left out %s: %s.", someOf(of[why]), lang.T(vpnLefts[why].why)))
			if fix := vpnLefts[why].fix; fix != "" {
				fixes = append(fixes, lang.T(fix))
			}
		}
	}
	x.Detail, x.Fix = strings.Join(details, " "), strings.Join(fixes, " ")
	return x
}

// featureWords are the words for one of the six. In all words of warnings {who}
// stands for whose it is, and {ours} for the controller and the gateways.
type featureWords struct {
	name string // as its administrator knows it
	// seen is the title where the kernel shows it, and cure what to do; own and
	// ownCure where it is at a connection of the user's, which has it by another
	// program, since Tidegate applies none of the six; empty: the same.
	seen, cure   string
	own, ownCure string
	// set says what becomes of it where it stands in the settings of a connection,
	// which Tidegate connects without it, and instead what to do.
	set, instead string
}

var vpnFeatures = map[VPNFeature]featureWords{
	VPNRouteMonitoring: {
		name:    "Route Monitoring",
		seen:    "{who} takes routes away",
		own:     "Another program takes routes of {who} away",
		cure:    "Ask its administrator to switch Route Monitoring off for this machine, or disconnect {who} while you use your applications.",
		ownCure: "End the program that watches the routes, which may be another VPN's, or ask whoever administers this machine which one it is.",
		set: "Nobody watches whether other programs change the VPN's routes; Tidegate's own would have the VPN ended, or be taken away. " +
			"Your applications and the VPN both work.",
		instead: "Connect it here, and not by its vendor's program while you use your applications.",
	},
	VPNTrafficEnforcement: {
		name:    "Traffic Enforcement",
		seen:    "Nothing is let out but through {who}",
		cure:    "Ask its administrator to let {ours} past Traffic Enforcement, or disconnect {who} while you use your applications.",
		ownCure: "Ask whoever administers this machine to let {ours} past these rules, which are another program's.",
		set: "What goes around the VPN is not held back: enforced, that would be Tidegate's way to your applications, too. " +
			"Your applications and the VPN both work.",
		instead: "If your organisation insists on it, ask its administrator to let {ours} past it, and use one at a time until then.",
	},
	VPNStealthMode: {
		name: "Stealth Mode",
		seen: "{who} runs without showing itself",
		cure: "Ask its administrator which VPN this is, and to have it shown to you, if you did not know of it.",
		set: "The VPN shows here whether it is connected, and nothing connects it unseen. " +
			"Your applications and the VPN both work.",
		instead: "Connect it by hand. If its vendor's program is on this machine too, ask its administrator to take it away: unseen, it may connect the VPN a second time.",
	},
	VPNAlwaysOn: {
		name: "Always-on VPN (lock-down)",
		seen: "{who} lets nothing out while it is not connected",
		cure: "Connect it by its own program, or ask its administrator to let {ours} past the lock-down.",
		set: "The VPN does not connect by itself, and nothing is held back while it is not connected. " +
			"Your applications are reached with it and without.",
		instead: "Connect it by hand when you need it. If your organisation insists on the lock-down, ask its administrator to let {ours} past it.",
	},
	VPNLocationAwareness: {
		name: "Location awareness",
		seen: "{who} connects by which network it finds itself in",
		cure: "Connect and disconnect it by hand, or ask its administrator for rules that do not look your applications' names up.",
		set: "The network that you are in neither connects nor disconnects the VPN: Tidegate answers for your applications' names, and its rules might misjudge where you are. " +
			"Your applications and the VPN both work.",
		instead: "Connect and disconnect it by hand.",
	},
	VPNIPv6: {
		name: "IPv6 policy",
		seen: "{who} and IPv6 are in each other's way",
		cure: "Ask its administrator for IPv6 in the VPN, or disconnect {who} while you use what needs it.",
		set: "IPv6 is in the VPN as far as its server gives it, and is not held back beside it. " +
			"Your applications are reached by addresses of IPv4 on this machine.",
		instead: "If your organisation wants no IPv6 beside the VPN, ask its administrator to give it in the VPN.",
	},
}

// vpnHarms say what a conflict does to the user's applications; those of urgency
// come first.
var vpnHarms = map[VPNHarm]struct {
	urgency int
	title   string // in place of the feature's, where it is the better one
	detail  string
	cure    string // in place of the feature's, where it is the better one
}{
	VPNHarmAll: {urgency: 0, detail: "The controller and the gateways are not reached, so none of your applications is."},
	VPNHarmDevice: {urgency: 1,
		detail: "What programs send to your applications is dropped on its way to Tidegate: only those that use its proxy reach them."},
	VPNHarmRoutes: {urgency: 2,
		detail: "Routes to your applications, or into the VPN, were taken away again and again, and are not put back any more: what they lead to is not reached."},
	VPNHarmIPv6: {urgency: 3, title: "{who} holds IPv6 back",
		detail: "Addresses of IPv6 are not reached, nor are applications that have no other."},
	VPNHarmLeak: {urgency: 4, title: "IPv6 goes around {who}",
		detail: "Your applications work. What you do beside them over IPv6 does not go through the VPN, though all of IPv4 does.",
		cure:   "Ask its administrator for IPv6 in the VPN, or switch IPv6 off in this network's settings while it is connected."},
	VPNHarmUnderlay: {urgency: 5,
		detail: "The controller and the gateways are reached through the VPN alone: your applications work while it is connected, and may be slower."},
	VPNHarmPlace: {urgency: 6,
		detail: "The VPN may take this network for another, since Tidegate answers for your applications' names, and connect or disconnect by itself. Your applications work."},
	VPNHarmNone: {urgency: 7, detail: "Your applications are reached all the same."},
}

// vpnServed say how both are served; own is the title where it is at a connection
// of the user's; empty: the same.
var vpnServed = map[VPNServed]struct{ title, own, detail string }{
	VPNServedRoutes: {"{who} takes routes away, and Tidegate puts them back", "Another program takes routes of {who} away, and Tidegate puts them back",
		"What was taken is back, and is put back three times at most. Your applications and the VPN both work."},
	VPNServedIPv4: {"{who} has no way for IPv6, and your applications need none", "",
		"Your applications are reached by addresses on this machine that stand for them, those too that have IPv6 alone. Your applications and the VPN both work."},
	VPNServedPlace: {"{who} looks where it is, and gets the network's own answer", "",
		"What it looks up is answered by the network that you are in. Your applications and the VPN both work."},
	VPNServedAround: {"Nothing is let out but through {who}, and Tidegate goes there too", "",
		"The controller and the gateways are reached through the VPN in place of beside it. Your applications and the VPN both work."},
}

// otherFeature are the words for a feature of a later version's.
func otherFeature(f VPNFeature) featureWords {
	return featureWords{name: string(f), seen: "{who} has a feature that this version of Tidegate does not know",
		cure: "Disconnect {who} while you use your applications, and have Tidegate brought up to date."}
}

// spoken says in the user's language whose a warning is, and whom to let through.
func spoken(text, who, ours string) string {
	return strings.NewReplacer("{who}", who, "{ours}", ours).Replace(lang.T(text))
}

// vpnWho names whose a VPN is, within a sentence.
func vpnWho(label, program, adapter string) string {
	switch {
	case label != "":
		return label
	case program != "" && adapter != "":
		return lang.F("%s (adapter %s)", program, adapter)
	case program != "":
		return program
	case adapter != "":
		return lang.F("the VPN at adapter %s", adapter)
	}
	return lang.T("a VPN")
}
