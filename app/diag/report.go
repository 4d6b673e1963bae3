package diag

import (
	"fmt"
	"strings"
	"time"
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

// Shown is what the window shows of a check: in the user's language, or in English
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

// Word is the outcome for people.
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

// Margin is the width in bytes of what stands before each line of a Summary that
// begins with "[" or " ".
const Margin = 12

// Summary is the report as text: what is wrong first, each with what to do.
func (r *Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Tidegate %s, %s\n%s\n", r.Version, r.At.Format(time.RFC3339), r.Verdict())
	for _, o := range []Outcome{Bad, Warning, Unknown, Good} {
		if r.Count(o) > 0 {
			b.WriteByte('\n')
		}
		for _, c := range r.Checks {
			if c.Outcome != o {
				continue
			}
			fmt.Fprintf(&b, "%-*s%s: %s\n", Margin, "["+o.Word()+"]", c.Title, c.Text)
			if c.Fix != "" {
				fmt.Fprintf(&b, "%*s→ %s\n", Margin, "", c.Fix)
			}
		}
	}
	return b.String()
}
