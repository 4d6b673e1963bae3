package posture

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// probe finds out one claim, or a few that are read together.
type probe struct {
	key probeKey
	// dear is one that is not found out again at each announcement, but every
	// five minutes and when one of its paths has changed.
	dear     bool
	paths    []string // absolute: files and folders whose change matters
	programs []string // whose start and end matter
	hides    []string // built-in claims whose place it takes, even if it finds none
	run      func(ctx context.Context, into wire.DeviceClaims)
}

// probeKey tells probes apart: the name of a built-in one, or the declaration.
type probeKey struct {
	builtin string
	gather  wire.Gather
}

// probes are the built-in ones and then the declared ones.
func (w *Watcher) probes() []probe {
	w.mu.Lock()
	claims := w.declared
	w.mu.Unlock()
	return append(w.builtin(), declared(claims, w.log)...)
}

// depends is what the claims depend on.
func (w *Watcher) depends() (paths, programs []string) {
	for _, p := range w.probes() {
		paths, programs = append(paths, p.paths...), append(programs, p.programs...)
	}
	slices.Sort(paths)
	slices.Sort(programs)
	return slices.Compact(paths), slices.Compact(programs)
}

// found is what a probe has found.
type found struct {
	key    probeKey
	claims wire.DeviceClaims
}

// gather finds out what due concerns, all at once, and takes the rest from the
// last time. What takes too long is left out, and not begun again before it
// has ended: a file on a dead server may hold a thread for ever.
func (w *Watcher) gather(ctx context.Context, due announcement) wire.DeviceClaims {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wire.MaxGather)
	defer cancel()
	probes := w.probes()
	results := make(chan found, len(probes))
	kept := map[probeKey]wire.DeviceClaims{}
	open := 0
	for _, p := range probes {
		if old, ok := w.last[p.key]; ok && !due.concerns(p) {
			kept[p.key] = old
		} else if w.begin(ctx, p, results) {
			open++
		} else {
			w.log.Warn("a device claim is still being found out", "claim", p.key.name())
		}
	}
	end := ctx.Done()
	var late <-chan time.Time
	for open > 0 {
		select {
		case f := <-results:
			kept[f.key] = f.claims
			open--
		case <-end: // what heeds its context ends now
			end, late = nil, time.After(farewell)
		case <-late:
			open = 0
		}
	}
	w.last = kept
	return merge(probes, kept)
}

// begin starts p, unless it has not ended since it was started last.
func (w *Watcher) begin(ctx context.Context, p probe, results chan<- found) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[p.key] {
		return false
	}
	w.running[p.key] = true
	go func() {
		claims := wire.DeviceClaims{}
		p.run(ctx, claims)
		w.mu.Lock()
		delete(w.running, p.key)
		w.mu.Unlock()
		results <- found{p.key, claims}
	}()
	return true
}

// merge puts the claims together; a declared one hides a built-in one.
func merge(probes []probe, claims map[probeKey]wire.DeviceClaims) wire.DeviceClaims {
	all := wire.DeviceClaims{}
	for _, p := range probes {
		for _, name := range p.hides {
			delete(all, name)
		}
		maps.Copy(all, claims[p.key])
	}
	return all
}

func (k probeKey) name() string { return k.builtin + k.gather.Name }

func equal(a, b wire.DeviceClaims) bool { return reflect.DeepEqual(a, b) }

func clone(c wire.DeviceClaims) wire.DeviceClaims {
	c = maps.Clone(c)
	for name, v := range c {
		if list, ok := v.([]string); ok {
			c[name] = slices.Clone(list)
		}
	}
	return c
}
