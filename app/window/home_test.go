package window

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestWindowBeginsAtHome(t *testing.T) {
	b := newBench(t, alwaysDark)
	w := New(b.app, nil, Options{})
	defer w.win.Close()
	if w.pages.page != session.PageHome {
		t.Errorf("the window begins with %q", w.pages.page)
	}
}

// tiles are what Home shows, in its order: the headings, and what a press does.
func tiles(s session.State) (all []string) {
	for _, v := range shelvesOf(s) {
		all = append(all, "# "+v.title)
		for _, t := range v.tiles {
			all = append(all, fmt.Sprintf("%s: %s", t.name, t.does))
		}
	}
	return all
}

func TestShelvesOf(t *testing.T) {
	pinnedAll, dropped := atHome(), manyApps(1)
	dropped.Choices.Pinned = []wire.AppID{"gone", "app-0000"}
	for _, a := range pinnedAll.Apps {
		pinnedAll.Choices.Pinned = append(pinnedAll.Choices.Pinned, a.ID)
	}
	busy := manyApps(30)
	for i := range busy.Apps {
		busy.Apps[i].LastUsed = noon.Add(-time.Duration(i) * time.Minute)
	}
	busy.Apps[20].Flows, busy.Apps[20].State = 1, session.AppInUse
	for _, c := range []struct {
		name  string
		state session.State
		want  []string
	}{
		{"pinned in their order, recent ones in use first", atHome(), []string{"# Pinned", "Customer CRM: Open in browser", "Sluice control: Enter a code", "Source control: Copy address",
			"# Recent", "Bastion host: Copy command", "Order desk: Open in browser", "Tide historian: Copy address", "Metrics: Open in browser", "Quarterly reports: Show why"}},
		{"pinned, of which one is gone", dropped, []string{"# Pinned", "Application 0000: Open in browser"}},
		{"at most six recent ones", busy, []string{"# Recent", "Application 0020: Open in browser", "Application 0000: Open in browser", "Application 0001: Open in browser",
			"Application 0002: Open in browser", "Application 0003: Open in browser", "Application 0004: Open in browser"}},
		{"nothing pinned and nothing used", manyApps(2), []string{"# Applications", "Application 0000: Open in browser", "Application 0001: Open in browser"}},
		{"few used, and others with them", lost(), []string{"# Applications", "Bastion host: Show why", "Customer CRM: Show why", "Order desk: Show why", "Quarterly reports: Show why",
			"Sluice control: Show why", "Tide historian: Show why"}},
		{"no applications", session.State{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, tiles(c.state)); d != "" {
				t.Error(d)
			}
		})
	}
	if got := shelvesOf(pinnedAll); len(got) != 1 {
		t.Errorf("where all are pinned there are %d shelves", len(got))
	}
}

func TestNowText(t *testing.T) {
	unjudged, all := manyApps(2), manyApps(2)
	judged, foreseen := signedIn(), manyApps(2)
	for _, apps := range [][]session.App{judged.Apps, all.Apps} {
		for i := range apps {
			apps[i].Allowed = apps[i].State == session.AppReady
		}
	}
	foreseen.Apps[0].Foreseen = session.OutlookOpen
	foreseen.Apps[1].Foreseen = session.OutlookOpen
	scripted := manyApps(2)
	scripted.Apps[0].Foreseen = session.OutlookScript
	closed := manyApps(4)
	closed.Apps[0].Foreseen, closed.Apps[1].Foreseen = session.OutlookClosed, session.OutlookAsks
	closed.Apps[2].Allowed = true // as the gateway has it
	for _, c := range []struct {
		name  string
		state session.State
		want  string
	}{
		{"foreseen to be closed, or to ask, is not ready", closed, "2 of your 4 applications are ready to be used."},
		{"not judged yet", unjudged, "Your 2 applications are ready to be used."},
		{"some not judged yet", signedIn(), "7 of your 9 applications are ready to be used. 2 are in use. 1 waits for you."},
		{"foreseen to be open", foreseen, "All your 2 applications are open to you."},
		{"foreseen, but for a check", scripted, "Your 2 applications are ready to be used."},
		{"usual", judged, "7 of your 9 applications are open to you. 2 are in use. 1 waits for you."},
		{"all open", all, "All your 2 applications are open to you."},
		{"lost", lost(), "None of your applications is open to you now."},
		{"connecting", connecting(), "Looking for the controller."},
	} {
		if got := nowText(c.state); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestGreeting(t *testing.T) {
	u := session.User{Name: "maya", DisplayName: "Maya Lindqvist"}
	day := func(h, m int) time.Time { return time.Date(2026, 11, 20, h, m, 0, 0, time.UTC) }
	for _, c := range []struct {
		at   time.Time
		want string
		next time.Time
	}{
		{day(0, 0), "Good evening, Maya", day(5, 0)},
		{day(5, 0), "Good morning, Maya", day(12, 0)},
		{day(11, 59), "Good morning, Maya", day(12, 0)},
		{day(12, 0), "Good afternoon, Maya", day(18, 0)},
		{day(18, 30), "Good evening, Maya", day(24, 0)},
	} {
		if got := greeting(u, c.at); got != c.want || !nextGreeting(c.at).Equal(c.next) {
			t.Errorf("at %v: %q until %v", c.at, got, nextGreeting(c.at))
		}
	}
	for _, c := range []struct {
		user session.User
		want string
	}{{session.User{}, "Welcome"}, {session.User{Name: "maya"}, "Good morning, maya"}, {session.User{Name: "m", DisplayName: "Lindqvist, Maya"}, "Good morning, Lindqvist, Maya"}} {
		if got := greeting(c.user, day(9, 0)); got != c.want {
			t.Errorf("%+v is greeted with %q", c.user, got)
		}
	}
}

func TestHomeByKeyboard(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(atHome())
	toHome(b)
	b.looks()
	sh := b.pages.home.shelf
	b.canvas().Focus(sh)
	b.says("Open in browser: Enter · Details: Space · Pin: P")
	var at []int
	for _, k := range []fyne.KeyName{fyne.KeyRight, fyne.KeyRight, fyne.KeyDown, fyne.KeyDown, fyne.KeyUp, fyne.KeyUp, fyne.KeyEnd, fyne.KeyDown, fyne.KeyHome, fyne.KeyLeft} {
		b.key(k)
		at = append(at, sh.cursor)
	}
	// Three are pinned, and five recent: rows of three, three and two.
	if want := []int{1, 2, 5, 7, 4, 1, 7, 7, 0, 0}; !slices.Equal(at, want) {
		t.Errorf("the cursor went %v, want %v", at, want)
	}
	for _, c := range []struct {
		does string
		do   func()
		want session.Command
	}{
		{"opens in the browser", func() { b.key(fyne.KeyReturn) }, session.OpenApp{App: "crm"}},
		{"unpins", func() { b.typed("p") }, session.Pin{App: "crm"}},
		{"asks", func() { b.key(fyne.KeyRight); b.key(fyne.KeyReturn) }, session.ShowPrompt{App: "scada"}},
		{"pins", func() { b.key(fyne.KeyEnd); b.typed("P") }, session.Pin{App: "reports", Pinned: true}},
	} {
		if c.do(); b.sent() != c.want {
			t.Errorf("it %s: not %+v", c.does, c.want)
		}
	}
	b.key(fyne.KeyReturn)
	if b.layer.key != "app reports" {
		t.Errorf("a blocked application shows %q", b.layer.key)
	}
	b.key(fyne.KeyEscape)
	b.canvas().Focus(sh)
	b.key(fyne.KeyHome)
	b.key(fyne.KeySpace)
	if b.layer.key != "app crm" {
		t.Errorf("Space shows %q", b.layer.key)
	}
}

func TestHomeByPointer(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(atHome())
	toHome(b)
	b.looks()
	b.press("Bastion host: Copy command")
	if got := b.app.Clipboard().Content(); got != "ssh -p 2222 127.83.14.6" || b.sent() != nil {
		t.Errorf("copied %q", got)
	}
	b.press("Unpin Source control")
	if got := b.sent(); got != (session.Pin{App: "git"}) {
		t.Errorf("sent %+v", got)
	}
	b.pages.home.shelf.tiles[2].MouseIn(&desktop.MouseEvent{})
	b.says("Copy address")
	b.pages.home.shelf.tiles[2].MouseOut()
	b.silent("Copy address")
	test.TapSecondary(b.pages.home.shelf.tiles[0])
	if b.layer.key != "app crm" {
		t.Errorf("the other button shows %q", b.layer.key)
	}
}

// The cursor stays on the application that it is on, whatever comes and goes.
func TestHomeKeepsTheCursor(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := atHome()
	b.apply(s)
	toHome(b)
	b.canvas().Focus(b.pages.home.shelf)
	b.key(fyne.KeyEnd)
	s.Choices.Pinned = []wire.AppID{"reports", "crm"}
	b.apply(s)
	if e := b.labels()["Quarterly reports: Show why"]; !e.Focused {
		t.Error("the cursor is elsewhere")
	}
}

// What is used meanwhile does not move what somebody is about to press.
func TestHomeMovesNothingUnderThePointer(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := atHome()
	b.apply(s)
	toHome(b)
	recent := func() (ids []wire.AppID) {
		for _, t := range b.pages.home.shelf.shows[1].tiles {
			ids = append(ids, t.id)
		}
		return ids
	}
	was := recent()
	b.pages.home.shelf.tiles[4].MouseIn(&desktop.MouseEvent{})
	s.Apps = slices.Clone(s.Apps)
	a, _ := appOf(s, "metrics")
	a.State, a.Flows, a.LastUsed = session.AppInUse, 1, noon
	b.apply(s)
	if d := cmp.Diff(was, recent()); d != "" {
		t.Errorf("under the pointer: %s", d)
	}
	b.says(tileWord(words.inUse, ""))
	a, _ = appOf(s, "ci") // one that was not there
	a.LastUsed = noon
	b.apply(s)
	if d := cmp.Diff(append(was, "ci"), recent()); d != "" {
		t.Errorf("what comes moves what is there: %s", d)
	}
	gone := was[1]
	s.Apps = slices.DeleteFunc(slices.Clone(s.Apps), func(a session.App) bool { return a.ID == gone })
	b.apply(s)
	if got := recent(); got[0] != was[0] || slices.Contains(got, gone) {
		t.Errorf("after one is gone the order is %v", got)
	}
	b.pages.home.shelf.tiles[4].MouseOut()
	b.apply(s)
	if got := recent(); got[0] != "metrics" {
		t.Errorf("then the order is %v", got)
	}
}

// The first that is used does not have the others go.
func TestHomeKeepsItsTilesAtFirstUse(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := manyApps(20)
	b.apply(s)
	toHome(b)
	sh := b.pages.home.shelf
	shows := func() (ids []wire.AppID) {
		for _, t := range sh.shows[0].tiles {
			ids = append(ids, t.id)
		}
		return ids
	}
	was := shows()
	sh.tiles[2].MouseIn(&desktop.MouseEvent{})
	for i := range homeRecent {
		s.Apps = slices.Clone(s.Apps)
		s.Apps[homeRecent-1-i].LastUsed = noon.Add(time.Duration(i) * time.Minute)
		b.apply(s)
		if d := cmp.Diff(was, shows()); d != "" {
			t.Errorf("under the pointer, after %d were used: %s", i+1, d)
		}
	}
	if sh.shows[0].title != homeWords.recent {
		t.Errorf("the shelf is called %q", sh.shows[0].title)
	}
}

// What is pinned and not the user's any more is told, and unpinned at once, however
// many it is.
func TestHomeUnpinsWhatIsGone(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := signedIn()
	toHome(b)
	b.apply(s)
	if b.pages.home.gone.Visible() {
		t.Error("something is gone before anything was pinned")
	}
	for i := range session.MaxPinned {
		s.Choices.Pinned = append(s.Choices.Pinned, wire.AppID(fmt.Sprintf("gone-%d", i)))
	}
	away := s
	away.ZTA.Allowed = false
	b.apply(away)
	if b.pages.home.gone.Visible() {
		t.Error("without the controller nobody knows what is gone")
	}
	b.apply(s)
	b.looks()
	b.says("100 pinned applications are not available to you any more.")
	b.press("Unpin")
	for i := range session.MaxPinned {
		if got, want := b.sent(), (session.Pin{App: s.Choices.Pinned[i]}); got != want {
			t.Fatalf("sent %+v, want %+v", got, want)
		}
	}
	if got := b.sent(); got != nil {
		t.Errorf("and then %+v", got)
	}
	s.Choices.Pinned = nil
	b.apply(s)
	b.silent("100 pinned applications are not available to you any more.", "Unpin")
}

// The cursor goes with what is pinned or unpinned by the keyboard, and stays in sight.
func TestPinningByKeyboardKeepsTheCursorInSight(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.win.Resize(fyne.NewSize(b.root.MinSize().Width, 600))
	s := manyApps(60)
	for i := range 30 {
		s.Choices.Pinned = append(s.Choices.Pinned, s.Apps[i].ID)
	}
	for i := range s.Apps {
		s.Apps[i].LastUsed = noon.Add(-time.Duration(i) * time.Minute)
	}
	b.apply(s)
	seen := func(where string) {
		t.Helper()
		e := b.labels()[where]
		if !e.Focused || e.Y < 0 || e.Y+e.H > b.canvas().Size().Height {
			t.Errorf("the cursor is at %+v", e)
		}
	}
	toHome(b)
	b.canvas().Focus(b.pages.home.shelf)
	b.key(fyne.KeyHome)
	s.Choices.Pinned = slices.Clone(s.Choices.Pinned[1:]) // it is the first of the recent ones now
	b.apply(s)
	seen("Application 0000: Open in browser")
	if b.pages.home.scroll.Offset.Y == 0 {
		t.Error("Home has not scrolled to what is below the pins")
	}
	b.pages.show(session.PageApplications)
	b.canvas().Focus(b.pages.apps.grid)
	b.key(fyne.KeyHome)
	s.Choices.Pinned = slices.Clone(s.Choices.Pinned[1:]) // and so is the next here
	b.apply(s)
	seen("Application 0001")
}

// Nobody is asked more often because Home shows, and nobody while the window is hidden.
func TestHomeAsksAsTodayDoes(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := ahead()
	s.Ahead = nil
	b.pages.show(session.PageSettings)
	b.apply(s)
	expect := func(when string, want int) {
		t.Helper()
		if n := b.looks(); n != want {
			t.Errorf("%s: asked %d times, want %d", when, n, want)
		}
	}
	expect("on another page", 0)
	toHome(b)
	b.says(homeWords.waiting)
	expect("Home shows", 1)
	s.Ahead = ahead().Ahead
	b.apply(s)
	toToday(b)
	toHome(b)
	expect("to and fro", 0)
	b.Hide()
	b.now = b.now.Add(2 * time.Hour)
	b.apply(s)
	expect("hidden", 0)
	b.Show()
	expect("shown again", 1)
}

// What needs the user stands on Home once, with one button; and at rest nothing turns,
// and nothing is drawn again before something changes.
func TestHomeSaysEverythingOnceAndRests(t *testing.T) {
	for _, c := range homeScenes() {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			toHome(b)
			b.apply(c.state)
			seen := map[string]int{}
			for _, e := range b.elements() {
				if e.Kind == "button" {
					seen[e.Label]++
				}
			}
			for label, n := range seen {
				if n > 1 {
					t.Errorf("there are %d buttons %q", n, label)
				}
			}
			if p := b.pages; p.banner.Visible() && p.home.scroll.Visible() {
				t.Error("the banner of the other pages is there")
			}
			turning := slices.ContainsFunc(partsOf(b.root), func(o fyne.CanvasObject) bool {
				s, ok := o.(*spinner)
				return ok && s.turn != nil
			})
			if turning != c.state.ZTA.Working {
				t.Errorf("something turns: %v", turning)
			}
			if at, ok := b.clock.next(); ok && at.Before(noon.Add(time.Hour)) && !at.Equal(firstComing(c.state)) {
				t.Errorf("it is drawn again at %v", at)
			}
		})
	}
}

func firstComing(s session.State) time.Time {
	if all := s.Coming(noon); len(all) > 0 {
		return all[0].At
	}
	return time.Time{}
}

// What comes next goes on by itself when it has come.
func TestHomeGoesOn(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(atHome())
	toHome(b)
	b.says("17:00", "17:40:30")
	b.now = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)
	b.rings()
	b.silent("17:00")
	b.says("17:40:30")
	b.now = b.now.Add(time.Hour)
	b.rings()
	b.says("Good evening, Maya")
}

func TestTabsWithoutRoomAreIcons(t *testing.T) {
	b := newSized(t, alwaysDark, 150)
	p := b.pages
	named := func(page session.Page) (words, icons int) {
		p.show(page)
		for name, tab := range p.tabs {
			if tab.text == tab.name {
				words++
			} else if name == page {
				t.Errorf("the chosen tab %s has no words", page)
			}
			if tab.icon != "" {
				icons++
			}
		}
		if need, has := p.bar.MinSize().Width, p.bar.Size().Width; need > has {
			t.Errorf("%s: the tabs need %v, and have %v", page, need, has)
		}
		return words, icons
	}
	for _, c := range []struct{ width, words, icons float32 }{{2200, 6, 6}, {1185, 6, 0}} {
		b.win.Resize(fyne.NewSize(c.width, 760))
		if words, icons := named(session.PageHome); float32(words) != c.words || float32(icons) != c.icons {
			t.Errorf("%v wide there are %d words and %d icons", c.width, words, icons)
		}
	}
	for _, tab := range p.tabs {
		tab.name += " and all that"
	}
	small(b)
	for page := range p.tabs {
		if words, icons := named(page); words != 1 || icons != 6 {
			t.Errorf("where there is no room there are %d words and %d icons", words, icons)
		}
	}
	b.says("Settings and all that") // for who looks at names
}
