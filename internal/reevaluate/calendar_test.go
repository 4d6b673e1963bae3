package reevaluate

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func owners(due []*Handle[string]) (out []string) {
	for _, h := range due {
		out = append(out, h.Owner)
	}
	slices.Sort(out)
	return out
}

func TestCalendar(t *testing.T) {
	var c Calendar[string]
	base := clock("10:00:00")
	after := func(d time.Duration) time.Time { return base.Add(d) }
	a, b, d := &Handle[string]{Owner: "a"}, &Handle[string]{Owner: "b"}, &Handle[string]{Owner: "d"}
	if _, ok := c.Next(); ok || len(c.Due(base)) != 0 {
		t.Error("an empty calendar has entries")
	}
	c.Set(a, after(1500*time.Millisecond))
	c.Set(b, after(1200*time.Millisecond))
	c.Set(d, after(5*time.Second))
	for _, row := range []struct {
		name string
		do   func()
		at   time.Duration
		due  []string
		next time.Duration // -1: none
	}{
		{"before any", nil, 1199 * time.Millisecond, nil, 1200 * time.Millisecond},
		{"within a second", nil, 1200 * time.Millisecond, []string{"b"}, 1500 * time.Millisecond},
		{"one nanosecond early", nil, 1500*time.Millisecond - 1, nil, 1500 * time.Millisecond},
		{"moved within the second", func() { c.Set(a, after(1700*time.Millisecond)) }, 1600 * time.Millisecond, nil, 1700 * time.Millisecond},
		{"moved ahead", func() { c.Set(a, after(3*time.Second)) }, 2 * time.Second, nil, 3 * time.Second},
		{"and back, entered once", func() { c.Set(a, after(9*time.Second)); c.Set(a, after(3*time.Second)) }, 3 * time.Second, []string{"a"}, 5 * time.Second},
		{"dropped", func() { c.Drop(d); c.Drop(d) }, 6 * time.Second, nil, -1},
		{"set to never", func() { c.Set(d, after(8*time.Second)); c.Set(d, time.Time{}) }, 20 * time.Second, nil, -1},
		{"long overdue", func() { c.Set(a, after(0)); c.Set(b, after(time.Second)); c.Set(d, after(time.Second)) }, 20 * time.Second, []string{"a", "b", "d"}, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.do != nil {
				row.do()
			}
			if d := cmp.Diff(row.due, owners(c.Due(after(row.at)))); d != "" {
				t.Error(d)
			}
			at, ok := c.Next()
			if ok != (row.next >= 0) || ok && !at.Equal(after(row.next)) {
				t.Errorf("next at %s, want +%s", at.UTC(), row.next)
			}
		})
	}
}

// TestCalendarAgainstAList does at random what a list sorted anew each time does.
func TestCalendarAgainstAList(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var c Calendar[int]
	handles := make([]Handle[int], 200)
	want := make([]time.Time, len(handles))
	now := clock("10:00:00")
	for i := range handles {
		handles[i].Owner = i
	}
	woken := 0
	for range 30_000 {
		i := r.IntN(len(handles))
		switch r.IntN(10) {
		case 0:
			c.Drop(&handles[i])
			want[i] = time.Time{}
		case 1, 2:
			now = now.Add(time.Duration(r.Int64N(int64(2 * time.Second))))
			for _, h := range c.Due(now) {
				if want[h.Owner].IsZero() || want[h.Owner].After(now) {
					t.Fatalf("%d is woken at %s, it is set to %s", h.Owner, now, want[h.Owner])
				}
				want[h.Owner] = time.Time{}
				woken++
			}
			for i, at := range want {
				if !at.IsZero() && !at.After(now) {
					t.Fatalf("%d is not woken at %s, it is set to %s", i, now, at)
				}
			}
		default:
			want[i] = now.Add(time.Duration(r.Int64N(int64(20 * time.Second))))
			c.Set(&handles[i], want[i])
		}
		next, ok := c.Next()
		for i, at := range want {
			if !at.IsZero() && (!ok || next.After(at)) {
				t.Fatalf("next at %s, but %d is set to %s", next, i, at)
			}
		}
	}
	if woken < 1000 || len(c.seconds) != len(c.buckets) || len(c.seconds) > 1500 {
		t.Errorf("woken %d, %d seconds, %d buckets", woken, len(c.seconds), len(c.buckets))
	}
}

// TestCalendarForgets empty seconds.
func TestCalendarForgets(t *testing.T) {
	var c Calendar[int]
	h := &Handle[int]{}
	for i := range 100_000 {
		c.Set(h, clock("10:00:00").Add(time.Duration(i)*time.Second))
	}
	if len(c.seconds) > 2000 || len(c.buckets) > 2000 {
		t.Errorf("one entry in %d seconds, %d buckets", len(c.seconds), len(c.buckets))
	}
}

func TestRunWakesAtTheInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Calendar[string]
		start := time.Now()
		var mu sync.Mutex
		got := map[string]time.Duration{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- c.Run(ctx, func(h *Handle[string]) {
				mu.Lock()
				defer mu.Unlock()
				if _, twice := got[h.Owner]; twice {
					t.Errorf("%s is woken twice", h.Owner)
				}
				got[h.Owner] = time.Since(start)
			})
		}()
		synctest.Wait()
		set := func(name string, d time.Duration) *Handle[string] {
			h := &Handle[string]{Owner: name}
			c.Set(h, start.Add(d))
			return h
		}
		set("late", time.Hour)
		moved := set("moved", time.Minute)
		dropped := set("dropped", time.Minute)
		set("odd", 61_000_000_007)
		set("soon", 10*time.Second)
		time.Sleep(5 * time.Second)
		set("sooner", 7500*time.Millisecond) // re-arms
		set("past", 0)
		c.Set(moved, start.Add(30*time.Second))
		c.Drop(dropped)
		time.Sleep(2 * time.Hour)
		c.Rearm()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := map[string]time.Duration{"past": 5 * time.Second, "sooner": 7500 * time.Millisecond, "soon": 10 * time.Second,
			"moved": 30 * time.Second, "odd": 61_000_000_007, "late": time.Hour}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// TestCalendarConcurrently is for the race detector.
func TestCalendarConcurrently(t *testing.T) {
	var c Calendar[int]
	ctx, cancel := context.WithCancel(t.Context())
	var run, sessions sync.WaitGroup
	run.Go(func() {
		if err := c.Run(ctx, func(*Handle[int]) {}); err != nil {
			t.Error(err)
		}
	})
	for i := range 8 {
		sessions.Go(func() {
			h := &Handle[int]{Owner: i}
			for j := range 2000 {
				c.Set(h, time.Now().Add(time.Duration(j%7)*time.Millisecond))
				if j%5 == 0 {
					c.Drop(h)
				}
			}
		})
	}
	sessions.Wait()
	cancel()
	run.Wait()
}
