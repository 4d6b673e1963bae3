package window

import (
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
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

// BenchmarkThousands is what very many applications cost whoever looks at them: to begin
// at Home, to turn to their page and to that of the days ahead, and each key of a search. It is all that
// the window computes until it is drawn; `make bench` prints it.
func BenchmarkThousands(b *testing.B) {
	w := newBench(b, alwaysDark)
	s, days := manyApps(many), ahead()
	s.Ahead = days.Ahead
	for i := range s.Apps {
		s.Apps[i].Entitlement = days.Apps[i%len(days.Apps)].Entitlement
		s.Apps[i].LastUsed = noon.Add(-time.Duration(i) * time.Minute)
		if i%10 == 0 {
			s.Choices.Pinned = append(s.Choices.Pinned, s.Apps[i].ID)
		}
	}
	s.Choices.Pinned = s.Choices.Pinned[:session.MaxPinned]
	w.apply(s)
	search := w.pages.apps.search
	took := map[string][]float64{}
	slowest := func(name string, steps ...func()) {
		var most time.Duration
		for _, step := range steps {
			begin := time.Now()
			step()
			most = max(most, time.Since(begin))
		}
		took[name] = append(took[name], most.Seconds()*1000)
	}
	key := func(r rune) func() { return func() { search.TypedRune(r) } }
	erase := func() { search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace}) }
	for b.Loop() {
		fresh := newBench(b, alwaysDark) // what shows Home the second time has its tiles
		fresh.apply(s)
		slowest("home-2000", func() { toHome(fresh) })
		w.pages.show(session.PageSettings)
		w.apply(changed(&s))
		slowest("apps-2000", func() { w.pages.show(session.PageApplications) })
		w.canvas().Focus(search)
		slowest("search-2000", key('a'), key('p'), key('p'), key(' '), key('1'), key('9'), key('x'), erase, erase, erase, erase, erase, erase, erase)
		slowest("today-2000", func() { w.pages.show(session.PageToday) })
		slowest("state-2000", func() { w.apply(changed(&s)) })
	}
	for name, ms := range took {
		slices.Sort(ms)
		b.ReportMetric(ms[len(ms)/2], name)
	}
	b.ReportMetric(0, "ns/op") // of all together: says nothing
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
