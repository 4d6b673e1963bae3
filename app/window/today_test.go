package window

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// rings lets all alarms ring that are due, as Run would.
func (b *bench) rings() {
	for _, f := range b.clock.take(b.now) {
		f()
	}
}

func TestTodayAsksWhenVerdictsChange(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := ahead()
	known := s.Ahead
	s.Ahead = nil
	b.pages.show(session.PageSettings)
	b.apply(s)
	if n := b.looks(); n != 0 {
		t.Fatalf("asked %d times before the page shows", n)
	}
	toToday(b)
	b.says(todayWords.waitTitle)
	expect := func(when string, want int) {
		t.Helper()
		if n := b.looks(); n != want {
			t.Errorf("%s: asked %d times, want %d", when, n, want)
		}
	}
	expect("the page shows", 1)
	s.Ahead = known
	b.apply(s)
	b.apply(s)
	expect("answered", 0)
	change := func(d time.Duration) {
		b.now = b.now.Add(d)
		s.Apps = append([]session.App(nil), s.Apps...)
		s.Apps[0].Until = b.now
		b.apply(s)
	}
	change(time.Second)
	change(time.Second)
	expect("changed within ten seconds", 0)
	b.now = b.now.Add(8 * time.Second)
	b.rings()
	expect("ten seconds later", 1)
	change(11 * time.Second)
	expect("changed later", 1)
	b.now = b.now.Add(2 * time.Hour)
	b.apply(s)
	expect("two hours later", 1)
	failed := *known
	failed.Problem = &session.Problem{Title: "The server is busy"}
	s.Ahead = &failed
	b.apply(s)
	expect("not answered", 0)
	b.now = b.now.Add(unwell)
	b.rings()
	expect("a minute later", 1)
	s.Ahead = known
	b.apply(s)
	b.pages.show(session.PageApplications)
	change(time.Hour)
	expect("changed while the applications show", 1)
	b.now = b.now.Add(time.Minute)
	s.Apps = append([]session.App(nil), s.Apps...)
	s.Apps[0].Foreseen, s.Apps[0].Why.Kind = session.OutlookClosed, wire.ReasonTime
	b.apply(s)
	expect("an application says what was answered", 0)
	b.now = b.now.Add(time.Minute)
	s.Ahead = nil
	b.apply(s)
	expect("signed in elsewhere while the applications show", 1)
	s.Ahead = known
	b.apply(s)
	b.pages.show(session.PageSettings)
	change(time.Hour)
	b.rings()
	expect("another page shows", 0)
}

func TestTodayTellsWhatIsLookedAt(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(ahead())
	toToday(b)
	b.says("Open until 17:00", "Needs a one-time code", "Closed", todayWords.hint, "17:40:30", "A one-time code will be asked for Bastion host")
	list := b.pages.today.list
	b.canvas().Focus(list)
	for range 4 {
		b.key(fyne.KeyDown)
	}
	b.says("Bastion host: Open", "Now to 17:45:30. At 17:40:30 you are asked for a one-time code, if it is in use.")
	b.key(fyne.KeyRight)
	b.key(fyne.KeyRight) // there is no further one today
	b.says("Bastion host: Opens with a one-time code", "17:45:30 to Tue 08:36. Needs a one-time code.")

	b.key(fyne.KeyLeft)
	b.key(fyne.KeyLeft)
	b.says("Bastion host: Was open", "13:46 to 14:36.")
	b.key(fyne.KeyLeft)
	b.key(fyne.KeyLeft) // there is no earlier one
	b.says("Bastion host: Waited for your answer", "12:36 to 13:46.")
	b.key(fyne.KeyRight)
	b.key(fyne.KeyRight)
	b.key(fyne.KeyRight)

	// What is looked at stays that when the controller has answered anew.
	later := ahead()
	later.Ahead.Past["hourly"] = later.Ahead.Past["hourly"][1:]
	b.apply(later)
	b.says("Bastion host: Opens with a one-time code")

	// The pointer goes before the keyboard, as long as it is there.
	row := list.rows[1]
	left, w := row.lane.Position().X, row.lane.Size().Width
	v := row.lane.shows
	at := fyne.NewPos(left+float32(v.at(noon.Add(time.Hour), float64(w))), 20)
	row.MouseIn(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: at}})
	b.says("Order desk: Open", "Now to 17:00. Then the hours end. May change with your device.")
	row.MouseMoved(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(left+2, 20)}})
	b.says("Order desk: Not known", todayWords.unknownText)
	row.MouseMoved(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(left+float32(v.at(noon.Add(-5*time.Hour), float64(w))), 20)}})
	b.says("Order desk: Was open", "08:30 to 10:36.")
	row.MouseOut()
	b.says("Bastion host: Opens with a one-time code")

	b.press("Show the week")
	b.says("Mon 23", "Sluice control opens with a one-time code", todayWords.over)
	b.canvas().Focus(list)
	b.key(fyne.KeyReturn)
	if b.layer.key != "app bastion" {
		t.Errorf("Enter shows %q", b.layer.key)
	}
}

func TestTodayInPlaceOfThePicture(t *testing.T) {
	b := newBench(t, alwaysDark)
	for _, sc := range todayScenes() {
		if sc.name == "today-failed" {
			b.apply(sc.state)
		}
	}
	toToday(b)
	b.looks()
	b.says("zta.tidewater.example:8443 was not reached")
	b.press(words.retry)
	if n := b.looks(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	b.apply(signedOut())
	b.says(words.emptyOutTitle)
}

// TestLane holds the drawing to the instants: what is open at the middle of a
// pixel has its colour there, whatever the scale.
func TestLane(t *testing.T) {
	newBench(t, alwaysLight)
	l := newLane()
	v := dayView(noon)
	s := session.Stretch{Outlook: session.OutlookOpen}
	s.From, s.To = noon, noon.Add(2*time.Hour)
	v.stretches = []session.Stretch{s}
	l.set(v)
	l.Resize(fyne.NewSize(480, 26))
	for _, scale := range []int{1, 2} {
		img := l.draw(480*scale, 26*scale)
		for x := range 480 * scale {
			at := v.from.Add(time.Duration((float64(x) + 0.5) / float64(480*scale) * float64(24*time.Hour)))
			if d := at.Sub(s.From).Abs(); d < 10*time.Minute {
				continue // the line of now
			}
			if d := at.Sub(s.To).Abs(); d < 10*time.Minute {
				continue // the gap
			}
			_, g, _, _ := img.At(x, 13*scale).RGBA()
			r, _, _, _ := img.At(x, 13*scale).RGBA()
			open := !at.Before(s.From) && at.Before(s.To)
			if green := g > 2*r; green != open {
				t.Fatalf("scale %d: at %s it is drawn open: %v", scale, at.Format("15:04"), green)
			}
		}
	}
	if got := l.shows.under(480*15.5/24, 480); got != 0 {
		t.Errorf("under the pointer is %d", got)
	}
	if got := l.shows.under(480*17.5/24, 480); got != -1 {
		t.Errorf("behind it is %d", got)
	}
}

// TestTodayOfAShortDay draws the day on which an hour is left out.
func TestTodayOfAShortDay(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Local
	time.Local = zone
	defer func() { time.Local = old }()
	v := dayView(time.Date(2027, 3, 28, 12, 0, 0, 0, zone))
	if d := v.to.Sub(v.from); d != 23*time.Hour {
		t.Errorf("the day has %v", d)
	}
	var ticks []string
	for _, tick := range v.ticks {
		ticks = append(ticks, tickWord(tick, false))
	}
	if got := strings.Join(ticks, " "); got != "00:00 03:00 06:00 09:00 12:00 15:00 18:00 21:00" {
		t.Error(got)
	}
	if got := v.at(v.ticks[1], 23); got != 2 {
		t.Errorf("three o'clock is %v hours from midnight", got)
	}
	if d := weekView(v.from).to.Sub(v.from); d != 7*24*time.Hour-time.Hour {
		t.Errorf("the week has %v", d)
	}
}

// Where the hour after midnight is left out, a day begins when it begins there, and
// not in the evening before.
func TestTodayOfADayWithoutMidnight(t *testing.T) {
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Local
	time.Local = zone
	defer func() { time.Local = old }()
	begin := time.Date(2027, 9, 5, 1, 0, 0, 0, zone)
	before, day := dayView(begin.Add(-time.Minute)), dayView(begin)
	if !before.to.Equal(begin) || !day.from.Equal(begin) || day.to.Sub(day.from) != 23*time.Hour {
		t.Errorf("one day ends at %v, the next is from %v to %v", before.to, day.from, day.to)
	}
	var ticks []string
	for _, tick := range day.ticks {
		ticks = append(ticks, tickWord(tick, false))
	}
	if got := strings.Join(ticks, " "); got != "01:00 03:00 06:00 09:00 12:00 15:00 18:00 21:00" {
		t.Error(got)
	}
	if got := tickWord(weekView(begin).ticks[0], true); got != "Sun 5" {
		t.Errorf("the week begins on %s", got)
	}
}
