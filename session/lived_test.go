package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestLived(t *testing.T) {
	begin := time.Date(2027, 3, 24, 9, 0, 0, 0, time.UTC)
	at := func(m int) time.Time { return begin.Add(time.Duration(m) * time.Minute) }
	code := []wire.InteractionKind{wire.InteractionMFA}
	open := func(since int) App { return App{Entitlement: "e", Allowed: true, Since: at(since)} }
	asks := func(since int) App { return App{Entitlement: "e", Cure: code, Since: at(since)} }
	type step struct {
		at  int
		app App
	}
	for _, tt := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"open all the time", []step{{0, open(-30)}, {5, open(-30)}, {10, open(-30)}}, "-30 to 10 open"},
		{"no verdict", []step{{0, App{Entitlement: "e"}}}, ""},
		{"a gap where nobody told", []step{{0, open(-1)}, {10, App{Entitlement: "e"}}, {20, open(20)}, {30, open(20)}}, "-1 to 10 open, 20 to 30 open"},
		{"a gateway that has known it all along", []step{{0, open(-1)}, {10, App{}}, {20, open(-1)}, {30, open(-1)}}, "-1 to 10 open, 10 to 30 open"},
		{"a turn", []step{{0, open(0)}, {10, asks(9)}, {30, App{Entitlement: "e", Since: at(30)}}, {31, App{}}}, "0 to 10 open, 10 to 30 asks, 30 to 31 closed"},
		{"the gateway's clock is ahead", []step{{0, open(2)}, {10, open(2)}}, "0 to 10 open"},
		{"ours is set back", []step{{0, open(-5)}, {60, asks(60)}, {30, asks(60)}, {40, asks(60)}}, "-5 to 30 open, 30 to 40 asks"},
		{"a day later", []step{{0, open(0)}, {10, App{}}, {30 * 60, App{}}}, ""},
		{"it has not ended", []step{{0, open(0)}, {30 * 60, open(0)}}, "0 to 1800 open"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l lived
			last := 0
			for _, s := range tt.steps {
				l.note(&State{Apps: []App{s.app, s.app}}, at(s.at))
				last = s.at
			}
			got := ""
			for _, x := range l.until(at(last))["e"] {
				if got != "" {
					got += ", "
				}
				got += fmt.Sprintf("%.0f to %.0f %s", x.From.Sub(begin).Minutes(), x.To.Sub(begin).Minutes(), x.Outlook)
			}
			if got != tt.want {
				t.Errorf("it was %s, not %s", got, tt.want)
			}
		})
	}
}

// What was so before the machine slept is not known to have been so meanwhile.
func TestLivedAsleep(t *testing.T) {
	begin := time.Date(2027, 3, 24, 22, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		from, to time.Duration // asleep
		clock    time.Duration // in the end
		want     []Lived
	}{
		{"overnight", time.Hour, 9 * time.Hour, 10 * time.Hour,
			[]Lived{{begin, begin.Add(time.Hour), OutlookOpen}, {begin.Add(9 * time.Hour), begin.Add(10 * time.Hour), OutlookOpen}}},
		{"at once", 0, time.Hour, 2 * time.Hour, []Lived{{begin.Add(time.Hour), begin.Add(2 * time.Hour), OutlookOpen}}},
		{"and the clock is set back", time.Hour, 9 * time.Hour, 8 * time.Hour, []Lived{{begin, begin.Add(time.Hour), OutlookOpen}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l lived
			s := &State{Apps: []App{{Entitlement: "e", Allowed: true, Since: begin}}}
			l.note(s, begin)
			l.slept(begin.Add(tt.from), begin.Add(tt.to))
			l.note(s, begin.Add(tt.to))
			l.note(s, begin.Add(tt.clock))
			if d := cmp.Diff(tt.want, l.until(begin.Add(tt.clock))["e"]); d != "" {
				t.Error(d)
			}
		})
	}
}

// However long it goes on, little is remembered, and of another device nothing.
func TestLivedIsBounded(t *testing.T) {
	var l lived
	s := State{Enrolment: Enrolment{Device: "d"}}
	for e := range 500 {
		s.Apps = append(s.Apps, App{Entitlement: wire.EntitlementID(fmt.Sprint(e))})
	}
	now := time.Date(2027, 3, 24, 9, 0, 0, 0, time.UTC)
	for i := range 200 {
		now = now.Add(time.Minute)
		for e := range s.Apps {
			s.Apps[e].Allowed, s.Apps[e].Since = i%2 == 0, now
		}
		l.note(&s, now)
	}
	n := 0
	for _, all := range l.until(now.Add(time.Second)) {
		n += len(all)
	}
	if n == 0 || n > allLived {
		t.Errorf("%d are remembered", n)
	}
	l.note(&State{Enrolment: Enrolment{Device: "other"}}, now)
	if len(l.of) != 0 {
		t.Errorf("%d are remembered of another", len(l.of))
	}
}

func TestDays(t *testing.T) {
	at := time.Date(2027, 3, 24, 9, 0, 0, 0, time.UTC)
	span := wire.ForecastSpan{From: at, To: at.Add(time.Hour), Allow: true}
	a := &Ahead{At: at, Lines: []wire.ForecastLine{{Entitlements: []wire.EntitlementID{"e", "f"}, Spans: []wire.ForecastSpan{span}}, {}},
		Past: map[wire.EntitlementID][]Lived{"e": {{From: at.Add(-time.Hour), To: at, Outlook: OutlookAsks}}}}
	ahead := Stretch{span, OutlookOpen}
	want := map[wire.EntitlementID][]Stretch{"f": {ahead}, "e": {{wire.ForecastSpan{From: at.Add(-time.Hour), To: at}, OutlookAsks}, ahead}}
	if d := cmp.Diff(want, a.Days()); d != "" {
		t.Error(d)
	}
	if days := (*Ahead)(nil).Days(); len(days) != 0 {
		t.Errorf("of nothing it is %v", days)
	}
}

// TestWhatWasStandsBesideWhatIsAhead lives through two verdicts before it looks.
func TestWhatWasStandsBesideWhatIsAhead(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		begin := time.Now()
		v := wire.Verdict{Entitlement: "pay", Allow: true, Since: begin.Add(-time.Minute), Decision: "x1"}
		b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: site(Connected, v)})
		b.pass(time.Hour)
		v = wire.Verdict{Entitlement: "pay", Reason: wire.Reason{Kind: wire.ReasonMFA}, Interactions: askMFA, Since: time.Now(), Decision: "x2"}
		b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: site(Connected, v)})
		b.pass(time.Hour)
		b.controller.set(func() { b.controller.forecast = wire.Forecast{At: time.Now(), Until: time.Now().Add(time.Hour)} })
		b.do(LookAhead{})
		want := map[wire.EntitlementID][]Lived{"pay": {
			{From: begin.Add(-time.Minute), To: begin.Add(time.Hour), Outlook: OutlookOpen},
			{From: begin.Add(time.Hour), To: begin.Add(2 * time.Hour), Outlook: OutlookAsks}}}
		if d := cmp.Diff(want, b.state().Ahead.Past); d != "" {
			t.Error(d)
		}
	})
}

// A night asleep is no night in which everything was open.
func TestTheNightIsNotKnown(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		v := wire.Verdict{Entitlement: "pay", Allow: true, Since: time.Now(), Decision: "x1"}
		b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: site(Connected, v)})
		b.pass(time.Hour)
		b.sleep(8 * time.Hour)
		b.pass(time.Hour)
		b.controller.set(func() { b.controller.forecast = wire.Forecast{At: b.s.now(), Until: b.s.now().Add(time.Hour)} })
		b.do(LookAhead{})
		var known time.Duration
		for _, x := range b.state().Ahead.Past["pay"] {
			known += x.To.Sub(x.From)
		}
		if known < 2*time.Hour-time.Minute || known > 2*time.Hour {
			t.Errorf("of two hours awake %v are known: %v", known, b.state().Ahead.Past)
		}
	})
}
