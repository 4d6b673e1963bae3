package window

import (
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// enrolWords are the texts of enrolments.
var enrolWords = struct {
	addTitle, addText, paste, nothing, other              string
	organisation, organisationSays, fingerprint, check    string
	active, switchTo, add, forget, forgetText, forgetLast string
}{
	addTitle: "Add another organisation", addText: "Paste its enrolment link. What is open with %s is closed then; you stay signed in there, and can switch back at any time.",
	paste: "Paste", nothing: "There is no text on the clipboard. Copy the whole link that your administrator sent you, then press Paste.",
	other:        "What is on the clipboard is no enrolment link. Copy the whole link that your administrator sent you, then press Paste.",
	organisation: "Organisation", organisationSays: "%s, as the link says", fingerprint: "Fingerprint of its CA",
	check:  "Compare it with what your administrator tells you, if you are in doubt.",
	active: "Active", switchTo: "Switch to", add: "Add another…", forget: "Forget",
	forgetText: "The device key and the session of %s are removed from this device, and what is open there is closed. To come back, you need a new enrolment link.",
	forgetLast: "%s becomes active then.",
}

// clickedText asks about a link that was clicked, on a device that is enrolled.
func clickedText(controller, active string) string {
	return lang.F("The link that you opened enrols this device with the controller at %[1]s, too. What is open with %[2]s is closed then; you stay signed in there, and can switch back at any time. Go on only if your administrator sent it to you.", controller, active)
}

// forgetTitle asks before an enrolment is removed.
func forgetTitle(e session.Enrolment) string { return lang.F("Forget %s?", e.Label()) }

// forgetName is what the button that forgets is called.
func forgetName(e session.Enrolment) string { return lang.F("Forget %s…", e.Label()) }

// enrolledAs is an enrolment in a line.
func enrolledAs(e session.Enrolment) string { return e.Label() + " · " + e.User }
