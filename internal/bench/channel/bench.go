package channel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// oneWay is the delay of the paths, each way: the way there and back is 20 ms.
const oneWay = 10 * time.Millisecond

// Options say how much to measure.
type Options struct {
	// Rounds are how often each side is measured, in turns; 0: five.
	Rounds int
	// Seconds are how long one bulk transfer lasts; 0: two.
	Seconds float64
	// Report is told each figure.
	Report func(name string, value float64, unit string)
	// Lanes are what bulk transfers are measured in, beside wireguard-go; none:
	// all of them.
	Lanes []string
	// Only, where it is not empty, names the measurements to take.
	Only []string
	// For is how long to churn, which is done only where Only says so; 0: ten
	// minutes. Its schedule is drawn from Seed.
	For  time.Duration
	Seed uint64
}

// Run measures.
func Run(ctx context.Context, o Options) (err error) {
	if o.Rounds == 0 {
		o.Rounds = 5
	}
	if o.Seconds == 0 {
		o.Seconds = 2
	}
	if slices.Contains(o.Only, "churn") {
		if o.For == 0 {
			o.For = 10 * time.Minute
		}
		if err := runChurn(ctx, o); err != nil {
			return fmt.Errorf("churn (seed %d): %w", o.Seed, err)
		}
		if len(o.Only) == 1 {
			return nil
		}
	}
	w, err := makeWorld()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	m := &measure{world: w, o: o}
	for _, step := range []struct {
		name string
		take func() error
	}{{"first-byte", m.firstBytes}, {"bulk", m.bulk}, {"lossy", m.lossy}, {"roam", m.roams}, {"opens", m.opens}} {
		if len(o.Only) > 0 && !slices.Contains(o.Only, step.name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step.take(); err != nil {
			return fmt.Errorf("measure %s: %w", step.name, err)
		}
	}
	return nil
}

// measure takes the measurements on a world.
type measure struct {
	*world
	o Options
}

// sides starts the peer and our client in lanes, as they are named, on a path.
func (m *measure) sides(near netip.Addr, lanes ...string) (_ []*side, stop func() error, err error) {
	var all []*side
	stop = func() error {
		var errs []error
		for _, s := range all {
			errs = append(errs, s.stop())
		}
		return errors.Join(errs...)
	}
	for _, lane := range lanes {
		var s *side
		if lane == "wireguard-go" {
			s, err = m.wireguard(near)
		} else {
			s, err = m.ours(lane, near)
		}
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		all = append(all, s)
	}
	return all, stop, nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
