package gather

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/timezone"
)

// said is a text twice: in English, for the files, which the helpdesk reads, and in
// the user's language, for the window.
type said struct{ english, here string }

// say says a format with its arguments, of which those that are said themselves are
// put in as each language has them.
func say(format string, args ...any) said {
	english, here := parted(args)
	return said{fmt.Sprintf(format, english...), lang.F(format, here...)}
}

// count says the form of a sentence that is right for n things; see lang.N.
func count(one, other string, n int, args ...any) said {
	english, here := parted(args)
	format := other
	if n == 1 {
		format = one
	}
	return said{fmt.Sprintf(format, english...), lang.N(one, other, n, here...)}
}

func parted(args []any) (english, here []any) {
	for _, a := range args {
		if s, ok := a.(said); ok {
			english, here = append(english, s.english), append(here, s.here)
			continue
		}
		english, here = append(english, a), append(here, a)
	}
	return english, here
}

// as is a text that others have said, which is no other in any language.
func as(text string) said { return said{text, text} }

// or is s, or what else is said where that is nothing.
func (s said) or(other said) said {
	if s == (said{}) {
		return other
	}
	return s
}

// and is s with another sentence after it.
func (s said) and(next said) said {
	return said{strings.TrimSpace(s.english + " " + next.english), strings.TrimSpace(s.here + " " + next.here)}
}

// end makes a sentence of it.
func (s said) end() said { return said{s.english + ".", s.here + "."} }

// clean takes secrets out of it.
func (s said) clean(c *diag.Cleaner) said { return said{c.Text(s.english), c.Text(s.here)} }

func day(t time.Time) said {
	t = timezone.In(t)
	return said{t.Format("2 Jan 2006 15:04"), lang.Time(t, "2 Jan 2006 15:04")}
}

func minute(t time.Time) said {
	t = timezone.In(t)
	return said{t.Format("2 Jan 15:04"), lang.Time(t, "2 Jan 15:04")}
}

func second(t time.Time) said {
	t = timezone.In(t)
	return said{t.Format("2 Jan 15:04:05"), lang.Time(t, "2 Jan 15:04:05")}
}

// took writes how long something took.
func took(d time.Duration) said {
	if d < 10*time.Millisecond {
		ms := float64(d) / float64(time.Millisecond)
		return said{fmt.Sprintf("%.1f ms", ms), lang.Decimal(ms, 1) + " ms"}
	}
	return as(fmt.Sprintf("%d ms", d.Milliseconds()))
}

// span writes how long something is, to its two largest units.
func span(d time.Duration) said {
	switch s := int(d / time.Second); {
	case s < 1:
		return took(d)
	case s < 60:
		return as(fmt.Sprintf("%d s", s))
	case s < 60*60:
		return as(fmt.Sprintf("%d min %d s", s/60, s%60))
	case s < 24*60*60:
		return say("%d h %d min", s/60/60, s/60%60)
	default:
		return say("%d d %d h", s/60/60/24, s/60/60%24)
	}
}

// check is a diag.Check that is said twice.
type check struct {
	id               string
	title, text, fix said
	outcome          diag.Outcome
}

// is says what it came to.
func (c *check) is(o diag.Outcome, text, fix said) { c.outcome, c.text, c.fix = o, text, fix }

// cleaned are checks as they are in a report, with no secret: in English, and with
// the user's language beside it where that is another.
func cleaned(checks []check, clean *diag.Cleaner) (english, both []diag.Check) {
	for _, c := range checks {
		title, text, fix := c.title.clean(clean), c.text.clean(clean), c.fix.clean(clean)
		e := diag.Check{ID: c.id, Title: title.english, Outcome: c.outcome, Text: text.english, Fix: fix.english}
		english = append(english, e)
		if here := (diag.Words{Title: title.here, Text: text.here, Fix: fix.here}); here != e.Shown() {
			e.Here = here
		}
		both = append(both, e)
	}
	return english, both
}
