package window

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/session"
)

// many is a user with very many applications.
const many = 2000

// A state, and each key in the search, must be shown before anybody notices.
const noticed = 50 * time.Millisecond

func TestManyApplicationsAreFast(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := manyApps(many)
	b.apply(s)
	if n := len(b.pages.apps.grid.sheet.cards); n > 24 {
		t.Errorf("%d cards were made for %d applications", n, many)
	}
	measure := func(what string, f func()) {
		best := time.Hour
		for range 3 { // the machine may be busy with other things
			start := time.Now()
			f()
			best = min(best, time.Since(start))
		}
		if best > noticed {
			t.Errorf("%s takes %v", what, best)
		}
	}
	measure("a state", func() { b.apply(changed(&s)) })
	b.canvas().Focus(b.pages.apps.search)
	for _, r := range "host-19" {
		start := time.Now()
		b.canvas().Focused().TypedRune(r)
		if took := time.Since(start); took > 4*noticed {
			t.Errorf("the key %q takes %v", r, took)
		}
	}
	if got := len(b.pages.apps.found); got != 100 {
		t.Errorf("found %d", got)
	}
	measure("a search", func() { b.pages.apps.search.SetText(""); b.pages.apps.search.SetText("application 19") })
	measure("scrolling", func() { b.pages.apps.grid.scroll.ScrollToBottom() })
}

func changed(s *session.State) session.State {
	s.Revision++
	s.Apps = append([]session.App(nil), s.Apps...)
	i := int(s.Revision) % len(s.Apps)
	s.Apps[i].State, s.Apps[i].Flows = session.AppInUse, 1
	s.Apps[i].Down += 1000
	return *s
}

func BenchmarkState(b *testing.B) {
	w := newBench(b, alwaysDark)
	s := manyApps(many)
	w.apply(s)
	for b.Loop() {
		w.apply(changed(&s))
	}
}

func BenchmarkSearchKey(b *testing.B) {
	w := newBench(b, alwaysDark)
	w.apply(manyApps(many))
	texts := []string{"a", "ap", "app", "appl", "application 1", "application 19", "nothing", ""}
	i := 0
	for b.Loop() {
		w.pages.apps.search.SetText(texts[i%len(texts)])
		i++
	}
}
