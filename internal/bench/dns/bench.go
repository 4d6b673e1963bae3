package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Options say how much to measure.
type Options struct {
	// Rounds are how often each server is measured, in turns; 0: five.
	Rounds int
	// Report is told each figure.
	Report func(name string, value float64, unit string)
	// Note is told what could not be measured beside us; nil: nobody is.
	Note func(text string)
}

// How much is asked of a server. Rates are taken in many short rounds, so that
// what else the machine does now and then is not in the median.
const (
	ratesARound   = 3      // rounds of rates for each round
	uncachedNames = 20_000 // in a round, each once and in no other
	cachedNames   = 100    // over and over; dnsmasq holds 150
	cachedTimes   = 500
	slowNames     = 1200 // each once, as seldom as slowRate says
	slowRate      = 400  // queries a second
	heldNames     = 10_000
)

// The rounds' figures by server; direct is the server behind them all.
const (
	ours     = "ours"
	dnsmasq  = "dnsmasq"
	unbound  = "unbound"
	direct   = "direct"
	ownReply = "queries-per-second"
)

// Run measures.
func Run(ctx context.Context, o Options) (err error) {
	if o.Rounds == 0 {
		o.Rounds = 5
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	dir, err := os.MkdirTemp("", "tidegate-bench-dns-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	w, err := makeWorld(ctx, dir, o.Note)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	m := &measure{world: w, o: o, lost: map[string]int{}}
	for _, step := range []struct {
		name string
		take func(context.Context) error
	}{{"uncached", m.uncached}, {"cached", m.cached}, {"latency", m.latency}, {"memory", m.memory}} {
		if err := step.take(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", step.name, err)
		}
	}
	for _, s := range m.servers {
		o.Report(figure("dns-lost", s.name), float64(m.lost[s.name]), "queries")
	}
	return nil
}

// measure takes the measurements on a world.
type measure struct {
	*world
	o    Options
	lost map[string]int // queries that were not answered, by server
	next int            // the number of the next name that nobody has asked for
}

// uncached asks each server for names that it has not heard of.
func (m *measure) uncached(ctx context.Context) error {
	rates := map[string][]float64{}
	for round := range m.o.Rounds * ratesARound {
		names, err := m.fresh(uncachedNames)
		if err != nil {
			return err
		}
		for _, s := range turns(m.servers, round) {
			r, err := m.ask(ctx, s, "-d", names, "-n", "1")
			if err != nil {
				return err
			}
			rates[s.name] = append(rates[s.name], r.rate())
		}
		os.Remove(names)
	}
	m.rates("dns-uncached", rates)
	return nil
}

// cached asks each server for what it has just been asked for.
func (m *measure) cached(ctx context.Context) error {
	names, err := m.fresh(cachedNames)
	if err != nil {
		return err
	}
	rates := map[string][]float64{}
	for round := range m.o.Rounds * ratesARound {
		for _, s := range turns(m.servers, round) {
			if _, err := m.ask(ctx, s, "-d", names, "-n", "1"); err != nil {
				return err
			}
			r, err := m.ask(ctx, s, "-d", names, "-n", fmt.Sprint(cachedTimes))
			if err != nil {
				return err
			}
			rates[s.name] = append(rates[s.name], r.rate())
		}
	}
	m.rates("dns-cached", rates)
	return nil
}

// latency is what each server adds to a lookup on a machine that does little.
func (m *measure) latency(ctx context.Context) error {
	added := map[string][]float64{}
	for round := range m.o.Rounds {
		took := map[string]time.Duration{}
		for _, s := range turns(append([]server{{name: direct, addr: upstreamAddr}}, m.servers...), round) {
			names, err := m.fresh(slowNames)
			if err != nil {
				return err
			}
			r, err := m.ask(ctx, s, "-d", names, "-n", "1", "-Q", fmt.Sprint(slowRate), "-v")
			if err != nil {
				return err
			}
			took[s.name] = r.median()
			os.Remove(names)
		}
		for _, s := range m.servers {
			added[s.name] = append(added[s.name], float64(took[s.name]-took[direct])/float64(time.Millisecond))
		}
	}
	for _, s := range m.servers {
		m.o.Report(figure("dns-added-latency", s.name), median(added[s.name]), "ms")
	}
	return nil
}

// rates reports how fast each server is, and us in times of each other one: the
// median over the rounds, in each of which all did the same.
func (m *measure) rates(name string, of map[string][]float64) {
	for _, s := range m.servers {
		if s.name == ours {
			continue
		}
		var ratios []float64
		for i, r := range of[s.name] {
			ratios = append(ratios, of[ours][i]/r)
		}
		if s.name == dnsmasq {
			m.o.Report(name, median(ratios), "of-dnsmasq")
			continue
		}
		m.o.Report(name+"-"+s.name, median(ratios), "of-"+s.name)
	}
	for _, s := range m.servers {
		m.o.Report(figure(name+"-rate", s.name), median(of[s.name]), ownReply)
	}
}

// figure is the name of a figure of a server: ours has the plain one.
func figure(name, of string) string {
	if of == ours {
		return name
	}
	return name + "-" + of
}

// turns is the order of a round: each has its turn at being the first.
func turns(all []server, round int) []server {
	n := round % len(all)
	return slices.Concat(all[n:], all[:n])
}

func median[T ~float64 | ~int64](v []T) T {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
