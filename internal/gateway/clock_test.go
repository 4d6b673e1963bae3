package gateway

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestClockSetIsTold: a gateway that is told looks at once.
func TestClockSetIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var offset atomic.Int64
		set := make(chan struct{})
		s := newSim(t, func(_ *sim, o *Options) {
			o.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())).Round(0) }
		}, func(s *sim, _ *Options) {
			s.prepare = func(g *Gateway) {
				g.clockSet = func(ctx context.Context) (<-chan struct{}, <-chan struct{}) { return set, ctx.Done() }
			}
		})
		c := s.client(t, s.device)
		c.admit(s.authority.ticket(s.device).entitle("office", "app.test", 22, `during("Mon-Sun", "00:00", "17:00")`))
		str, _ := s.echo(c, "app.test:22")
		offset.Store(int64(17 * time.Hour))
		began := time.Now()
		set <- struct{}{}
		expectReset(t, str, codeCut)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("after %s", took)
		}
	})
}

// TestClockIsSet: when the wall clock is set, forward or back, everything is
// judged by it at once; no lease outlives it meanwhile.
func TestClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var offset atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())).Round(0) }
		s := newSim(t, recorded, func(_ *sim, o *Options) { o.Now = now })
		synctest.Wait()
		k := s.authority.ticket(s.device).entitle("office", "app.test", 22, `during("Mon-Sun", "00:00", "17:00")`).
			entitle("late", "app.test", 23, `during("Mon-Sun", "17:00", "24:00")`)
		k.entitlements[0].Conditions[0].Reevaluate.At = []int{17*60 + 1}
		c := s.client(t, s.device)
		v, first := c.admit(k)
		if !first.Verdicts[0].Allow || first.Verdicts[1].Allow {
			t.Fatalf("%+v", first)
		}
		str, _ := s.echo(c, "app.test:22")
		ping(t, str, "hello")
		offset.Store(int64(17 * time.Hour))
		set := time.Now()
		expectReset(t, str, codeCut)
		forward := v.next()
		if took := time.Since(set); took > clockEvery+100*time.Millisecond || forward.Verdicts[0].Allow || !forward.Verdicts[1].Allow || forward.At.Hour() != 17 {
			t.Errorf("after %s: %+v", took, forward)
		}
		str, _ = s.echo(c, "app.test:23")
		ping(t, str, "late")
		offset.Store(0)
		set = time.Now()
		expectReset(t, str, codeCut)
		back := v.next()
		if took := time.Since(set); took > clockEvery+100*time.Millisecond || !back.Verdicts[0].Allow || back.Verdicts[1].Allow {
			t.Errorf("after %s: %+v", took, back)
		}
		clocks := 0
		for _, r := range s.ledger.take() {
			if r.Kind == "verdict" && r.Trigger == wire.TriggerClock {
				clocks++
			}
		}
		if clocks != 4 {
			t.Errorf("%d verdicts by the clock", clocks)
		}
		// The time of day is the wall clock's, also after it has been set.
		s.ledger.take()
		offset.Store(int64(16*time.Hour + 59*time.Minute))
		time.Sleep(3 * time.Minute)
		found := false
		for _, r := range s.ledger.take() {
			found = found || r.Trigger == wire.TriggerAtTime && r.At.Format("15:04:05") == "17:01:00"
		}
		if !found {
			t.Error("17:01 was not kept")
		}
	})
}
