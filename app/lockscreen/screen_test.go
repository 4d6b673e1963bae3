package lockscreen

import (
	"testing"
	"time"
)

func TestScreen(t *testing.T) {
	hint := func(on bool) fact { return fact{"system", lockedHint, on} }
	order := func(on bool) fact { return fact{"system", asked, on} }
	saver := func(on bool) fact { return fact{"session", savers[0], on} }
	type step struct {
		after time.Duration
		fact  fact
	}
	for _, tt := range []struct {
		name  string
		steps []step
		after time.Duration
		want  bool
	}{
		{"nobody tells", nil, 0, false},
		{"locked", []step{{0, hint(true)}}, time.Hour, true},
		{"unlocked", []step{{0, hint(true)}, {0, hint(false)}}, 0, false},
		{"the saver runs beside", []step{{0, saver(true)}, {0, hint(true)}, {0, hint(false)}}, 0, true},
		{"both are over", []step{{0, saver(true)}, {0, hint(true)}, {0, hint(false)}, {0, saver(false)}}, 0, false},
		{"ordered", []step{{0, order(true)}}, askedTime - 1, true},
		{"ordered, and nobody obeys", []step{{0, order(true)}}, askedTime, false},
		{"ordered and obeyed", []step{{0, order(true)}, {time.Second, hint(true)}}, time.Hour, true},
		{"obeyed and over at once", []step{{0, order(true)}, {time.Second, hint(true)}, {time.Second, hint(false)}}, 0, false},
		{"ordered back", []step{{0, order(true)}, {0, order(false)}}, 0, false},
		{"the bus has gone", []step{{0, hint(true)}, {0, fact{bus: "system"}}}, 0, false},
		{"the other bus has gone", []step{{0, hint(true)}, {0, fact{bus: "session"}}}, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s screen
			now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
			for _, x := range tt.steps {
				now = now.Add(x.after)
				s.take(x.fact, now)
			}
			now = now.Add(tt.after)
			got, until := s.locked(now)
			if got != tt.want {
				t.Errorf("locked is %v", got)
			}
			if !until.IsZero() && !until.After(now) {
				t.Errorf("it changes at %v, which is not ahead of %v", until, now)
			}
		})
	}
}
