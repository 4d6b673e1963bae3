package window

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// eventful are n events, one each ten minutes until noon, of all topics in turn.
func eventful(n int) []session.Event {
	kinds := []string{"signed-in", "app-opened", "channel-connected", "dns-changed", "vpn-connected"}
	var all []session.Event
	for i := range n {
		all = append(all, session.Event{Seq: uint64(i + 1), At: noon.Add(time.Duration(i-n) * 10 * time.Minute), Kind: kinds[i%len(kinds)],
			Text: fmt.Sprintf("Event %d of %s", i+1, kinds[i%len(kinds)])})
	}
	return all
}

// onActivity is the page over a client that keeps events, of which the state has the
// last hundred.
func onActivity(t testing.TB, events []session.Event) (*bench, *fakeClient) {
	b := newBench(t, alwaysDark)
	c := &fakeClient{events: events}
	b.client = c
	s := signedIn()
	s.Events = events[max(0, len(events)-session.MaxEvents):]
	b.apply(s)
	b.pages.show(session.PageActivity)
	b.apply(s)
	b.pages.activity.show()
	return b, c
}

// asked asks the client all that the window wants to know, as Run does.
func (b *bench) asked() (n int) {
	for ; ; n++ {
		select {
		case q := <-b.asks:
			if then := q(b.t.Context()); then != nil {
				then()
			}
		default:
			return n
		}
	}
}

// toTheEnd scrolls until there is no more.
func (b *bench) toTheEnd() {
	for range 50 {
		b.pages.activity.list.key(fyne.KeyEnd)
		if b.asked() == 0 {
			return
		}
	}
	b.t.Error("there is no end")
}

// seenEvents are the events whose rows there are, the topmost first.
func (b *bench) seenEvents() (texts []string) {
	c := b.pages.activity.list
	for i := range c.sheet.parts {
		for _, r := range c.pooled {
			if r.line == c.sheet.parts[i] {
				texts = append(texts, r.text.text)
			}
		}
	}
	return texts
}

func TestActivityGoesFurtherBackAsOneScrolls(t *testing.T) {
	b, _ := onActivity(t, eventful(450))
	p := b.pages.activity
	if n := len(p.past.shown()); n != 100 {
		t.Fatalf("at first %d are known", n)
	}
	for i := range 10 {
		if n := len(b.seenEvents()); n == 0 || n > 20 {
			t.Fatalf("there are %d rows", n)
		}
		if b.key(fyne.KeyEnd); b.asked() == 0 {
			if i != 4 {
				t.Errorf("after %d pages there are no more", i)
			}
			break
		}
	}
	b.key(fyne.KeyEnd)
	all := b.seenEvents()
	if len(p.past.shown()) != 450 || all[len(all)-1] != "Event 1 of signed-in" || p.list.foot.text != "" {
		t.Errorf("%d are known, the last is %s", len(p.past.shown()), all[len(all)-1])
	}
	for i, e := range p.past.shown() {
		if e.Seq != uint64(450-i) {
			t.Fatalf("event %d is at %d", e.Seq, i)
		}
	}
	b.key(fyne.KeyHome)
	if got := b.seenEvents()[0]; got != "Event 450 of vpn-connected" {
		t.Errorf("at the top is %s", got)
	}
}

// What is looked at stays in its place while newer things happen.
func TestActivityStaysWhereItIs(t *testing.T) {
	b, c := onActivity(t, eventful(100))
	b.key(fyne.KeyPageDown)
	before := b.seenEvents()
	s := b.state
	for range 5 {
		n := uint64(len(c.events) + 1)
		c.events = append(c.events, session.Event{Seq: n, At: noon, Kind: "app-cut", Text: fmt.Sprint("New ", n)})
		s.Events = c.events[len(c.events)-100:]
		b.apply(s)
	}
	if d := cmp.Diff(before, b.seenEvents()); d != "" {
		t.Error(d)
	}
	b.key(fyne.KeyHome)
	if got := b.seenEvents()[0]; got != "New 105" {
		t.Errorf("at the top is %q", got)
	}
	if n := len(b.pages.activity.past.shown()); n != 105 {
		t.Errorf("%d are known", n)
	}
}

func TestActivitySearch(t *testing.T) {
	b, c := onActivity(t, eventful(450))
	p := b.pages.activity
	b.canvas().Focus(p.search)
	b.typed("vpn 5")
	at := p.past.shown()
	b.toTheEnd()
	for _, e := range p.past.shown() {
		if !strings.Contains(e.Text, "vpn") || !strings.Contains(e.Text, "5") {
			t.Errorf("found %s", e.Text)
		}
	}
	want := len(session.HistoryQuery{EventFilter: session.EventFilter{Search: "vpn 5"}}.Select(c.events).Events)
	if n := len(p.past.shown()); n != want || len(at) >= n || len(at) == 0 {
		t.Errorf("found %d at once and %d further back, of %d", len(at), n, want)
	}
	b.typed("zebra")
	b.asked()
	if !p.empty.Visible() || p.list.Visible() || p.empty.title.text != "Nothing that happened matches “vpn 5zebra”" {
		t.Errorf("it says %q", p.empty.title.text)
	}
	b.press(words.searchClear)
	if p.search.Text != "" || len(p.past.shown()) != 100 {
		t.Error("the search is not cleared")
	}
	b.canvas().Focus(p.kinds.buttons[0])
	b.key(fyne.KeyRight)
	b.toTheEnd()
	if p.past.filter.Topic != session.TopicAccess || p.kinds.buttons[1] != b.canvas().Focused() {
		t.Error("the arrows do not choose a kind")
	}
	if n := len(p.past.shown()); n != 90 {
		t.Errorf("%d are about access", n)
	}
	b.key(fyne.KeyLeft)
	b.canvas().Focus(p.search)
	b.typed("x")
	b.key(fyne.KeyEscape)
	if p.search.Text != "" {
		t.Error("Esc does not clear the search")
	}
	b.key(fyne.KeyEscape)
	if b.canvas().Focused() != nil {
		t.Error("Esc does not leave the search")
	}
}

// An answer to what is not asked any more is not taken, and one question is under way.
func TestActivityTakesTheLastAnswer(t *testing.T) {
	b, _ := onActivity(t, eventful(450))
	p := b.pages.activity
	b.asked()
	p.search.SetText("zebra")
	if len(b.asks) != 1 {
		t.Fatal("nothing is asked")
	}
	old := <-b.asks
	then := old(t.Context())
	p.search.SetText("dns")
	if len(b.asks) != 0 {
		t.Error("two questions are under way")
	}
	then()
	b.toTheEnd()
	if len(p.past.shown()) != 90 || slices.ContainsFunc(p.past.shown(), func(e session.Event) bool { return !strings.Contains(e.Text, "dns") }) {
		t.Errorf("%d are shown", len(p.past.shown()))
	}
}

func TestActivityThatCannotBeRead(t *testing.T) {
	b, c := onActivity(t, eventful(450))
	c.err = errors.New("it is gone")
	b.key(fyne.KeyEnd)
	b.asked()
	if got := b.pages.activity.list.foot.text; got != "What happened earlier cannot be shown: it is gone" {
		t.Errorf("it says %q", got)
	}
	if b.asked() != 0 {
		t.Error("it is asked again and again")
	}
}

func TestPast(t *testing.T) {
	all := eventful(3000)
	p := past{}
	for i := 100; i <= 1500; i += 50 {
		if !p.take(all[i-100:i]) || p.take(all[i-100:i]) {
			t.Fatalf("at %d", i)
		}
		if got := p.shown(); got[0].Seq != uint64(i) || len(p.recent) > pastMost+100 {
			t.Fatalf("at %d the newest is %d of %d", i, got[0].Seq, len(p.recent))
		}
	}
	if !p.take(all[2900:]) || len(p.recent) != 100 || !p.more { // states were missed
		t.Errorf("over a gap %d are known", len(p.recent))
	}
	if !p.take(nil) || len(p.shown()) != 0 {
		t.Error("it does not forget")
	}
}

// What is of another enrolment than the active one says so, also of those that were
// shown when that was active.
func TestActivityOfTwoEnrolments(t *testing.T) {
	events := eventful(2)
	events[0].Of, events[1].Of = "Harbour", "Tidewater Energy"
	events[0].User, events[1].User = "maya", "maya"
	b, _ := onActivity(t, events)
	said := func() string { // the newest first
		rows := b.pages.activity.list.pooled
		return strings.TrimPrefix(rows[0].text.text, events[1].Text) + "," + strings.TrimPrefix(rows[1].text.text, events[0].Text)
	}
	if got := said(); got != ", (Harbour)" {
		t.Errorf("they say %q", got)
	}
	s := b.state
	s.Enrolment.Name = "Harbour"
	b.apply(s)
	if got := said(); got != " (Tidewater Energy)," {
		t.Errorf("after a switch they say %q", got)
	}
	s.Enrolment.User = "maya"
	s.Enrolments = []session.Enrolment{s.Enrolment, {Name: "Tidewater Energy", User: "maya"}}
	b.apply(s)
	if got := said(); got != " (Tidewater Energy)," {
		t.Errorf("with a user each they say %q", got)
	}
	s.Enrolments = append(s.Enrolments, session.Enrolment{Name: "Tidewater Energy", User: "lena"}, session.Enrolment{Name: "Harbour", User: "lena"})
	b.apply(s)
	if got := said(); got != " (Tidewater Energy, maya)," {
		t.Errorf("with two users each they say %q", got)
	}
	s.Enrolment.User = "lena"
	b.apply(s)
	if got := said(); got != " (Tidewater Energy, maya), (maya)" {
		t.Errorf("to the other user they say %q", got)
	}
}

// An export runs beside Fyne's thread, on which the words become those of another
// language meanwhile.
func TestExportOfNothing(t *testing.T) {
	english(t)
	b, c := onActivity(t, eventful(5))
	b.press(activityWords.export)
	d := b.layer.face.(*exporting)
	c.events = nil
	failed := make(chan error)
	go func() {
		_, err := export(t.Context(), c, session.EventFilter{}, filepath.Join(t.TempDir(), "x.csv"), asCSV, false)
		failed <- err
	}()
	lang.Set("de")
	translate()
	if d.ended("x.csv", 0, <-failed); d.wrong.text != "Es gibt nichts zu exportieren." {
		t.Errorf("it says %q", d.wrong.text)
	}
}

func TestExport(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	events := append(eventful(1200), session.Event{Seq: 1201, At: noon, Kind: "vpn-other", Text: "=cmd(), \"x\"", App: "wiki"})
	b, c := onActivity(t, events)
	p := b.pages.activity
	open := func() *exporting {
		b.press(activityWords.export)
		return b.layer.face.(*exporting)
	}
	d := open()
	path := filepath.Join(home, "tidegate-activity-2026-11-20.csv")
	if d.file.input.Text != path {
		t.Errorf("suggested is %s", d.file.input.Text)
	}
	d.file.input.SetText("~/activity")
	b.key(fyne.KeyEnter)
	if !strings.Contains(d.wrong.text, ".csv") {
		t.Errorf("a name without an ending: %q", d.wrong.text)
	}
	d.file.input.SetText(path)
	b.key(fyne.KeyEnter)
	b.asked()
	if b.layer.modal != nil || !strings.Contains(b.toast.text.text, "1201 events") {
		t.Errorf("it says %q", b.toast.text.text)
	}
	text, err := os.ReadFile(path)
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) != 1203 || lines[0] != "time,kind,application,text,organisation,user" || lines[1] != `2026-11-20T14:36:00Z,vpn-other,wiki,"'=cmd(), ""x""",,` {
		t.Errorf("%d lines, %v: %s", len(lines), err, lines[1])
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}

	// What is there is replaced only when asked to.
	d = open()
	b.press(activityWords.exportDo)
	b.asked()
	if d.wrong.text != activityWords.exportThere {
		t.Errorf("it says %q", d.wrong.text)
	}
	c.events = c.events[:3]
	b.press(activityWords.exportOver)
	b.asked()
	if text, _ := os.ReadFile(path); strings.Count(string(text), "\n") != 4 {
		t.Error("it was not replaced")
	}

	// What is searched for is what is written, as the name's ending says.
	p.search.SetText("dns")
	b.asked()
	c.events = eventful(20)
	d = open()
	d.file.input.SetText(filepath.Join(home, "x.JSON"))
	b.key(fyne.KeyEnter)
	b.asked()
	var got []session.Event
	if text, err = os.ReadFile(filepath.Join(home, "x.JSON")); err != nil || json.Unmarshal(text, &got) != nil || len(got) != 4 || got[0].Seq != 19 {
		t.Errorf("%d events, %v", len(got), err)
	}
	d = open()
	d.file.input.SetText("/nowhere/at/all.csv")
	b.key(fyne.KeyEnter)
	b.asked()
	if d.wrong.text != "There is no such folder; choose one that is there." {
		t.Errorf("it says %q", d.wrong.text)
	}
	b.key(fyne.KeyEscape)
	if b.layer.modal != nil {
		t.Error("Esc does not close the dialog")
	}
	if left, err := filepath.Glob(filepath.Join(home, ".tidegate-*")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func BenchmarkActivity(b *testing.B) {
	w, _ := onActivity(b, eventful(5000))
	p := w.pages.activity
	h, _ := w.client.History(context.Background(), session.HistoryQuery{Before: p.past.recent[0].Seq})
	for len(p.past.older) < 4500 {
		p.past.answer(p.past.asked, h, nil)
	}
	texts := []string{"v", "vp", "vpn", "event 1", "event 12", "nothing", ""}
	i := 0
	for b.Loop() {
		p.search.SetText(texts[i%len(texts)])
		i++
	}
}
