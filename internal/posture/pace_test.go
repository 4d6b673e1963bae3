package posture

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// pretender is a machine of which a test says what it reports, and which
// announces what a test has it announce.
type pretender struct {
	cheap, dear         atomic.Int64 // what is found
	cheapRuns, dearRuns atomic.Int64
	block               chan struct{} // if not nil, a third probe hangs until it is closed
	announce            func(announcement)
	opened, closed      atomic.Int64 // how often it was listened to, and how often that ended
	watched             atomic.Pointer[[]string]
}

func (p *pretender) watch(paths, _ []string) { p.watched.Store(&paths) }
func (p *pretender) close()                  { p.closed.Add(1) }

func (p *pretender) probes() []probe {
	all := []probe{
		{key: probeKey{builtin: "cheap"}, run: func(_ context.Context, c wire.DeviceClaims) {
			p.cheapRuns.Add(1)
			c["cheap"] = p.cheap.Load()
		}},
		{key: probeKey{builtin: "dear"}, dear: true, paths: []string{"/dear"}, run: func(_ context.Context, c wire.DeviceClaims) {
			p.dearRuns.Add(1)
			c["dear"] = p.dear.Load()
		}},
	}
	if p.block != nil {
		all = append(all, probe{key: probeKey{builtin: "stuck"}, run: func(_ context.Context, c wire.DeviceClaims) {
			<-p.block
			c["stuck"] = true
		}})
	}
	return all
}

// watcher of the pretender.
func (p *pretender) watcher() *Watcher {
	w := New(Options{})
	w.Follow(true)
	w.builtin = p.probes
	w.listen = func(announce func(announcement), _ *slog.Logger) listener {
		p.announce = announce
		p.opened.Add(1)
		return p
	}
	return w
}

// run starts Run and returns what it has reported so far, and when.
func (p *pretender) run(t *testing.T, w *Watcher) (reports func() []wire.DeviceClaims, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var all []wire.DeviceClaims
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := w.Run(ctx, func(c wire.DeviceClaims) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, c)
		})
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	synctest.Wait()
	reports = func() []wire.DeviceClaims {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
	return reports, func() {
		cancel()
		<-done
		if opened, closed := p.opened.Load(), p.closed.Load(); closed != opened {
			t.Errorf("Run has ended, and %d of %d listeners have not", opened-closed, opened)
		}
	}
}

func claims(cheap, dear int64) wire.DeviceClaims {
	return wire.DeviceClaims{"cheap": cheap, "dear": dear}
}

func TestRunEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{}
		reports, stop := p.run(t, p.watcher())
		defer stop()
		p.cheap.Store(1)
		p.dear.Store(1)
		time.Sleep(5*time.Minute - time.Nanosecond)
		synctest.Wait()
		if d := cmp.Diff([]wire.DeviceClaims{claims(0, 0)}, reports()); d != "" {
			t.Fatalf("before five minutes (-want +got):\n%s", d)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if d := cmp.Diff([]wire.DeviceClaims{claims(0, 0), claims(1, 1)}, reports()); d != "" {
			t.Fatalf("after five minutes (-want +got):\n%s", d)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(reports()) != 2 || p.dearRuns.Load() != 14 {
			t.Errorf("in an hour without a change: %d reports after %d gatherings, want 2 after 14", len(reports()), p.dearRuns.Load())
		}
	})
}

func TestRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{}
		reports, stop := p.run(t, p.watcher())
		defer stop()
		time.Sleep(time.Minute)
		p.cheap.Store(1)
		p.dear.Store(1)
		p.announce(announcement{})
		time.Sleep(199 * time.Millisecond)
		p.announce(announcement{})
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if d := cmp.Diff([]wire.DeviceClaims{claims(0, 0), claims(1, 0)}, reports()); d != "" {
			t.Fatalf("0.2 s after the first of a swarm (-want +got):\n%s", d)
		}
		p.announce(announcement{paths: []string{"/dear"}})
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if len(reports()) != 2 {
			t.Fatal("two gatherings within a second")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if d := cmp.Diff(claims(1, 1), reports()[len(reports())-1]); d != "" {
			t.Fatalf("once the path was announced (-want +got):\n%s", d)
		}
	})
}

// The five minutes are no reason for two gatherings within a second.
func TestRunEveryFiveMinutesKeepsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{}
		_, stop := p.run(t, p.watcher())
		defer stop()
		time.Sleep(5*time.Minute - 300*time.Millisecond)
		p.announce(announcement{})
		time.Sleep(1199 * time.Millisecond)
		synctest.Wait()
		if n := p.cheapRuns.Load(); n != 2 {
			t.Errorf("%d gatherings, want the first and the announced one", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n, dear := p.cheapRuns.Load(), p.dearRuns.Load(); n != 3 || dear != 2 {
			t.Errorf("a second later: %d gatherings, %d of what is dear; want 3 and 2", n, dear)
		}
	})
}

// While the machine sleeps no timer runs: when it wakes, and that is told, what
// should have been found out meanwhile is.
func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{}
		w := p.watcher()
		reports, stop := p.run(t, w)
		defer stop()
		time.Sleep(time.Minute)
		p.cheap.Store(1)
		p.dear.Store(1)
		w.Again()
		time.Sleep(time.Second)
		synctest.Wait()
		if d := cmp.Diff([]wire.DeviceClaims{claims(0, 0), claims(1, 1)}, reports()); d != "" {
			t.Fatalf("awake (-want +got):\n%s", d)
		}
	})
}

// Where nobody follows the claims nothing is found out, heard or waited for.
func TestRestUnfollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{}
		w := p.watcher()
		w.Follow(false)
		reports, stop := p.run(t, w)
		defer stop()
		resting := func(when string, gatherings, told int) {
			t.Helper()
			w.Declare([]wire.Gather{{Name: when, Kind: "unheard of"}})
			w.Again()
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := p.cheapRuns.Load(); n != int64(gatherings) || len(reports()) != told {
				t.Errorf("%s: %d gatherings and %d reports, want %d and %d", when, n, len(reports()), gatherings, told)
			}
			if opened, closed := p.opened.Load(), p.closed.Load(); opened != closed {
				t.Errorf("%s: changes are listened to", when)
			}
		}
		resting("at first", 0, 0)
		w.Follow(true)
		synctest.Wait()
		if n := len(reports()); n != 1 {
			t.Fatalf("%d reports at once when somebody follows, want 1", n)
		}
		w.Follow(false)
		resting("once nobody does any more", 1, 1)
		w.Follow(true)
		synctest.Wait()
		w.Follow(false)
		w.Follow(true)
		synctest.Wait()
		if n := len(reports()); n != 3 {
			t.Errorf("%d reports, want one more for each time that somebody follows again", n)
		}
	})
}

// What was still being found out when nobody follows any more is not reported.
func TestUnfollowedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{block: make(chan struct{})}
		w := p.watcher()
		reports, stop := p.run(t, w)
		defer stop()
		w.Follow(false)
		close(p.block)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n, runs := len(reports()), p.cheapRuns.Load(); n != 0 || runs != 1 {
			t.Errorf("%d reports after %d gatherings, want none after 1", n, runs)
		}
	})
}

func TestRunNeverStarves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{}
		_, stop := p.run(t, p.watcher())
		defer stop()
		for range 600 {
			p.announce(announcement{})
			time.Sleep(100 * time.Millisecond)
		}
		if n := p.cheapRuns.Load(); n < 55 || n > 61 {
			t.Errorf("a minute of announcements without a pause: %d gatherings, want one a second", n)
		}
		if n := p.dearRuns.Load(); n != 1 {
			t.Errorf("what is dear was found out %d times, want once", n)
		}
	})
}

func TestDeclareGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{}
		w := p.watcher()
		reports, stop := p.run(t, w)
		defer stop()
		time.Sleep(time.Minute)
		bad := []wire.Gather{{Name: "cheap", Kind: "unheard of"}, {Name: "x", Kind: wire.GatherFile, Path: "not/absolute"}}
		w.Declare(bad)
		w.Declare(bad)
		synctest.Wait()
		if n := p.dearRuns.Load(); n != 2 {
			t.Errorf("%d gatherings at once after a declaration, want 2", n)
		}
		// Whoever declared it waits for a report, though none of it can be found out.
		if d := cmp.Diff([]wire.DeviceClaims{claims(0, 0), claims(0, 0)}, reports()); d != "" {
			t.Errorf("reports (-want +got):\n%s", d)
		}
		w.Declare(bad)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := p.dearRuns.Load(); n != 2 {
			t.Error("the same declaration again had all be gathered again")
		}
	})
}

// A declaration waits for nothing but the gathering that is under way: neither
// for a swarm of announcements to settle, nor for the second between two others.
func TestDeclareWaitsForNothing(t *testing.T) {
	one := []wire.Gather{{Name: "x", Kind: "unheard of"}}
	for _, c := range []struct {
		name   string
		before func(p *pretender)
	}{
		{"right after a gathering", func(*pretender) {}},
		{"while announcements settle", func(p *pretender) { time.Sleep(time.Minute); p.announce(announcement{}) }},
		{"while gatherings are kept apart", func(p *pretender) { p.announce(announcement{}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pretender{}
				w := p.watcher()
				reports, stop := p.run(t, w)
				defer stop()
				c.before(p)
				synctest.Wait()
				w.Declare(one)
				synctest.Wait()
				if n := p.dearRuns.Load(); n != 2 || len(reports()) != 2 {
					t.Errorf("%d gatherings and %d reports at once, want 2 and 2", n, len(reports()))
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := p.dearRuns.Load(); n != 2 {
					t.Errorf("%d gatherings of all, want 2", n)
				}
			})
		})
	}
	t.Run("while one is under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &pretender{block: make(chan struct{})}
			w := p.watcher()
			reports, stop := p.run(t, w)
			defer stop()
			w.Declare(one)
			synctest.Wait()
			if n := p.dearRuns.Load(); n != 1 {
				t.Errorf("%d gatherings at a time", n)
			}
			close(p.block)
			synctest.Wait()
			if n := p.dearRuns.Load(); n != 2 || len(reports()) != 2 {
				t.Errorf("%d gatherings and %d reports once it is over, want 2 and 2", n, len(reports()))
			}
		})
	})
}

func TestStuckClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{block: make(chan struct{})}
		w := p.watcher()
		began := time.Now()
		if d := cmp.Diff(claims(0, 0), w.Collect(t.Context())); d != "" {
			t.Errorf("with one claim stuck (-want +got):\n%s", d)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("a gathering took %v, want 10s", took)
		}
		began = time.Now()
		w.Collect(t.Context())
		if took := time.Since(began); took != 0 {
			t.Errorf("with the claim still stuck a gathering took %v", took)
		}
		close(p.block)
		synctest.Wait()
		want := claims(0, 0)
		want["stuck"] = true
		if d := cmp.Diff(want, w.Collect(t.Context())); d != "" {
			t.Errorf("once it is free again (-want +got):\n%s", d)
		}
	})
}

func TestRunEndsDuringGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{block: make(chan struct{})}
		reports, stop := p.run(t, p.watcher())
		began := time.Now()
		stop()
		if took := time.Since(began); took > time.Second || len(reports()) > 0 {
			t.Errorf("Run ended after %v with reports %v", took, reports())
		}
		close(p.block)
	})
}

func TestReportIsTheCallees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Options{})
		w.Follow(true)
		w.builtin = func() []probe {
			return []probe{{run: func(_ context.Context, c wire.DeviceClaims) { c["addresses"] = []string{"a"} }}}
		}
		w.listen = func(func(announcement), *slog.Logger) listener { return &pretender{} }
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		n := 0
		w.Run(ctx, func(c wire.DeviceClaims) {
			n++
			c["addresses"].([]string)[0] = "b"
			c["x"] = 1
		})
		if n != 1 {
			t.Errorf("%d reports, want 1", n)
		}
	})
}
