package window

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// words are the texts that this package says itself. They are written in English,
// as those of other words are, and speak translates them.
var words = struct {
	title, applications, activity, settings                               string
	general, show, hide, close, copy, copied, later, cancel               string
	search, searchClear                                                   string
	signIn, signOut, enrol, signedOut, notEnrolled, retry                 string
	controller, sessionUntil                                              string
	phaseOff, phaseKeyless, phaseConnecting, phaseReconnecting, phaseLost string
	ready, inUse, needsYou, blocked, asksFirst, closed                    string
	gwOff, gwConnecting, gwConnected, gwSuspended                         string
	verify, gotIt, showWhat, otherGroup                                   string
	emptyEnrolTitle, emptyEnrolText                                       string
	emptyOutTitle, emptyOutText                                           string
	emptyLostTitle, emptyLostText                                         string
	emptyWaitTitle, emptyWaitText                                         string
	emptyOpenTitle, emptyOpenText, emptyShutTitle, emptyShutText          string
	emptyNoneTitle, emptyNoneText                                         string
	emptyHitsText                                                         string
	emptyActivityTitle, emptyActivityText                                 string
	today, yesterday                                                      string
	readyTitle, readyText, inUseTitle, inUseText                          string
	restTitle, restText, atRest, someRest                                 string
	unknownWhy, copyAddress, copyCommand                                  string
	factUntil, factAgain, factAddress, factCommand, factFlows, factData   string
	factUsed, factDecision, factSite, factSince, never                    string
	termsTitle, termsHidden                                               string
	proposeTitle, enrolTitle, enrolText, enrolField, enrolHint, enrolDo   string
	signInTitle, password, passwordHint, code                             string
	verifyTitle, verifyDo, reason, reasonHint, acknowledge                string
	reasonDo, messageTitle, reasonTitle, passwordTitle                    string
	messageWord, codeWord, choose                                         string
	quitTitle, quitDo                                                     string
	busy, failed, checking                                                string
	appearance, appearanceText, system, dark, light                       string
	textSize, textSizeText, percent                                       string
	thisDevice, aboutTitle, version, versionText                          string
	deviceID, deviceText, organisation, notEnrolledText                   string
	keychain, tray, names                                                 string
}{
	title: "Tidegate", applications: "Applications", activity: "Activity", settings: "Settings",
	general: "General",
	show:    "Show password", hide: "Hide password", close: "Close", copy: "Copy", copied: "Copied",
	later: "Later", cancel: "Cancel",
	search: "Search applications", searchClear: "Clear search",
	signIn: "Sign in", signOut: "Sign out", enrol: "Enrol this device", signedOut: "Signed out",
	notEnrolled: "Not enrolled", retry: "Try again",
	controller: "Controller", sessionUntil: "Session until",
	phaseOff: "Not enrolled", phaseKeyless: "Not connected", phaseConnecting: "Connecting…", phaseReconnecting: "Reconnecting…", phaseLost: "Not reached",
	ready: "Ready", inUse: "In use", needsYou: "Needs you", blocked: "Blocked", asksFirst: "Asks first", closed: "Closed",
	gwOff: "Not in use", gwConnecting: "Connecting…", gwConnected: "Connected", gwSuspended: "Suspended",
	verify: "Verify", gotIt: "Got it", showWhat: "Show", otherGroup: "Other",
	emptyEnrolTitle: "Enrol this device to begin",
	emptyEnrolText:  "Your administrator sends you an enrolment link. It tells this device which controller to trust, and gives it a certificate of its own.",
	emptyOutTitle:   "You are signed out",
	emptyOutText:    "Sign in, and the applications that you may use appear here.",
	emptyLostTitle:  "Access is prevented until the controller is reached again",
	emptyLostText:   "Tidegate keeps trying by itself. Check whether this device is online.",
	emptyWaitTitle:  "Connecting to the controller…",
	emptyWaitText:   "Your applications appear here in a moment.",
	emptyOpenTitle:  "Opening the keychain…",
	emptyOpenText:   "The key of this device is in it. Your desktop may ask you for its password.",
	emptyShutTitle:  "Waiting for the keychain",
	emptyShutText:   "The key of this device is in it. Your applications appear here as soon as it opens.",
	emptyNoneTitle:  "No applications yet",
	emptyNoneText:   "You are signed in, but nothing is assigned to you. Ask your administrator for access; it appears here without a restart.",
	emptyHitsText:   "The search looks at names, descriptions, groups and hosts.",

	emptyActivityTitle: "Nothing has happened yet",
	emptyActivityText:  "Sign-ins, connections and changes of your access are listed here.",
	today:              "Today", yesterday: "Yesterday",
	readyTitle: "Ready", readyText: "The connection opens by itself when you use it.",
	inUseTitle: "In use", inUseText: "It goes to sleep by itself when you stop using it.",
	restTitle: "Open, and at rest", restText: "Its connections go on as soon as either end has something to say.", atRest: "%d · at rest", someRest: "%d · %d at rest",
	unknownWhy: "Access is not confirmed", copyAddress: "Copy address", copyCommand: "Copy command",
	factUntil: "Access until", factAgain: "Decided again", factAddress: "Local address", factCommand: "Command", factFlows: "Open connections", factData: "Sent and received",
	factUsed: "Last used", factDecision: "Decision", factSite: "Gateway site", factSince: "Since", never: "Not yet",
	termsTitle: "What decides", termsHidden: "Your administrator hides the values.",

	enrolTitle: "Enrol this device", enrolText: "Paste the enrolment link that your administrator sent you. It says which controller to trust and works once.",
	proposeTitle: "Trust this controller?",
	enrolField:   "Enrolment link", enrolHint: "tidegate:enrol?controller=…", enrolDo: "Enrol",
	signInTitle: "Sign in", password: "Password", passwordHint: "Your password", code: "One-time code",
	verifyTitle: "Confirm it’s you", verifyDo: "Verify", reason: "Reason", reasonHint: "For example: ticket 4711", acknowledge: "I have read this",
	reasonDo: "Continue", messageTitle: "Please read this", reasonTitle: "Why do you need access?", passwordTitle: "Type your password again",
	messageWord: "Message", codeWord: "Code", choose: "Choose how to answer",
	quitTitle: "Quit Tidegate?", quitDo: "Quit",
	busy: "Tidegate is still busy with what you asked before. Try again in a moment.", failed: "That did not work: %v", checking: "Checking…",
	appearance: "Appearance", appearanceText: "Theme of this window", system: "System", dark: "Dark", light: "Light",
	textSize: "Text size", textSizeText: "Of all there is to read in this window", percent: "%d %%",
	thisDevice: "This device", aboutTitle: "About", version: "Version", versionText: "Tidegate, an open zero-trust access client",
	deviceID: "Device", deviceText: "Its id, as your administrator sees it", organisation: "Organisation",
	notEnrolledText: "This device belongs to no controller yet",
	keychain:        "Keychain", tray: "Tray icon", names: "Names",
}

// proposeText asks about a link that was clicked.
func proposeText(controller string) string {
	return lang.F("The link that you opened enrols this device with the controller at %s. Go on only if your administrator sent it to you.", controller)
}

// noHits is said when a search finds nothing.
func noHits(query string) string { return lang.F("No application matches “%s”", query) }

// hits says how many of all applications a search shows.
func hits(n, all int) string {
	if n == all {
		return fmt.Sprintf("%d", all)
	}
	return lang.F("%d of %d", n, all)
}

// briefUntil says when access ends, where there is little room.
func briefUntil(t, now time.Time) string {
	switch day := days(now, t); {
	case day == 0:
		return lang.F("until %s", timezone.In(t).Format("15:04"))
	case day > 0 && day < 7:
		return lang.F("until %s", lang.Time(timezone.In(t), "Mon 15:04"))
	}
	return lang.F("until %s", lang.Time(timezone.In(t), "2 Jan"))
}

// moment writes an instant as briefly as is clear, in local time.
func moment(t, now time.Time) string {
	t, now = timezone.In(t), timezone.In(now)
	switch day := days(now, t); {
	case day == 0:
		return t.Format("15:04")
	case day == 1:
		return lang.F("tomorrow %s", t.Format("15:04"))
	case day == -1:
		return lang.F("yesterday %s", t.Format("15:04"))
	case day > 1 && day < 7:
		return lang.Time(t, "Mon 15:04")
	case t.Year() == now.Year():
		return lang.Time(t, "2 Jan 15:04")
	}
	return lang.Time(t, "2 Jan 2006 15:04")
}

// exactly writes an instant to the second, where it is not of a whole minute.
func exactly(t, now time.Time) string {
	s := moment(t, now)
	if sec := t.Second(); sec != 0 {
		s += fmt.Sprintf(":%02d", sec)
	}
	return s
}

// dayName names the day of t.
func dayName(t, now time.Time) string {
	switch days(t, now) {
	case 0:
		return words.today
	case 1:
		return words.yesterday
	}
	return capital(lang.Time(timezone.In(t), "Monday, 2 January"))
}

// days counts the midnights between a and b.
func days(a, b time.Time) int {
	a, b = timezone.In(a), timezone.In(b)
	da := time.Date(a.Year(), a.Month(), a.Day(), 12, 0, 0, 0, time.UTC)
	db := time.Date(b.Year(), b.Month(), b.Day(), 12, 0, 0, 0, time.UTC)
	return int(db.Sub(da) / (24 * time.Hour))
}

// countdown says how long is left until access lapses.
func countdown(left time.Duration) string {
	left = max(0, left.Round(time.Second))
	if left == 0 {
		return lang.T("Access has lapsed until you answer")
	}
	if left >= time.Hour {
		return lang.F("Access lapses in %d:%02d:%02d", int(left.Hours()), int(left.Minutes())%60, int(left.Seconds())%60)
	}
	return lang.F("Access lapses in %d:%02d", int(left.Minutes()), int(left.Seconds())%60)
}

// bytesText writes an amount of data.
func bytesText(n int64) string {
	units := []string{lang.T("%s B"), lang.T("%s kB"), lang.T("%s MB"), lang.T("%s GB"), lang.T("%s TB")}
	v, digits := float64(n), 0
	for v >= 1000 && len(units) > 1 {
		v, units, digits = v/1000, units[1:], 1
	}
	if v >= 100 {
		digits = 0
	}
	return fmt.Sprintf(units[0], lang.Decimal(v, digits))
}

// listed writes some names, and how many more there are.
func listed(names []string, most int) string {
	switch {
	case len(names) == 0:
		return lang.T("your applications")
	case len(names) > most:
		more := len(names) - most
		return lang.N("%s and %d more", "%s and %d more", more, strings.Join(names[:most], ", "), more)
	case len(names) == 1:
		return names[0]
	}
	return lang.F("%s and %s", strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

// verifyToKeep is said of a dismissed prompt.
func verifyToKeep(apps []string, lapses time.Time, now time.Time) (title, detail string) {
	if lapses.IsZero() || !now.Before(lapses) {
		return lang.F("Verify to use %s", listed(apps, 2)), lang.T("Access is blocked until you answer.")
	}
	return lang.F("Verify to keep %s", listed(apps, 2)), lang.F("Access lapses at %s.", moment(lapses, now))
}

// asks is the heading of a prompt, and what it is good for.
func asks(kinds []wire.InteractionKind, apps []string, lapsed bool) (title, text string) {
	title = words.verifyTitle
	if len(kinds) == 1 {
		switch kinds[0] {
		case wire.InteractionPassword:
			title = words.passwordTitle
		case wire.InteractionReason:
			title = words.reasonTitle
		case wire.InteractionMessage:
			title = words.messageTitle
		}
	}
	if lapsed {
		return title, lang.F("Then you can use %s.", listed(apps, 3))
	}
	return title, lang.F("To keep using %s.", listed(apps, 3))
}

// quitText says what quitting ends; empty: nothing.
func quitText(s session.State) string {
	var text string
	if n := inUse(s); n == 1 {
		text = lang.T("One application is in use. Quitting closes its connections.")
	} else if n > 1 {
		text = lang.N("%d application is in use. Quitting closes its connections.", "%d applications are in use. Quitting closes their connections.", n, n)
	}
	for _, c := range s.VPN.Connections {
		if c.Linked() {
			return sentences(text, lang.F("The VPN %s is connected. Quitting disconnects it.", connectionName(c.VPNSettings)))
		}
	}
	return text
}

// choiceWord names one of n ways to answer.
func choiceWord(k wire.InteractionKind, n int) string {
	switch k {
	case wire.InteractionMFA:
		if n > 2 {
			return words.codeWord
		}
		return words.code
	case wire.InteractionPassword:
		return words.password
	case wire.InteractionReason:
		return words.reason
	case wire.InteractionMessage:
		return words.messageWord
	}
	return string(k)
}

// cureWord is the button that would open or keep an application.
func cureWord(kinds []wire.InteractionKind) string {
	if len(kinds) == 1 {
		switch kinds[0] {
		case wire.InteractionMFA:
			return lang.T("Enter a code")
		case wire.InteractionPassword:
			return lang.T("Type your password")
		case wire.InteractionReason:
			return lang.T("Give a reason")
		case wire.InteractionMessage:
			return lang.T("Read the message")
		}
	}
	return words.verify
}

// protocolWord names a protocol to people.
func protocolWord(scheme string) string {
	switch scheme {
	case "http", "https":
		return lang.T("Web")
	}
	return strings.ToUpper(scheme)
}

// openWord is what the main button of an application does.
func openWord(k session.OpenKind) string {
	switch k {
	case session.OpenBrowser:
		return lang.T("Open in browser")
	case session.OpenTerminal:
		return words.copyCommand
	}
	return words.copyAddress
}

// openedWord says what was done.
func openedWord(k session.OpenKind) string {
	switch k {
	case session.OpenBrowser:
		return lang.T("Opening in your browser…")
	case session.OpenTerminal:
		return lang.T("Command copied. Paste it into a terminal.")
	}
	return lang.T("Address copied. Paste it into your program.")
}

// keychainText explains the keychain's state.
func keychainText(k session.Keychain) (text string, t tone) {
	switch k {
	case session.KeychainReady:
		return lang.T("Holds your session and this device’s key"), good
	case session.KeychainLocked:
		return lang.T("Locked. Unlock it, and your session survives a restart"), warn
	case session.KeychainAbsent:
		return lang.T("None found. Your session is kept in memory and ends with Tidegate"), warn
	}
	return lang.T("Not asked yet"), neutral
}

func keychainWord(k session.Keychain) string {
	switch k {
	case session.KeychainReady:
		return lang.T("Ready")
	case session.KeychainLocked:
		return lang.T("Locked")
	case session.KeychainAbsent:
		return lang.T("Absent")
	}
	return lang.T("Unknown")
}

// trayText explains the tray's state.
func trayText(t session.TrayHost) (word, text string, tn tone) {
	switch t {
	case session.TrayPresent:
		return lang.T("Shown"), lang.T("Tidegate runs on there when you close this window"), good
	case session.TrayAbsent:
		return lang.T("Absent"), lang.T("This desktop shows no tray icons. This window does everything the icon would"), warn
	}
	return lang.T("Unknown"), lang.T("The desktop has not answered yet"), neutral
}

// namesText explains how programs find the applications by their names.
func namesText(s session.State) (word, text string, t tone) {
	d := s.Local.DNS
	switch {
	case d == nil && s.User.Name == "":
		return lang.T("Off"), lang.T("Nobody is signed in"), neutral
	case d == nil:
		return lang.T("Unknown"), lang.T("Not set up yet"), neutral
	case d.Problem != nil:
		return lang.T("Look"), full(d.Problem.Title) + " " + d.Problem.Fix, warn
	case d.Mode != "" && d.All:
		return lang.T("On"), lang.T("Programs find your applications by their names. All other names are passed on, unchanged"), good
	case d.Mode != "":
		return lang.T("On"), lang.T("Programs find your applications by their names. All other names are asked for elsewhere, as ever"), good
	case d.Rootless:
		return lang.T("Off"), lang.T("Applications are opened here, or through the proxy. With tidegate-helper, which comes with Tidegate's package, all programs find them by their names"), neutral
	}
	return lang.T("Off"), d.Why, neutral
}

// lockedOut says until when.
func lockedOut(t, now time.Time) string { return lang.F("Try again at %s.", moment(t, now)) }

// captioned is what something is, and what it is for or about, in one: the name of
// what is named for those who do not see what it stands beside.
func captioned(what, about string) string { return lang.F("%s: %s", what, about) }

// sentence is an error as a sentence. One that has no language of its own is told.
func sentence(err error) string {
	s := lang.Told(err.Error())
	if s == "" {
		return s
	}
	return full(capital(s))
}

// signInText says who is to sign in where.
func signInText(user, organisation string) string {
	if organisation == "" {
		return lang.F("as %s", user)
	}
	return lang.F("as %s at %s", user, organisation)
}

// moreText says how many more there are than are shown.
func moreText(n int) string { return lang.N("%d more", "%d more", n, n) }
