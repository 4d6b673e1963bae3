package window

import (
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lang"
)

// diagWords are the texts of the diagnosis, for a translator.
var diagWords = struct {
	row, rowText, start                           string
	title, working, step, failed, again           string
	wrong, fine, helpdesk, helpdeskText           string
	file, save, saved, there, back, earlier, more string
	read                                          string
}{
	row: "Diagnostics", rowText: "Finds out what is wrong and what to do about it, and saves what the helpdesk needs.", start: "Check now",
	title: "Diagnostics", working: "Looking at Tidegate, this machine and the network…", step: "%d of %d · %s", failed: "That did not work: %s", again: "Check again",
	wrong: "What to look at", fine: "What is fine", helpdesk: "For the helpdesk",
	helpdeskText: "This is all that is saved, and it can be read here first. No password, code, cookie, key or token is in it.",
	file:         "Save it as", save: "Save", saved: "Saved as %s", there: "where it is",
	back: "Back", earlier: "Earlier", more: "Further", read: "Read",
}

// outcomeState is what a check came to, in a word, a sign and a colour.
func outcomeState(o diag.Outcome) stateView {
	switch o {
	case diag.Good:
		return stateView{lang.T("Fine"), "check_circle", good}
	case diag.Warning:
		return stateView{lang.T("Look"), "warning", warn}
	case diag.Bad:
		return stateView{lang.T("Wrong"), "error", bad}
	}
	return stateView{lang.T("Not known"), "help", neutral}
}

// linesText says which lines of a file are shown.
func linesText(from, to, all int) string {
	if from == 1 && to == all {
		return lang.N("%d line", "%d lines", all, all)
	}
	return lang.F("Lines %d to %d of %d", from, to, all)
}
