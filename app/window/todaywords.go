package window

import (
	"cmp"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// todayWords are the words of the page of the days ahead.
var todayWords = struct {
	page, week                       string
	nothing, asOf                    string
	open, asks, script, closed, over string
	prompt                           string
	unknown, unknownText, hint       string
	wasOpen, wasAsking, wasClosed    string
	fromTo, fromOn, now              string
	askedAt, then, mayChange         string
	waitTitle, waitText              string
}{
	page: "Today", week: "Week",
	nothing: "Nothing changes by itself in this time.", asOf: "As of %s",
	open: "Open", asks: "Opens when you answer", script: "Open if a check agrees", closed: "Closed", over: "Signed out",
	prompt:  "You are asked",
	unknown: "Not known", unknownText: "No gateway had told how it was.",
	wasOpen: "Was open", wasAsking: "Waited for your answer", wasClosed: "Was closed",
	hint:   "Point at a bar, or go along it with the arrow keys, to read exact times.",
	fromTo: "%s to %s", fromOn: "%s, and as far ahead as is known", now: "Now",
	askedAt: "At %s you are asked for %s, if it is in use.", then: "Then %s.", mayChange: "May change with %s.",
	waitTitle: "Looking ahead", waitText: "Your controller works out when access is open.",
}

// nowWord says in few words how an application is, and until when.
func nowWord(all []session.Stretch, now time.Time) string {
	for i, s := range all {
		if now.Before(s.From) || !now.Before(s.To) {
			continue
		}
		switch next := all[min(i+1, len(all)-1)]; {
		case s.Outlook == session.OutlookAsks:
			return s.Why()
		case s.Outlook == session.OutlookOpen && !next.Allow, s.Outlook == session.OutlookClosed && (next.Allow || next.Outlook == session.OutlookAsks):
			if days(now, s.To) > 0 {
				return lang.F("%s until %s", s.Word(), moment(s.To, now))
			}
			return lang.F("%s until %s", s.Word(), exactly(s.To, now))
		}
		return s.Word()
	}
	return todayWords.unknown
}

// stretchText is everything about a stretch, but its name.
func stretchText(all []session.Stretch, i int, mayChange string, now time.Time) string {
	s := all[i]
	if over(s, now) {
		return fmt.Sprintf(todayWords.fromTo, exactly(s.From, now), exactly(s.To, now)) + "."
	}
	from := todayWords.now
	if s.From.After(now) {
		from = exactly(s.From, now)
	}
	text := fmt.Sprintf(todayWords.fromTo, from, exactly(s.To, now)) + "."
	if i == len(all)-1 {
		text = fmt.Sprintf(todayWords.fromOn, from) + "."
	}
	if s.Warn.After(now) {
		text += " " + fmt.Sprintf(todayWords.askedAt, exactly(s.Warn, now), s.Asked())
	}
	switch why := s.Why(); {
	case why == "" || !s.Warn.IsZero():
	case s.Allow:
		text += " " + fmt.Sprintf(todayWords.then, midway(why))
	default:
		text += " " + why + "."
	}
	if mayChange != "" {
		text += " " + fmt.Sprintf(todayWords.mayChange, mayChange)
	}
	return text
}

// capital makes a word begin a line.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// midway makes a sentence go on one: German keeps its capitals after a colon.
func midway(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if lang.Tag() == "de" {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}

// tickWord is what stands below a tick of a lane.
func tickWord(t time.Time, week bool) string {
	if week {
		return lang.Time(t, "Mon 2")
	}
	return t.Format("15:04")
}

// over says whether a stretch is of the past.
func over(s session.Stretch, now time.Time) bool { return !s.To.After(now) }

// stretchTitle names an application with its outlook.
func stretchTitle(a *session.App, s session.Stretch, now time.Time) string {
	word := s.Word()
	if over(s, now) {
		switch s.Outlook {
		case session.OutlookOpen, session.OutlookScript:
			word = todayWords.wasOpen
		case session.OutlookAsks:
			word = todayWords.wasAsking
		default:
			word = todayWords.wasClosed
		}
	}
	return captioned(cmp.Or(a.Name, string(a.ID)), word)
}
