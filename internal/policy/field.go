package policy

import "time"

// part is what a wall clock or a calendar shows.
type part int8

const (
	hours part = iota
	minutes
	minuteOfDay // getHours() * 60 + getMinutes(), which cannot be told from its terms
	dayOfWeek
	date
	dayOfMonth
	dayOfYear
	month
	fullYear
)

// parts are CEL's names for them. CEL counts months and the days of a month
// and of a year from 0; getDate counts from 1.
var parts = map[string]part{
	"getHours": hours, "getMinutes": minutes, "getDayOfWeek": dayOfWeek, "getDate": date,
	"getDayOfMonth": dayOfMonth, "getDayOfYear": dayOfYear, "getMonth": month, "getFullYear": fullYear,
}

// field is a part of an instant in a zone. Hours and minutes move on within
// their day and hour; the calendar stands until the next local midnight, month
// or year. Nothing outlasts the zone's present offset: what the wall clock
// shows behind a change of it is judged there.
type field struct {
	part part
	of   linear // with now once or not at all
	zone *time.Location
}

func (n field) eval(v view, at int64) value {
	x := n.of.eval(v, at)
	if !x.known {
		return x
	}
	offset, ends := offsetAt(n.zone, x.n)
	local := x.n + offset
	out, end := n.part.read(local)
	if n.of.now == 0 {
		return whole(floor(out.n, out.quantum), forever)
	}
	out.until = after(at, min(end-local, ends-x.n))
	return out
}

// offsetAt is the zone's offset from UTC at an instant and when that ends.
func offsetAt(zone *time.Location, at int64) (offset, ends int64) {
	if zone == time.UTC {
		return 0, forever
	}
	t := time.Unix(0, at).In(zone)
	_, seconds := t.Zone()
	if _, end := t.ZoneBounds(); !end.IsZero() && end.Before(maxStamp) {
		return int64(seconds) * second, end.UnixNano()
	}
	return int64(seconds) * second, forever
}

// read is the part of a local time, and the local time at which it has to be
// read again.
func (p part) read(local int64) (x value, end int64) {
	const minute, hour = 60 * second, 60 * 60 * second
	midnight := local - mod(local, day)
	moving := func(since, quantum int64) value {
		return value{n: local - since, slope: 1, quantum: quantum, known: true}
	}
	switch p {
	case hours:
		return moving(midnight, hour), midnight + day
	case minuteOfDay:
		return moving(midnight, minute), midnight + day
	case minutes:
		since := local - mod(local, hour)
		return moving(since, minute), since + hour
	case dayOfWeek:
		return whole(weekdayOf(midnight), 0), midnight + day
	}
	t := time.Unix(0, midnight).UTC()
	switch p {
	case date:
		return whole(int64(t.Day()), 0), midnight + day
	case dayOfMonth:
		return whole(int64(t.Day()-1), 0), midnight + day
	case dayOfYear:
		return whole(int64(t.YearDay()-1), 0), midnight + day
	case month:
		return whole(int64(t.Month()-1), 0), time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	}
	return whole(int64(t.Year()), 0), time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
}

// weekdayOf is the time.Weekday of a local midnight; 1970-01-01 was a Thursday.
func weekdayOf(midnight int64) int64 { return mod(midnight/day+4, 7) }
