package session

import (
	"slices"
	"testing"
)

// There is one history of all enrolments, and it says what is of which.
func TestWhoseHistory(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.second()
		b.closed()
		b.s.ReportDataplane(DataplaneFacts{Change: b.plane.last().Change, Sites: site(Connected)})
		b.do(SwitchEnrolment{"d1"})
		b.closed()
		b.do(SwitchEnrolment{"d2"})
		b.closed()
		b.expectPhase(ControlEstablished)
		b.do(ForgetEnrolment{"d2"})
		b.closed()
		b.do(ForgetEnrolment{"d1"})
		var got []string
		for _, e := range b.state().Events {
			got = append(got, e.Kind+" "+e.Of)
			if e.Topic() == TopicAccess && e.Of == "" {
				t.Errorf("nobody's: %s", e.Text)
			}
		}
		for _, want := range []string{"started ", "signed-in Example", "control-established Example", "enrolled Other", "signed-in Other", "channel-connected Other",
			"switched Example", "switched Other", "forgotten Other", "signed-out Other", "forgotten Example", "signed-out Example"} {
			i := slices.Index(got, want)
			if i < 0 {
				t.Fatalf("no %q in %q", want, got)
			}
		}
		for _, never := range []string{"channel-connected Example", "enrolled Example", "started Example"} {
			if slices.Contains(got, never) {
				t.Errorf("%q in %q", never, got)
			}
		}
	})
}

// What is of another controller than the active one says so, once.
func TestSentence(t *testing.T) {
	e := Event{Seq: 1, Text: "The controller was lost; reconnecting", Of: "Example"}
	for _, tt := range []struct {
		e      Event
		active Enrolment
		want   string
	}{
		{e, Enrolment{Name: "Example"}, e.Text},
		{e, Enrolment{Name: "Other"}, e.Text + " (Example)"},
		{e, Enrolment{}, e.Text + " (Example)"},
		{Event{Text: "Tidegate started"}, Enrolment{Name: "Other"}, "Tidegate started"},
		{Event{Text: "Switched to Example", Of: "Example"}, Enrolment{Name: "Other"}, "Switched to Example"},
	} {
		if got := tt.e.Sentence(tt.active); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
	if h := (HistoryQuery{EventFilter: EventFilter{Search: "lost example"}}).Select([]Event{e}); len(h.Events) != 1 {
		t.Error("it is not found by whose it is")
	}
}
