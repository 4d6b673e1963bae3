package window

import (
	"context"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/timezone"
	"github.com/tidegate/tidegate/session"
)

// tokyo is nine hours ahead of where the tests are: noon is 23:36 there.
var tokyo = time.FixedZone("JST", 9*3600)

// zoned has the process be in its own time zone again after a test.
func zoned(t testing.TB) { t.Cleanup(func() { timezone.Set(nil) }) }

// Whoever travels reads the clock of where they are, on each page and in each dialog,
// without doing anything.
func TestZoneChangesAtOnce(t *testing.T) {
	for _, c := range []struct {
		name         string
		to           func(b *bench)
		before, then []string
	}{
		{"home", func(b *bench) { b.pages.show(session.PageHome) },
			[]string{"Good afternoon, Maya", "17:00", "since 14:36 · HTTP/3"}, []string{"Good evening, Maya", "Tomorrow 02:00", "since 23:36 · HTTP/3"}},
		{"applications", func(b *bench) {}, []string{"until 14:45"}, []string{"until 23:45"}},
		{"today", toToday, []string{"14:36", "As of 14:36"}, []string{"23:36", "As of 23:36"}},
		{"activity", func(b *bench) { b.pages.show(session.PageActivity) }, []string{"14:32:00", "12:36:00"}, []string{"23:32:00", "21:36:00"}},
		{"an application", func(b *bench) { b.detail = "bastion"; b.settle() }, []string{"14:45"}, []string{"23:45"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			zoned(t)
			b := newBench(t, alwaysDark)
			b.apply(ahead())
			c.to(b)
			b.says(c.before...)
			timezone.Set(tokyo)
			b.apply(b.state)
			b.says(c.then...)
			b.silent(c.before...)
		})
	}
}

// The page of a day is that of the day where one is.
func TestZoneMovesTheDay(t *testing.T) {
	zoned(t)
	timezone.Set(time.FixedZone("", 10*3600)) // past midnight
	v := dayView(noon)
	if got := v.from.Format("2 Jan 15:04"); got != "21 Nov 00:00" || v.to.Sub(v.from) != 24*time.Hour {
		t.Errorf("the day is from %s, for %v", got, v.to.Sub(v.from))
	}
	if next := nextGreeting(noon); !next.Equal(v.from.Add(5 * time.Hour)) {
		t.Errorf("it is morning at %v", next)
	}
}

// A running window hears of it by itself.
func TestRunFollowsTheZone(t *testing.T) {
	zoned(t)
	set := make(chan func(*time.Location))
	c := &fakeClient{states: make(chan session.State)}
	w, on, stop := liveIn(t, c, func(ctx context.Context, heard func(*time.Location)) error {
		select {
		case set <- heard:
		case <-ctx.Done():
		}
		return nil
	})
	c.states <- signedIn()
	heard := <-set
	says := func(text string) func() bool {
		return func() (found bool) {
			for _, e := range w.Inspect() {
				found = found || e.Label == text
			}
			return found
		}
	}
	on(func() { w.pages.show(session.PageActivity) })
	eventually(t, "what happened", says("14:32:00"))
	timezone.Set(tokyo)
	heard(tokyo)
	eventually(t, "it in the other zone", says("23:32:00"))
	if err := stop(); err != nil {
		t.Error(err)
	}
}
