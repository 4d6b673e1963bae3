package lang

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// times are what a language has for instants and numbers: its file times.json.
type times struct {
	Days        []string          // from Sunday
	ShortDays   []string          // from Sunday
	Months      []string          // from January
	ShortMonths []string          // from January
	Layouts     map[string]string // of package time, by the English one
	Decimal     string            // between a number and its fraction
}

// Time is t.Format(layout) with the names of days and months of the language, and
// in its order where the catalogue has the layout.
func Time(t time.Time, layout string) string {
	c := &speaking.Load().times
	if len(c.Days) == 0 {
		return t.Format(layout)
	}
	layout = cmp.Or(c.Layouts[layout], layout)
	var b strings.Builder
	for layout != "" {
		before, name, after := named(layout)
		b.WriteString(t.Format(before))
		switch name {
		case "Monday":
			b.WriteString(c.Days[t.Weekday()])
		case "Mon":
			b.WriteString(c.ShortDays[t.Weekday()])
		case "January":
			b.WriteString(c.Months[t.Month()-1])
		case "Jan":
			b.WriteString(c.ShortMonths[t.Month()-1])
		}
		layout = after
	}
	return b.String()
}

// named cuts a layout at its first name of a day or month.
func named(layout string) (before, name, after string) {
	first := len(layout)
	for _, n := range []string{"Monday", "Mon", "January", "Jan"} { // the longer one of a place first
		if at := strings.Index(layout, n); at >= 0 && at < first {
			first, name = at, n
		}
	}
	return layout[:first], name, layout[first+len(name):]
}

// Decimal writes v with so many digits after the mark.
func Decimal(v float64, digits int) string {
	return strings.Replace(strconv.FormatFloat(v, 'f', digits, 64), ".", speaking.Load().times.Decimal, 1)
}
