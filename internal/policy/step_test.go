package policy

import (
	"testing"
	"time"
)

// TestCertainty shows how far one evaluation sees: comparing the clock with a
// constant takes no step for each hour or minute.
func TestCertainty(t *testing.T) {
	for _, row := range []struct {
		name, criteria, now, until string
	}{
		{"an hour", `now.getHours() < 17`, "08:20:00", "17:00:00"},
		{"an hour, inclusive", `now.getHours() <= 16`, "08:20:00", "17:00:00"},
		{"an hour in a zone", `now.getHours("America/New_York") >= 9`, "10:00:00", "14:00:00"},
		{"behind midnight", `now.getHours() < 20`, "21:00:00", "24:00:00"},
		{"an hour and more", `now.getHours() + 2 < 19`, "08:20:00", "17:00:00"},
		{"against the risk", `risk > now.getHours()`, "08:20:00", "15:00:00"},
		{"a minute of the day", `60 * now.getHours("UTC") + now.getMinutes("UTC") >= 1020`, "08:20:00", "17:00:00"},
		{"a minute", `now.getMinutes() < 45`, "08:20:00", "08:45:00"},
		{"a shifted hour", `(now - duration("30m")).getHours() < 17`, "08:20:00", "17:30:00"},
		{"a day", `now.getDayOfWeek() in [5, 6]`, "08:20:00", "24:00:00"},
		{"a month", `now.getMonth() == 10`, "08:20:00", "+240h"}, // to the end of November 30th
		{"an instant", `now > timestamp("2026-11-20T09:00:00Z")`, "08:20:00", "09:00:00"},
		{"behind the instant", `now > timestamp("2026-11-20T09:00:00Z")`, "09:30:00", "never"},
		{"a claim", `risk * 2 < 31`, "08:20:00", "never"},
		{"squared, from tick to tick", `now.getHours() * now.getHours() < 200`, "08:20:00", "09:00:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := clock(row.now)
			_, until := compile(t, row.criteria).root.eval(view{claims: &Claims{Risk: new(int64(15))}}, at.UnixNano())
			midnight := clock("00:00:00").AddDate(0, 0, 1)
			want := int64(forever)
			switch row.until {
			case "never":
			case "24:00:00":
				want = midnight.UnixNano()
			case "+240h":
				want = midnight.Add(240 * time.Hour).UnixNano()
			default:
				want = clock(row.until).UnixNano()
			}
			if row.name == "an instant" {
				want++ // > holds from the nanosecond behind it
			}
			if until != want {
				t.Errorf("certain until %s, want %s", instant(until), instant(want))
			}
		})
	}
}
