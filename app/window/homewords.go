package window

import (
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/session"
)

// homeWords are the words of the page Home.
var homeWords = struct {
	page                                 string
	pinned, recent, apps                 string
	pin, unpin, pinHint, keysHint        string
	tells, asks                          string
	next, nothing, waiting, connections  string
	morning, afternoon, evening, welcome string
	noneOpen                             string
	unpinGone                            string
}{
	page:   "Home",
	pinned: "Pinned", recent: "Recent", apps: "Applications",
	pin: "Pin %s", unpin: "Unpin %s",
	pinHint:  "The pin keeps an application here",
	keysHint: "%s: Enter · Details: Space · Pin: P",
	tells:    "Show why", asks: "Answer",
	next: "Next", nothing: "Nothing changes by itself.", waiting: "Looking ahead…", connections: "Connections",
	morning: "Good morning, %s", afternoon: "Good afternoon, %s", evening: "Good evening, %s", welcome: "Welcome",
	noneOpen:  "None of your applications is open to you now.",
	unpinGone: "Unpin",
}

// The hours at which a greeting begins, and at which a day does.
var greetingHours = []int{0, 5, 12, 18, 24}

// greeting greets who is signed in.
func greeting(u session.User, now time.Time) string {
	name := firstName(u)
	if name == "" {
		return homeWords.welcome
	}
	switch h := timezone.In(now).Hour(); {
	case h < 5 || h >= 18:
		return lang.F(homeWords.evening, name)
	case h < 12:
		return lang.F(homeWords.morning, name)
	}
	return lang.F(homeWords.afternoon, name)
}

// nextGreeting is when another greeting, or another day, begins.
func nextGreeting(now time.Time) time.Time {
	now = timezone.In(now)
	for _, h := range greetingHours {
		if at := time.Date(now.Year(), now.Month(), now.Day(), h, 0, 0, 0, timezone.Local()); at.After(now) {
			return at
		}
	}
	return now.Add(24 * time.Hour)
}

// firstName is what a person is called; a name with a comma begins with the other one.
func firstName(u session.User) string {
	words := strings.Fields(u.DisplayName)
	switch {
	case len(words) == 0:
		return u.Name
	case strings.Contains(u.DisplayName, ","):
		return u.DisplayName
	}
	return words[0]
}

// nowText is what holds now, in a sentence or a few. Open is only what somebody has
// judged: what has not been used yet is ready to be, unless it was foreseen that nobody
// would be let in.
func nowText(s session.State) string {
	switch {
	case s.ZTA.Working:
		return full(s.ZTA.Detail)
	case !s.ZTA.Allowed:
		return homeWords.noneOpen
	}
	var open, used, wait int
	judged := true
	for i := range s.Apps {
		a := &s.Apps[i]
		switch a.State {
		case session.AppInUse:
			used++
			open++
		case session.AppReady:
			switch {
			case a.Allowed || a.Foreseen == session.OutlookOpen:
				open++
			case a.Foreseen == "" || a.Foreseen == session.OutlookScript:
				open++
				judged = false
			}
		case session.AppNeedsYou:
			wait++
		}
	}
	var text string
	switch n := len(s.Apps); {
	case open == 0:
		text = homeWords.noneOpen
	case open == n && judged:
		text = lang.N("All your applications (%d) are open to you.", "All your %d applications are open to you.", n, n)
	case open == n:
		text = lang.N("Your application (%d) is ready to be used.", "Your %d applications are ready to be used.", n, n)
	case judged:
		text = lang.N("%d of your %d applications is open to you.", "%d of your %d applications are open to you.", open, open, n)
	default:
		text = lang.N("%d of your %d applications is ready to be used.", "%d of your %d applications are ready to be used.", open, open, n)
	}
	if used > 0 {
		text += " " + lang.N("%d is in use.", "%d are in use.", used, used)
	}
	if wait > 0 {
		text += " " + lang.N("%d waits for you.", "%d wait for you.", wait, wait)
	}
	return text
}

// goneText says how many pinned applications are not the user's any more.
func goneText(n int) string {
	return lang.N("%d pinned application is not available to you any more.", "%d pinned applications are not available to you any more.", n, n)
}

// tileWord is an application's state in a word, and until when it holds.
func tileWord(word, until string) string {
	return strings.Join(nonEmpty(word, until), " · ")
}

// linkText says since when something is connected, and by what.
func linkText(since, now time.Time, transport, by string) string {
	var from string
	if !since.IsZero() {
		from = lang.F("since %s", moment(since, now))
	}
	return strings.Join(nonEmpty(from, transport, by), " · ")
}
