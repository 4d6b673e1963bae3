package sense

import (
	"context"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// system is what the operating system tells. Its methods are called on Run's
// goroutine alone.
type system interface {
	// open has changed called, which does not block, whenever something may be
	// another, until stop has been called, which waits for what it started. ended is
	// closed when it cannot any more.
	open(changed func()) (ended <-chan struct{}, stop func(), err error)
	// look is what there is.
	look(ctx context.Context, q question) (picture, error)
}

// Run reports which VPNs run, but for those of Own, and what is in the way, whole,
// whenever one of the two is something else, and first as soon as it knows, the helper's
// word among it unless that takes long; until ctx ends: then it returns nil, when all
// that it started has ended.
func (s *Sense) Run(ctx context.Context, report func(others []session.VPNOther, conflicts []session.VPNConflict)) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	r := &run{s: s, heard: make(chan *protocol.Sensed), underlay: underlay{found: make(chan map[string][]addr, 1)}}
	if s.o.Helper != nil {
		wg.Go(func() { r.hear(ctx) })
	}
	var ended <-chan struct{}
	stop := func() {}
	defer func() { stop() }()
	open := func() {
		var err error
		stop()
		if ended, stop, err = s.system.open(s.wake); err != nil {
			s.o.Log.Warn("changes of the network are not announced", "error", err)
			ended, stop = nil, func() {}
		}
	}
	opened := true
	open()
	opened = ended != nil
	var then []session.VPNOther
	var so []session.VPNConflict
	told := false
	sweep := time.NewTimer(0)
	if s.o.Helper != nil { // what it tells, or that it does not, is the first news
		sweep.Reset(slowest)
	}
	defer sweep.Stop()
	var soon <-chan time.Time
	var last time.Time // that it has looked
	wait := Settle
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			ended, opened = nil, false
			continue
		case r.sensed = <-r.heard: // the helper has gathered already
			if soon == nil {
				soon = time.After(wait - time.Since(last))
			}
			continue
		case found := <-r.underlay.found:
			r.underlay.known(found)
			s.wake()
			continue
		case <-s.again:
			if soon == nil {
				soon = time.After(wait)
			}
			continue
		case <-soon:
		case <-sweep.C:
			if !opened {
				open()
				opened = ended != nil
			}
		}
		soon = nil
		began := time.Now()
		others, conflicts, err := r.look(ctx, &wg)
		if opened && err == nil && len(others) == 0 && len(conflicts) == 0 {
			sweep.Reset(Calm)
		} else {
			sweep.Reset(Sweep)
		}
		last = time.Now()
		wait = min(max(Settle, 4*last.Sub(began)), slowest) // where changes do not end
		if err != nil {
			s.o.Log.Warn("which VPNs run is not known", "error", err)
			continue
		}
		if !told || !reflect.DeepEqual(others, then) || !reflect.DeepEqual(conflicts, so) {
			told, then, so = true, others, conflicts
			report(others, conflicts)
		}
	}
}

// slowest is how long changes are gathered on a machine that is busy.
const slowest = 500 * time.Millisecond

// run is what one Run knows.
type run struct {
	s        *Sense
	heard    chan *protocol.Sensed
	sensed   *protocol.Sensed // nil: not known
	underlay underlay
}

// look looks, and says what that means.
func (r *run) look(ctx context.Context, wg *sync.WaitGroup) ([]session.VPNOther, []session.VPNConflict, error) {
	r.s.mu.Lock()
	k := knowledge{guard: r.s.guard, own: maps.Clone(r.s.own), ignore: r.s.o.Ignore, sensed: r.sensed}
	r.s.mu.Unlock()
	r.underlay.want(ctx, wg, k.guard.Underlay, r.s.resolve)
	k.underlay = r.underlay.addresses()
	var err error
	if k.picture, err = r.s.system.look(ctx, question{underlay: k.underlay, blind: r.sensed == nil || r.sensed.Unread, alone: r.sensed == nil, vpn: k.vpn}); err != nil {
		return nil, nil, err
	}
	others, conflicts := k.others(), k.conflicts()
	return others, conflicts, nil
}

// hear hears from the helper until ctx ends.
func (r *run) hear(ctx context.Context) {
	for wait := Sweep; ctx.Err() == nil; wait = min(2*wait, seldom) {
		told, err := r.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if told {
			wait = Sweep
		}
		r.s.o.Log.Debug("the helper says nothing of other VPNs", "error", err)
		r.say(ctx, nil)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// seldom is how often a helper is asked that always refuses, or a bus that is not there.
const seldom = 2 * time.Minute

// listen hears from the helper, and says whether it has told anything.
func (r *run) listen(ctx context.Context) (told bool, err error) {
	sensor, err := r.s.o.Helper(ctx)
	if err != nil {
		return false, err
	}
	defer sensor.Close()
	for {
		sensed, err := sensor.Next(ctx)
		if err != nil {
			return told, err
		}
		told = true
		r.say(ctx, &sensed)
	}
}

func (r *run) say(ctx context.Context, sensed *protocol.Sensed) {
	select {
	case r.heard <- sensed:
	case <-ctx.Done():
	}
}
