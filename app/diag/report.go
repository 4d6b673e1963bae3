package diag

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/lang"
)

// Report is one diagnosis. It holds no secret.
type Report struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	Checks  []Check   `json:"checks"`
	// Files are what is saved, in this order, the summary first.
	Files []File `json:"files"`
}

// Check is one thing that was looked at, in English, as the archive has it.
type Check struct {
	ID      string  `json:"id"`    // a word such as controller-quic
	Title   string  `json:"title"` // "The controller over QUIC (UDP)"
	Outcome Outcome `json:"outcome"`
	Text    string  `json:"text"` // what was found
	// Fix is what to do; always there for Warning and Bad.
	Fix string `json:"fix,omitempty"`
	// Here are the same in the language of who made the report; see Shown. The
	// archive is without.
	Here Words `json:"here,omitzero"`
}

// Words are what a check says.
type Words struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"`
}

// Shown is what window and terminal show of a check: in the user's language, or in English
// where nothing else was said.
func (c Check) Shown() Words {
	if c.Here == (Words{}) {
		return Words{c.Title, c.Text, c.Fix}
	}
	return c.Here
}

// Outcome is what a check came to.
type Outcome string

// The outcomes. The zero value is that nothing could be found out.
const (
	Unknown Outcome = ""
	Good    Outcome = "good"
	Warning Outcome = "warning" // works, but not as well as it could
	Bad     Outcome = "bad"
)

// Word is the outcome for people, in English.
func (o Outcome) Word() string {
	switch o {
	case Good:
		return "fine"
	case Warning:
		return "look"
	case Bad:
		return "wrong"
	}
	return "not known"
}

// Shown is the same in the user's language.
func (o Outcome) Shown() string {
	switch o {
	case Good:
		return lang.T("fine")
	case Warning:
		return lang.T("look")
	case Bad:
		return lang.T("wrong")
	}
	return lang.T("not known")
}

// File is one file of the archive, as it is saved.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Progress says how far a diagnosis is.
type Progress struct {
	Done  int `json:"done"`
	Total int `json:"total"`
	// Title is what ended last, Here the same in the language of who looks.
	Title string `json:"title,omitempty"`
	Here  string `json:"here,omitempty"`
}

// Count is how many checks came to that.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, c := range r.Checks {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// Verdict is the whole in a sentence, in English.
func (r *Report) Verdict() string {
	switch bad, look := r.Count(Bad), r.Count(Warning); {
	case bad == 1:
		return "One thing is wrong."
	case bad > 1:
		return fmt.Sprintf("%d things are wrong.", bad)
	case look == 1:
		return "One thing could be better."
	case look > 1:
		return fmt.Sprintf("%d things could be better.", look)
	}
	return "Nothing was found to be wrong."
}

// Shown is the same in the user's language.
func (r *Report) Shown() string {
	switch bad, look := r.Count(Bad), r.Count(Warning); {
	case bad == 1:
		return lang.T("One thing is wrong.")
	case bad > 1:
		return lang.N("%d thing is wrong.", "%d things are wrong.", bad, bad)
	case look == 1:
		return lang.T("One thing could be better.")
	case look > 1:
		return lang.N("%d thing could be better.", "%d things could be better.", look, look)
	}
	return lang.T("Nothing was found to be wrong.")
}

// Summary is the report as text, in English: what is wrong first, each with what to do.
func (r *Report) Summary() string {
	return r.text(r.Verdict(), "%s: %s", Outcome.Word, func(c Check) Words { return Words{c.Title, c.Text, c.Fix} })
}

// Told is the same in the user's language, for a terminal.
func (r *Report) Told() string {
	return r.text(r.Shown(), lang.T("%s: %s"), Outcome.Shown, Check.Shown)
}

func (r *Report) text(verdict, said string, word func(Outcome) string, words func(Check) Words) string {
	outcomes := []Outcome{Bad, Warning, Unknown, Good}
	margin := 0
	for _, o := range outcomes {
		margin = max(margin, utf8.RuneCountInString("["+word(o)+"] "))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Tidegate %s, %s\n%s\n", r.Version, r.At.Format(time.RFC3339), verdict)
	for _, o := range outcomes {
		if r.Count(o) > 0 {
			b.WriteByte('\n')
		}
		for _, c := range r.Checks {
			if c.Outcome != o {
				continue
			}
			w := words(c)
			fmt.Fprintf(&b, "%-*s"+said+"\n", margin, "["+word(o)+"]", w.Title, w.Text)
			if w.Fix != "" {
				fmt.Fprintf(&b, "%*s→ %s\n", margin, "", w.Fix)
			}
		}
	}
	return b.String()
}
