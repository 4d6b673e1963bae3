package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tidegate/tidegate/internal/controller"
	"github.com/tidegate/tidegate/internal/wire"
)

func printCases(out io.Writer, results []caseResult) error {
	for _, r := range results {
		word := "ok  "
		if !r.Passed {
			word = "FAIL"
		}
		if _, err := fmt.Fprintln(out, word, r.Case); err != nil {
			return err
		}
		for _, d := range r.Differences {
			fmt.Fprintln(out, "    ", d)
		}
	}
	return nil
}

// printExplanations says for each session what decides, since when and until
// when, what would cure it, and what was evaluated of late.
func printExplanations(out io.Writer, all []controller.Explanation) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printExplanation(w, e)
	}
	return w.Flush()
}

func printExplanation(w io.Writer, e controller.Explanation) {
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", key, value)
		}
	}
	verdict := "denied"
	if e.Allow {
		verdict = "allowed"
	}
	fmt.Fprintf(w, "%s, %s\t%s\n", inert(e.User), inert(e.Name), verdict)
	row("session", string(e.Session))
	row("since", instant(e.Since))
	row("until", instant(e.Until))
	if e.Named != "" {
		row("named by", inert(e.Named))
	}
	row("policies", strings.Join(e.Policies, ", "))
	row("risk", fmt.Sprint(e.Risk.Level))
	for _, t := range e.Terms {
		row("decides", term(t))
	}
	if len(e.Terms) == 0 && e.Reason.Kind != "" {
		row("decides", inert(strings.TrimSpace(string(e.Reason.Kind)+" "+e.Reason.Detail)))
	}
	row("would cure it", strings.Join(e.Cure, ", "))
	row("note", e.Note)
	for _, r := range e.Evaluations {
		verdict := "denied"
		if r.Allow {
			verdict = "allowed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", instant(r.At), inert(string(r.Trigger)), verdict, term(r.Term))
	}
}

func term(t wire.Term) string {
	if t == (wire.Term{}) {
		return ""
	}
	s := string(t.Kind)
	if t.Text != "" {
		s += ": " + t.Text
	}
	if t.Claim != "" {
		reported := t.Reported
		if reported == "" {
			reported = "missing"
		}
		s += " (" + t.Claim + " is " + reported + ")"
	}
	return inert(s)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
