package session

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestLookAhead(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("").start()
		if err := b.s.Do(t.Context(), LookAhead{}); err == nil {
			t.Error("it looks ahead for nobody")
		}
		b.do(SignIn{Password: "tide"})
		if s := b.state(); s.Ahead != nil {
			t.Errorf("unasked: %+v", s.Ahead)
		}
		// The controller's clock is an hour ahead of ours.
		hour := time.Hour
		now := time.Now().Add(hour).UTC()
		hold := make(chan struct{})
		span := wire.ForecastSpan{From: now, To: now.Add(2 * hour), Allow: true, Warn: now.Add(hour), Cure: []wire.InteractionKind{wire.InteractionMFA}, Reason: wire.ReasonMFA}
		b.controller.set(func() {
			b.controller.holdForecast = hold
			b.controller.forecast = wire.Forecast{At: now, Until: now.Add(9 * hour), Expires: now.Add(5 * hour),
				Lines: []wire.ForecastLine{{Entitlements: []wire.EntitlementID{"e-wiki", "e-desk"}, Spans: []wire.ForecastSpan{span}}}}
		})
		b.do(LookAhead{})
		b.do(LookAhead{})
		if s := b.state(); s.Ahead == nil || !s.Ahead.Working || !s.Ahead.At.IsZero() {
			t.Fatalf("asked: %+v", s.Ahead)
		}
		close(hold)
		s := b.state()
		at := func(h int) time.Time { return now.Add(time.Duration(h-1) * hour) }
		want := &Ahead{At: at(0), Until: at(9), Expires: at(5), Lines: []wire.ForecastLine{{Entitlements: []wire.EntitlementID{"e-wiki", "e-desk"},
			Spans: []wire.ForecastSpan{{From: at(0), To: at(2), Allow: true, Warn: at(1), Cure: span.Cure, Reason: span.Reason}}}}}
		if d := cmp.Diff(want, s.Ahead); d != "" {
			t.Error(d)
		}
		if n := b.controller.called("forecast"); n != 1 {
			t.Errorf("asked %d times for two questions at once", n)
		}
		if l, ok := s.Ahead.Line("e-desk"); !ok || len(l.Spans) != 1 {
			t.Errorf("a line is %+v", l)
		}
		if _, ok := s.Ahead.Line("e-other"); ok {
			t.Error("there is a line of nothing")
		}

		b.controller.set(func() { b.controller.down = true })
		b.do(LookAhead{})
		s = b.state()
		if s.Ahead.Problem == nil || s.Ahead.Problem.Fix == "" || s.Ahead.Working || len(s.Ahead.Lines) != 1 {
			t.Errorf("not reached: %+v", s.Ahead)
		}
		b.controller.set(func() { b.controller.down = false })
		b.do(SignOut{})
		if s := b.state(); s.Ahead != nil {
			t.Errorf("signed out: %+v", s.Ahead)
		}
	})
}

// TestASlowForecastSetsNoClock has the answer take its time: what is ahead agrees to
// the second with what everything else says.
func TestASlowForecastSetsNoClock(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		snapshot := b.controller.snapshot
		snapshot.At = time.Now().Add(time.Minute)
		b.tell(snapshot)
		end := time.Now().Add(time.Hour)
		b.controller.set(func() {
			b.controller.forecast = wire.Forecast{At: snapshot.At.Add(-2 * time.Second), Expires: end.Add(time.Minute)}
		})
		b.do(LookAhead{})
		if a := b.state().Ahead; !a.Expires.Equal(end) {
			t.Errorf("the session ends at %s, and not at %s", a.Expires, end)
		}
	})
}

// TestForecastOfAnotherSessionIsDropped signs out while an answer is awaited.
func TestForecastOfAnotherSessionIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		hold := make(chan struct{})
		b.controller.set(func() { b.controller.holdForecast = hold })
		b.do(LookAhead{})
		b.do(SignOut{})
		close(hold)
		if s := b.state(); s.Ahead != nil {
			t.Errorf("signed out: %+v", s.Ahead)
		}
	})
}

// TestForecastThatComesAfterASwitchIsDropped switches to another enrolment and back
// while an answer is awaited: the question is of a time that is over.
func TestForecastThatComesAfterASwitchIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.second()
		b.closed()
		to := func(id wire.DeviceID) {
			t.Helper()
			b.do(SwitchEnrolment{id})
			b.closed()
			b.expectPhase(ControlEstablished)
		}
		to("d1")
		hold := make(chan struct{})
		b.controller.set(func() { b.controller.holdForecast = hold })
		b.do(LookAhead{})
		to("d2")
		to("d1")
		b.controller.set(func() { b.controller.down = true })
		close(hold)
		if s := b.state(); s.Ahead != nil {
			t.Errorf("it is of another time: %+v", s.Ahead)
		}
		b.controller.set(func() { b.controller.down = false })
		b.do(LookAhead{})
		if s := b.state(); s.Ahead == nil || s.Ahead.Working || s.Ahead.Problem != nil {
			t.Errorf("asked anew: %+v", s.Ahead)
		}
	})
}
