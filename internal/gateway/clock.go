package gateway

import (
	"context"
	"time"
)

// clock tells the wall clock's time; tests set it.
type clock func() time.Time

const (
	// clockEvery is how often clocks are compared, for where the system does not
	// tell that its clock has been set.
	clockEvery = 10 * time.Second
	clockStep  = time.Second
)

// watchClock judges every session anew when the wall clock has been set: timers
// follow the monotonic clock, leases the wall. A set receives when it may have.
func (g *Gateway) watchClock(ctx context.Context, set <-chan struct{}) {
	t := time.NewTicker(clockEvery)
	defer t.Stop()
	began := time.Now()
	wall, mono := g.now().Round(0), time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-set:
		}
		nowWall, nowMono := g.now().Round(0), time.Since(began)
		step := nowWall.Sub(wall) - (nowMono - mono)
		wall, mono = nowWall, nowMono
		if step.Abs() < clockStep {
			continue
		}
		g.log.Warn("the clock was set", "by", step)
		g.calendar.Rearm()
		for _, s := range g.registry.all() {
			s.call(s.replan)
		}
	}
}
