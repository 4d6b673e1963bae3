package dayload

import (
	"fmt"
	"time"
)

// Options say how large a day to simulate.
type Options struct {
	Sessions int
	// Polled is how many sessions polling is measured on; 0: 1000, or all if there
	// are fewer.
	Polled int
	Seed   uint64
}

// Result is a day's figures.
type Result struct {
	Sessions, PolledSessions int
	// FirstCPU, ChangeCPU and WakeCPU are what reevaluation took: the first
	// verdicts, the changes of claims, and the instants at which verdicts change.
	FirstCPU, ChangeCPU, WakeCPU time.Duration
	// PollingCPU is what polling every five minutes with cel-go would have taken
	// on as many sessions: measured on PolledSessions and scaled.
	PollingCPU time.Duration
	// Bytes are those of a session at the day's busiest, its claims excluded.
	Bytes float64
	// Late are verdicts that still allowed by their lease what cel-go denied, a
	// minute of work being outstanding; Wrong those that differed from cel-go's
	// otherwise. Of Compared.
	Late, Wrong, Compared int
	// Wakes are wake-ups, Changes changes of claims, Told verdicts that changed.
	Wakes, Changes, Told int
	// Polled are polling's verdicts that allowed.
	Polled int
}

// EngineCPU is all that reevaluation took.
func (r Result) EngineCPU() time.Duration { return r.FirstCPU + r.ChangeCPU + r.WakeCPU }

// Ratio is how many times the engine's CPU time polling takes.
func (r Result) Ratio() float64 { return float64(r.PollingCPU) / float64(r.EngineCPU()) }

// Run simulates the day.
func Run(o Options) (Result, error) {
	if o.Sessions < 1 || o.Sessions > 1<<27 {
		return Result{}, fmt.Errorf("a day of %d sessions: choose from one to a hundred million", o.Sessions)
	}
	r := Result{Sessions: o.Sessions, PolledSessions: o.Polled}
	if r.PolledSessions == 0 {
		r.PolledSessions = min(1000, o.Sessions)
	}
	d := dice(o.Seed)
	e, err := newEngine(d, o.Sessions, &r)
	if err != nil {
		return r, err
	}
	if err := e.run(); err != nil {
		return r, err
	}
	spent, err := poll(d, r.PolledSessions, &r)
	r.PollingCPU = time.Duration(float64(spent) * float64(r.Sessions) / float64(r.PolledSessions))
	return r, err
}

// measure adds the CPU time that f takes.
func (r *Result) measure(to *time.Duration, f func()) error {
	before, err := cpuTime()
	if err != nil {
		return fmt.Errorf("read the CPU time: %w", err)
	}
	f()
	after, err := cpuTime()
	*to += after - before
	return err
}
