package window

import (
	"fmt"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// settingWords are the texts of the settings.
var settingWords = struct {
	language, languageText                           string
	notices, noticesAll, noticesImportant            string
	noticesNone, allText, importantText, noneText    string
	login, loginText                                 string
	idle, idleText, idleAsSet                        string
	fixed                                            string
	ride, rideText, lead, leadText                   string
	values, valuesText, strict, strictText           string
	on, off                                          string
	unlock                                           string
	helper, setUp, helperVersion                     string
	readyWord, readyText, stoppedWord, stoppedText   string
	closedWord, closedText, waitingWord, waitingText string
	absentWord, absentText, incomplete               string
}{
	language: "Language", languageText: "Of this window, the tray and the notifications",
	notices: "Notifications", noticesAll: "All", noticesImportant: "Important", noticesNone: "None",
	allText:       "The desktop tells you of all that concerns your access",
	importantText: "The desktop tells you what waits for you, and what takes access away",
	noneText:      "The desktop tells you nothing. The tray icon and this window do all the same",
	login:         "Start at login", loginText: "Tidegate starts with the desktop, in the tray",
	idle: "Idle time", idleText: "A channel that carries nothing for so long rests, and goes on when you use it", idleAsSet: "Default: %s",
	fixed: "Set by your administrator",
	ride:  "Interruptions", rideText: "The controller may be out of reach for so long before access is prevented",
	lead: "Warning", leadText: "You are asked so long before access would lapse",
	values: "Hidden values", valuesText: "You are told what kind of condition is not met, and not its values",
	strict: "Strict names", strictText: "Names that are not your applications’ are asked of the network’s own servers, even beside a VPN",
	on: "On", off: "Off",
	unlock: "Unlock",
	helper: "Helper", setUp: "Set up", helperVersion: "Version %s.",
	readyWord: "Ready", readyText: "All programs reach your applications by their own names, and VPNs can be connected.",
	stoppedWord: "Not running", stoppedText: "It makes the network device by which all programs reach your applications by their own names.",
	closedWord: "Not for you yet", closedText: "It runs for others. Set it up, and it serves you too.",
	waitingWord: "Sign in anew", waitingText: "It is set up. Sign out of this desktop and in again, and it serves you.",
	absentWord: "Not installed", absentText: "Tidegate’s package brings it. Until then applications are opened here, or through the proxy.",
	incomplete: "What sets it up is missing here. Install Tidegate’s package again.",
}

// spanText is a time that something lasts.
func spanText(d wire.Duration) string {
	switch t := d.D().Round(time.Second); {
	case t < time.Minute:
		return lang.F("%d s", int(t.Seconds()))
	case t%time.Minute != 0:
		return lang.F("%d min %d s", int(t.Minutes()), int(t.Seconds())%60)
	case t < time.Hour:
		return lang.F("%d min", int(t.Minutes()))
	case t%time.Hour == 0:
		return lang.F("%d h", int(t.Hours()))
	default:
		return lang.F("%d h %d min", int(t.Hours()), int(t.Minutes())%60)
	}
}

// onOff is the state of what is either.
func onOff(on bool) string {
	if on {
		return settingWords.on
	}
	return settingWords.off
}

// noticesText says what the user hears of by notices.
func noticesText(n session.Notices) string {
	switch n {
	case session.NoticesImportant:
		return settingWords.importantText
	case session.NoticesNone:
		return settingWords.noneText
	}
	return settingWords.allText
}

// helperView is what the page shows of the helper.
type helperView struct {
	known      bool
	word, text string
	tone       tone
	setUp      bool   // it can be set up here
	busy       bool   // it is being set up
	command    string // to copy, where setting it up has come to nothing
}

// helperText explains the helper's state.
func helperText(h session.Helper) helperView {
	v := helperView{known: true, setUp: h.CanSetUp(), busy: h.Working, tone: neutral}
	switch h.Phase {
	case session.HelperReady:
		v.word, v.text, v.tone = settingWords.readyWord, settingWords.readyText, good
	case session.HelperStopped:
		v.word, v.text = settingWords.stoppedWord, settingWords.stoppedText
	case session.HelperClosed:
		v.word, v.text = settingWords.closedWord, settingWords.closedText
	case session.HelperWaiting:
		v.word, v.text, v.tone = settingWords.waitingWord, settingWords.waitingText, warn
	case session.HelperAbsent:
		v.word, v.text = settingWords.absentWord, settingWords.absentText
	default:
		return helperView{}
	}
	if h.Command == "" && (h.Phase == session.HelperStopped || h.Phase == session.HelperClosed) {
		v.text = sentences(v.text, settingWords.incomplete)
	}
	if p := h.Problem; p != nil && !h.Working {
		v.text, v.tone, v.command = sentences(p.Title, sentences(p.Detail, p.Fix)), warn, h.Command
	}
	if h.Version != "" {
		v.text = sentences(v.text, fmt.Sprintf(settingWords.helperVersion, h.Version))
	}
	return v
}
