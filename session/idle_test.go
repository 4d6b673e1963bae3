package session

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// An idle time is the user's as far as the administrator allows, whatever was chosen
// before, and reaches the data plane.
func TestIdle(t *testing.T) {
	minutes := func(n int) wire.Duration { return wire.Duration(time.Duration(n) * time.Minute) }
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.state()
		choose := func(d wire.Duration, says string) {
			t.Helper()
			err := b.s.Do(t.Context(), ChooseIdle{d})
			if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
				t.Errorf("%v: %v", d, err)
			}
		}
		holds := func(want wire.Duration) {
			t.Helper()
			s := b.state()
			if got, plane := s.Choices.IdleOf(*s.Fixed), b.plane.last().Idle; got != want || plane != want.D() {
				t.Errorf("%v holds, and %v for the data plane, want %v", got, plane, want)
			}
		}
		choose(minutes(2), "fixed the idle time at 5m0s")
		holds(minutes(5))
		s := b.controller.snapshot
		allow := func(most wire.Duration) {
			s.Revision++
			s.Settings.IdleMost = most
			b.tell(s)
		}
		allow(minutes(20))
		holds(minutes(5))
		choose(minutes(21), "20m0s at most")
		choose(wire.Duration(time.Second), "1m0s at least")
		choose(minutes(18), "")
		holds(minutes(18))
		allow(minutes(10))
		holds(minutes(10))
		allow(0)
		holds(minutes(5))
		choose(0, "")
		allow(minutes(10))
		holds(minutes(5))
	})
	if d := cmp.Diff([]wire.Duration{minutes(1), minutes(5), minutes(15), minutes(20)}, IdleSteps(wire.Settings{IdleMost: minutes(20)})); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	if got := IdleSteps(wire.DefaultSettings()); got != nil {
		t.Errorf("steps where it is fixed: %v", got)
	}
}
