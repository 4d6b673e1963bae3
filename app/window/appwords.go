package window

import (
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// appWords are the words of the applications' page and of one application.
var appWords = struct {
	grid, list, pinned, recent, allApps              string
	accessTitle, reachTitle, flowsTitle              string
	byName, devices, viaAddress, viaProxy, viaName   string
	viaUnknown, resting, showAll, showFewer, noFlows string
	helpdesk, helpdeskCopied                         string
}{
	grid: "Show as cards", list: "Show as a list", pinned: "Pinned", recent: "Recent", allApps: "All applications",
	accessTitle: "Access", reachTitle: "Addresses", flowsTitle: "Open connections",
	byName: "By name", devices: "On this device",
	viaAddress: "At its local address", viaProxy: "Through the proxy", viaName: "By its name", viaUnknown: "Opened by a program",
	resting: "at rest", showAll: "Show all %d", showFewer: "Show fewer", noFlows: "None. One opens by itself when a program uses it.",
	helpdesk: "Copy for the helpdesk", helpdeskCopied: "Copied. Paste it into your message to the helpdesk.",
}

// viaWord says how a program opened a connection.
func viaWord(v session.Via) string {
	switch v {
	case session.ViaAddress:
		return appWords.viaAddress
	case session.ViaProxy:
		return appWords.viaProxy
	case session.ViaName:
		return appWords.viaName
	}
	return appWords.viaUnknown
}

// ageText says for how long something has been, to its largest units.
func ageText(d time.Duration) string {
	switch minutes := int(d / time.Minute); {
	case minutes < 1:
		return lang.T("less than a minute")
	case minutes < 60:
		return lang.F("%d min", minutes)
	case minutes < 24*60:
		return lang.F("%d h %d min", minutes/60, minutes%60)
	default:
		return lang.F("%d d %d h", minutes/60/24, minutes/60%24)
	}
}
