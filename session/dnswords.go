package session

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// The codes of problems that the name service has, or that touch it.
const (
	codeCompetitor = "dns-competitor-" // and whose zone
	codeUnasked    = "dns-unasked"
)

// dnsFixes say what to do about a name service that does not work, by what the
// helper says or, for the rest, in general.
var dnsFixes = map[wire.Code]string{
	"busy":        "Another user, or another Tidegate of yours, has the names of this machine: end that one, or sign out there.",
	"outside":     "Ask whoever administers this machine to add the names to \"domains\" in /etc/tidegate/helper.toml.",
	"stranger":    "Ask whoever administers this machine to let you use its helper.",
	"bad-request": "Have tidegate-helper brought to the version of this Tidegate. Until then, reach applications at the addresses that `tidegate apps` lists, or through the proxy.",
	"full":        "Ask your administrator to name the applications by a wildcard, such as *.corp.example, in place of each by its own.",
	"no-way":      "Nothing that this system asks names with is known here. Ask whoever administers it to use systemd-resolved, resolvconf or a plain /etc/resolv.conf.",
	"rp-filter": "Ask whoever administers this machine to set net.ipv4.conf.all.rp_filter to 2: " +
		"with strict filtering the answers of the network's own servers are dropped while a VPN has the default route.",
	"enforced": "Ask whoever runs that VPN to let this machine ask the network's own name servers, or disconnect it.",
	"underlay": "Ask your administrator to give the controller and the gateways names outside that domain.",
	"conflict": "Leave that network, or disconnect the VPN that uses these addresses, and sign in again.",
}

// explainDNS says why programs do not look the applications' names up here.
func explainDNS(p *wire.Problem) *Problem {
	fix := dnsFixes[p.Code]
	if fix == "" {
		fix = "Tidegate keeps trying. Until it works, reach applications at the addresses that `tidegate apps` lists, or through the proxy."
	}
	return &Problem{Code: "dns-" + string(p.Code), Title: lang.Told(p.Title), Detail: Told(p.Detail), Fix: lang.T(fix), Action: "acknowledge", Warning: true}
}

// explainCompetitor warns of somebody else who is asked for names of ours.
func explainCompetitor(c Competitor) *Problem {
	fix := "Take %s out of its DNS settings, or disconnect it while you use the applications. `tidegate dns explain NAME` says who answers for a name."
	if c.Adapter == "" {
		fix = "Take %s out of its DNS settings, or end that program while you use the applications. `tidegate dns explain NAME` says who answers for a name."
	}
	return &Problem{Code: codeCompetitor + c.Domain + "-" + c.Adapter, Action: "acknowledge", Warning: true,
		Title: lang.F("%s answers for your applications too", c.who()),
		Detail: lang.F("It has claimed the names below %s, which are your applications'. Lookups of them go there, too or instead, and may lead elsewhere.",
			c.Domain),
		Fix: lang.F(fix, c.Domain)}
}

// explainUnasked says that the browser asked somebody else, and what to set.
func explainUnasked(a *App) *Problem {
	return &Problem{Code: codeUnasked, Action: "acknowledge", Warning: true,
		Title:  lang.F("Your browser has not looked up %s here", plainName(a.Host)),
		Detail: lang.T("It probably asks a DNS service of its own (DNS over HTTPS), which does not know your applications."),
		Fix: lang.T("Firefox: Settings, Privacy & Security, DNS over HTTPS: Off, or the name under Manage Exceptions. " +
			"Chrome and Edge: Settings, Privacy and security, Security: \"Use secure DNS\" off.")}
}

// modeWords say what a mode is.
var modeWords = map[string]string{
	"resolved-delegate": "systemd-resolved",
	"resolved-link":     "systemd-resolved",
	"resolvconf":        "resolvconf",
	"openresolv":        "resolvconf",
	"direct":            "/etc/resolv.conf",
}

// dnsHappened tells of a name service that came, went or changed.
func dnsHappened(prev, next *DNS, add func(string, wire.AppID, string, ...any)) {
	var was, is DNS
	if prev != nil {
		was = *prev
	}
	if next != nil {
		is = *next
	}
	switch {
	case was.Mode != is.Mode && is.Mode != "":
		word := modeWords[is.Mode]
		if word == "" {
			word = is.Mode
		}
		add("dns-on", "", "Programs find your applications by their names, by way of %s", word)
	case was.Mode != is.Mode:
		add("dns-off", "", "Programs do not find your applications by their names any more")
	case is.Mode != "" && !slices.Equal(was.Zones, is.Zones):
		add("dns-changed", "", "The names that lead to your applications changed: %s", someOf(is.Zones))
	}
	for _, c := range is.Competitors {
		if c.Wins && !slices.Contains(was.Competitors, c) {
			add("dns-competitor", "", "%s claimed names below %s, which are your applications'", c.who(), c.Domain)
		}
	}
	if p := is.Problem; p != nil && (was.Problem == nil || was.Problem.Code != p.Code) {
		add("dns-problem", "", "%s", p.Title)
	}
}

// someOf names the first few.
func someOf(all []string) string {
	const few = 4
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	more := len(all) - few
	return lang.N("%s and %d more", "%s and %d more", more, strings.Join(all[:few], ", "), more)
}
