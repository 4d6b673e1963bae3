package window

import (
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// activityWords are the texts of the activity page.
var activityWords = struct {
	search, all, everything, only, export                  string
	noneTitle, noneText, hitsText                          string
	loading, unread                                        string
	exportTitle, exportText, exportSome, exportFile        string
	exportDo, exportOver, exportThere, exportKind, exports string
	exportEmpty                                            string
}{
	search: "Search activity", all: "All", everything: "All kinds", only: "Only %s", export: "Export",
	noneTitle: "Nothing of this kind has happened", noneText: "Choose another kind, or all.",
	hitsText: "The search looks at what happened, in any order of words.",
	loading:  "Looking further back…", unread: "What happened earlier cannot be shown: %v",
	exportTitle: "Export activity", exportText: "Everything that is kept is written, with its times and kinds.",
	exportSome: "What the search and the kind that you chose leave is written, further back than is shown too.",
	exportFile: "File (its name ends in .csv or .json)", exportDo: "Export", exportOver: "Replace it",
	exportThere: "There is such a file already. Replace it, or choose another name.",
	exportKind:  "Let the name end in .csv for a table or in .json for programs.",
	exports:     "%d events written to %s", exportEmpty: "There is nothing to export.",
}

// topicWord names what events are about.
func topicWord(t session.Topic) string {
	switch t {
	case session.TopicAccess:
		return lang.T("Access")
	case session.TopicApps:
		return words.applications
	case session.TopicChannels:
		return lang.T("Channels")
	case session.TopicNames:
		return words.names
	case session.TopicVPN:
		return "VPN"
	}
	return activityWords.all
}

// topicIcon is the sign of a topic.
func topicIcon(t session.Topic) string {
	switch t {
	case session.TopicAccess:
		return "login"
	case session.TopicApps:
		return "open_in_new"
	case session.TopicChannels:
		return "lan"
	case session.TopicNames:
		return "dns"
	case session.TopicVPN:
		return "vpn_key"
	}
	return "history"
}

// noEvents is said when a search finds nothing.
func noEvents(query string) string {
	return lang.F("Nothing that happened matches “%s”", query)
}
