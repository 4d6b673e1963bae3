// Package storetest is the conformance suite of store.Store: whatever passes
// Run may keep a controller's state. Tests of implementations call it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/store"
)

// Run holds the stores that open makes, each empty, to the contract.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"get and put", getPut},
		{"keys", keys},
		{"conflicts", conflicts},
		{"list", list},
		{"watch replays, then follows", watch},
		{"watch after a revision", watchAfter},
		{"watch ends with its context", watchEnds},
		{"ttl", ttl},
		{"one winner", oneWinner},
		{"counters", counters},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func put(t *testing.T, s store.Store, key, value string, expect uint64) uint64 {
	t.Helper()
	r, err := s.Put(t.Context(), key, []byte(value), expect, 0)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return r
}

func getPut(t *testing.T, s store.Store) {
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get of nothing: %v", err)
	}
	r1 := put(t, s, "a", "1", 0)
	r2 := put(t, s, "b", "", 0)
	r3 := put(t, s, "a", "2", r1)
	if r1 == 0 || r2 <= r1 || r3 <= r2 {
		t.Errorf("revisions do not rise: %d %d %d", r1, r2, r3)
	}
	e, err := s.Get(t.Context(), "a")
	if d := cmp.Diff(store.Entry{Key: "a", Value: []byte("2"), Revision: r3}, e); d != "" || err != nil {
		t.Error(d, err)
	}
	if e, err := s.Get(t.Context(), "b"); err != nil || len(e.Value) != 0 {
		t.Errorf("an empty value: %v %v", e, err)
	}
	if err := s.Delete(t.Context(), "a", r3); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of the deleted: %v", err)
	}
	if r4 := put(t, s, "a", "3", 0); r4 <= r3 {
		t.Errorf("a new life at revision %d after %d", r4, r3)
	}
	if _, err := s.Put(t.Context(), "c", make([]byte, store.MaxValue+1), 0, 0); err == nil {
		t.Error("a value over MaxValue is taken")
	}
}

func keys(t *testing.T, s store.Store) {
	for _, key := range []string{"", ".", "a.", ".a", "a..b", "a b", "A", "a*", "a.>", "ü"} {
		if _, err := s.Put(t.Context(), key, nil, 0, 0); err == nil {
			t.Errorf("put takes the key %q", key)
		}
		if _, err := s.Get(t.Context(), key); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("get takes the key %q", key)
		}
	}
	put(t, s, "a-b_c=d.e.0", "x", 0)
}

func conflicts(t *testing.T, s store.Store) {
	r1 := put(t, s, "a", "1", 0)
	r2 := put(t, s, "a", "2", r1)
	for _, expect := range []uint64{0, r1, r2 + 1} {
		if _, err := s.Put(t.Context(), "a", []byte("x"), expect, 0); !errors.Is(err, store.ErrConflict) {
			t.Errorf("put at %d where %d is: %v", expect, r2, err)
		}
		if err := s.Delete(t.Context(), "a", expect); !errors.Is(err, store.ErrConflict) {
			t.Errorf("delete at %d where %d is: %v", expect, r2, err)
		}
	}
	if _, err := s.Put(t.Context(), "none", nil, 7, 0); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put over nothing: %v", err)
	}
	if err := s.Delete(t.Context(), "none", 7); !errors.Is(err, store.ErrConflict) {
		t.Errorf("delete of nothing: %v", err)
	}
	if e, err := s.Get(t.Context(), "a"); err != nil || string(e.Value) != "2" {
		t.Errorf("a conflict wrote: %s %v", e.Value, err)
	}
}

func list(t *testing.T, s store.Store) {
	put(t, s, "a.1", "1", 0)
	gone := put(t, s, "a.2", "2", 0)
	put(t, s, "a.b.3", "3", 0)
	put(t, s, "ab.4", "4", 0)
	if err := s.Delete(t.Context(), "a.2", gone); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]map[string]string{
		"a":    {"a.1": "1", "a.b.3": "3"},
		"":     {"a.1": "1", "a.b.3": "3", "ab.4": "4"},
		"none": {},
	} {
		entries, err := s.List(t.Context(), prefix)
		got := map[string]string{}
		for _, e := range entries {
			got[e.Key] = string(e.Value)
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("list %q: %v\n%s", prefix, err, d)
		}
	}
}

// next returns the next change, or fails within ten seconds.
func next(t *testing.T, changes <-chan store.Entry) string {
	t.Helper()
	select {
	case e, ok := <-changes:
		if !ok {
			t.Fatal("the watch has ended")
		}
		if e.Deleted {
			return e.Key + " deleted"
		}
		return e.Key + "=" + string(e.Value)
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is seen within ten seconds")
	}
	return ""
}

func expect(t *testing.T, changes <-chan store.Entry, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := next(t, changes); got != w {
			t.Errorf("the watch saw %q, not %q", got, w)
		}
	}
}

func watch(t *testing.T, s store.Store) {
	put(t, s, "a.1", "1", 0)
	gone := put(t, s, "a.2", "2", 0)
	if err := s.Delete(t.Context(), "a.2", gone); err != nil {
		t.Fatal(err)
	}
	put(t, s, "other", "x", 0)
	changes, err := s.Watch(t.Context(), "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, changes, "a.1=1")
	r := put(t, s, "a.3", "3", 0)
	expect(t, changes, "a.3=3")
	r = put(t, s, "a.3", "4", r)
	put(t, s, "other2", "x", 0)
	expect(t, changes, "a.3=4")
	if err := s.Delete(t.Context(), "a.3", r); err != nil {
		t.Fatal(err)
	}
	expect(t, changes, "a.3 deleted")
}

func watchAfter(t *testing.T, s store.Store) {
	r1 := put(t, s, "a.1", "1", 0)
	r2 := put(t, s, "a.2", "2", 0)
	put(t, s, "a.3", "3", 0)
	if err := s.Delete(t.Context(), "a.1", r1); err != nil {
		t.Fatal(err)
	}
	changes, err := s.Watch(t.Context(), "a", r2)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, changes, "a.3=3", "a.1 deleted")
	last := put(t, s, "a.4", "4", 0)
	expect(t, changes, "a.4=4")
	changes, err = s.Watch(t.Context(), "a", last)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a.5", "5", 0)
	expect(t, changes, "a.5=5")
}

func watchEnds(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := s.Watch(ctx, "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 { // nobody reads: nobody may block
		put(t, s, fmt.Sprintf("a.%d", i), "x", 0)
	}
	cancel()
	for range changes {
	}
}

func ttl(t *testing.T, s store.Store) {
	changes, err := s.Watch(t.Context(), "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r, err := s.Put(t.Context(), "a.1", []byte("x"), 0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "a.2", []byte("y"), 0, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "a.1", []byte("z"), r, time.Hour); err != nil {
		t.Fatal(err)
	}
	for next(t, changes) != "a.2 deleted" {
	}
	if took := time.Since(start); took < time.Second || took > 4*time.Second {
		t.Errorf("a ttl of one second took %v", took)
	}
	if _, err := s.Get(t.Context(), "a.2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of the expired: %v", err)
	}
	if e, err := s.Get(t.Context(), "a.1"); err != nil || string(e.Value) != "z" {
		t.Errorf("a renewed ttl ended: %v", err)
	}
	put(t, s, "a.2", "again", 0)
}

func oneWinner(t *testing.T, s store.Store) {
	r := put(t, s, "code", "fresh", 0)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			switch err := s.Delete(t.Context(), "code", r); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 200 deleted the same revision", won.Load())
	}
}

func counters(t *testing.T, s store.Store) {
	put(t, s, "n", "", 0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := 0; n < 20; {
				e, err := s.Get(t.Context(), "n")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Put(t.Context(), "n", append(e.Value, '+'), e.Revision, 0); err == nil {
					n++
				} else if !errors.Is(err, store.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if e, err := s.Get(t.Context(), "n"); err != nil || len(e.Value) != 160 {
		t.Errorf("%d of 160 increments are there: %v", len(e.Value), err)
	}
}
