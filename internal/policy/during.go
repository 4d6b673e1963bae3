package policy

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a zone must mean the same on every machine

	"cel.dev/cel-go/common/ast"
)

const (
	second = int64(time.Second)
	day    = 24 * 60 * 60 * second
)

// during is a weekly window in a zone: from inclusive, to exclusive, in
// nanoseconds of the local day.
type during struct {
	days     [7]bool // by time.Weekday
	from, to int64
	zone     *time.Location
	uses     *uses
}

// eval never lets a value outlast the zone's present offset: what the wall
// clock shows behind a change of it is judged there.
func (n during) eval(_ view, at int64) (truth, int64) {
	offset, ends := offsetAt(n.zone, at)
	local := at + offset
	midnight := local - mod(local, day)
	today := int(weekdayOf(midnight))
	tod := local - midnight

	value, until := isFalse, int64(0)
	if n.days[today] && tod >= n.from && tod < n.to {
		value, until = isTrue, midnight+n.to
	} else {
		ahead := int64(0)
		if !n.days[today] || tod >= n.from {
			for ahead = 1; !n.days[(today+int(ahead))%7]; ahead++ {
			}
		}
		until = midnight + ahead*day + n.from
	}
	return value, min(until-offset, ends)
}

func (l *lowering) during(e ast.Expr, args []ast.Expr) (node, error) {
	n := during{zone: time.UTC, uses: l.term(e)}
	var text [4]string
	for i, a := range args {
		s, err := l.text(a, [...]string{"the days", "the start", "the end", "the zone"}[i])
		if err != nil {
			return nil, err
		}
		text[i] = s
	}
	var err error
	if n.days, err = parseDays(text[0]); err != nil {
		return nil, l.refuse(args[0], "%v", err)
	}
	if n.from, err = parseTime(text[1]); err != nil {
		return nil, l.refuse(args[1], "%v", err)
	}
	if n.to, err = parseTime(text[2]); err != nil {
		return nil, l.refuse(args[2], "%v", err)
	}
	if n.from >= n.to {
		return nil, l.refuse(args[2], `the hours end before they begin; for a night write during(…, %q, "24:00") || during(…, "00:00", %q)`, text[1], text[2])
	}
	if len(args) == 4 {
		if n.zone, err = l.zone(args[3], text[3]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// zone loads the time zone that e names. UTC is always time.UTC.
func (l *lowering) zone(e ast.Expr, name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, l.refuse(e, `%q is not a time zone; write for example "Europe/Berlin" or "UTC"`, name)
	}
	return zone, nil
}

// parseDays reads "Mon-Fri", "Sat,Sun", "Mon-Wed,Fri" or "every day".
func parseDays(s string) (days [7]bool, err error) {
	if s == "every day" {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, span := strings.Cut(strings.TrimSpace(part), "-")
		a, ok := weekday(first)
		b := a
		if ok && span {
			b, ok = weekday(last)
		}
		if !ok {
			return days, fmt.Errorf(`%q names no days; write for example "Mon-Fri", "Sat,Sun" or "every day"`, s)
		}
		for d := a; ; d = (d + 1) % 7 {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, nil
}

func weekday(s string) (int, bool) {
	for d := range 7 {
		if time.Weekday(d).String()[:3] == s {
			return d, true
		}
	}
	return 0, false
}

// parseTime reads "08:30"; "24:00" is the day's end.
func parseTime(s string) (int64, error) {
	if s == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf(`%q is not a time of day; write for example "08:30", or "24:00" for the day's end`, s)
	}
	return int64(t.Hour())*int64(time.Hour) + int64(t.Minute())*int64(time.Minute), nil
}
