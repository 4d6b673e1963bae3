package window

import (
	"testing"

	"github.com/tidegate/tidegate/session"
)

// many is a user with very many applications.
const many = 2000

// TestManyApplicationsMakeFewCards: what a state, a key in the search and
// scrolling cost does not grow with the applications. The benchmarks below say
// how long they take.
func TestManyApplicationsMakeFewCards(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := manyApps(many)
	b.apply(s)
	few := func(when string) {
		t.Helper()
		if n := len(b.pages.apps.grid.sheet.cards); n == 0 || n > 24 {
			t.Errorf("%s there are %d cards for %d applications", when, n, many)
		}
	}
	few("at first")
	b.apply(changed(&s))
	few("after a change")
	b.canvas().Focus(b.pages.apps.search)
	for _, r := range "host-19" {
		b.canvas().Focused().TypedRune(r)
		few("while one types")
	}
	if got := len(b.pages.apps.found); got != 100 {
		t.Errorf("found %d", got)
	}
	b.pages.apps.search.SetText("")
	few("after the search")
	b.pages.apps.grid.scroll.ScrollToBottom()
	few("at the bottom")
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

func BenchmarkConnections(b *testing.B) {
	w := newBench(b, alwaysDark)
	s := manyVPNs(50)
	w.apply(s)
	toConnections(w)
	for b.Loop() {
		s.VPN.Connections = append([]session.VPNConnection(nil), s.VPN.Connections...)
		s.VPN.Connections[0].Down += 5_000_000
		w.apply(s)
	}
}
