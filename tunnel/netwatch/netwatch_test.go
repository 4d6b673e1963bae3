package netwatch

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// told is a source that is told what to announce.
type told struct {
	announce chan struct{}
	closed   chan struct{}
	now      atomic.Pointer[picture]
	looked   atomic.Int64
}

func (s *told) next() error {
	select {
	case <-s.announce:
		return nil
	case <-s.closed:
		return errors.New("closed")
	}
}

func (s *told) picture() (picture, error) {
	s.looked.Add(1)
	return *s.now.Load(), nil
}

func (s *told) close() { close(s.closed) }

// run runs f beside a Watcher in virtual time.
func run(t *testing.T, f func(s *told, asleep *atomic.Int64, got func() []Change)) {
	synctest.Test(t, func(t *testing.T) {
		s := &told{announce: make(chan struct{}, 100), closed: make(chan struct{})}
		s.now.Store(&picture{})
		var asleep atomic.Int64
		began := time.Now()
		w := New(Options{Clocks: func() (boot, awake time.Duration) {
			awake = time.Since(began)
			return awake + time.Duration(asleep.Load()), awake
		}})
		w.open = func(func(string) bool) (source, error) { return s, nil }
		changes := make(chan Change, 100)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, func(c Change) { changes <- c }) }()
		synctest.Wait()
		f(s, &asleep, func() (all []Change) {
			synctest.Wait()
			for len(changes) > 0 {
				all = append(all, <-changes)
			}
			return all
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

var home = &picture{addresses: []address{{2, netip.MustParsePrefix("192.0.2.7/24")}}}

func TestChangesAreGathered(t *testing.T) {
	run(t, func(s *told, _ *atomic.Int64, got func() []Change) {
		for range 12 {
			s.announce <- struct{}{}
			time.Sleep(time.Millisecond)
		}
		s.now.Store(home)
		time.Sleep(time.Second)
		if c := got(); len(c) != 1 || c[0] != (Change{Network: true, Up: true}) {
			t.Errorf("%+v", c)
		}
		// What changes nothing is not told.
		s.announce <- struct{}{}
		time.Sleep(time.Second)
		if c := got(); len(c) != 0 {
			t.Errorf("%+v", c)
		}
		s.now.Store(&picture{})
		s.announce <- struct{}{}
		time.Sleep(time.Second)
		if c := got(); len(c) != 1 || c[0] != (Change{Network: true}) {
			t.Errorf("%+v", c)
		}
	})
}

func TestSleepIsTold(t *testing.T) {
	run(t, func(s *told, asleep *atomic.Int64, got func() []Change) {
		looked := s.looked.Load()
		time.Sleep(time.Hour)
		if c := got(); len(c) != 0 || s.looked.Load() != looked {
			t.Errorf("%+v, and it looked %d times", c, s.looked.Load()-looked)
		}
		asleep.Add(int64(10 * time.Minute))
		s.now.Store(home) // the machine woke elsewhere, and the kernel's message is to come
		time.Sleep(beat)
		if c := got(); len(c) != 1 || c[0] != (Change{Network: true, Up: true, Slept: 10 * time.Minute}) {
			t.Errorf("%+v", c)
		}
		asleep.Add(int64(time.Second)) // less than a sleep takes
		time.Sleep(time.Minute)
		if c := got(); len(c) != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// Where the system tells of a sleep it is told of at once, and whoever is left
// alone is woken no more than once a minute.
func TestSleepIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asleep, looks atomic.Int64
		began := time.Now()
		w := New(Options{Clocks: func() (boot, awake time.Duration) {
			looks.Add(1)
			awake = time.Since(began)
			return awake + time.Duration(asleep.Load()), awake
		}})
		w.open = func(func(string) bool) (source, error) { return nil, errors.New("not here") }
		set := make(chan struct{}, 1)
		w.clockSet = func(ctx context.Context) (<-chan struct{}, <-chan struct{}) { return set, ctx.Done() }
		ctx, cancel := context.WithCancel(t.Context())
		changes := make(chan Change, 1)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, func(c Change) { changes <- c }) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := looks.Load(); n > 61 {
			t.Errorf("it looked at the clocks %d times in an hour", n)
		}
		asleep.Add(int64(3 * time.Second))
		set <- struct{}{}
		synctest.Wait()
		select {
		case c := <-changes:
			if c != (Change{Slept: 3 * time.Second, Up: true}) {
				t.Errorf("%+v", c)
			}
		default:
			t.Error("it is not told of at once")
		}
		set <- struct{}{} // somebody has set the clock
		synctest.Wait()
		if len(changes) > 0 {
			t.Errorf("%+v", <-changes)
		}
	})
}

func TestNothingAnnounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asleep atomic.Int64
		w := New(Options{Clocks: func() (boot, awake time.Duration) { return time.Duration(asleep.Load()), 0 }})
		w.open = func(func(string) bool) (source, error) { return nil, errors.New("not here") }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		changes := make(chan Change, 1)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, func(c Change) { changes <- c }) }()
		synctest.Wait()
		asleep.Add(int64(time.Hour))
		if c := <-changes; c != (Change{Slept: time.Hour, Up: true}) {
			t.Errorf("%+v", c)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Changes without end are told of at once, and then each Each; a quiet while
// later, at once again.
func TestStorm(t *testing.T) {
	run(t, func(s *told, _ *atomic.Int64, got func() []Change) {
		storm := func(d time.Duration) (changes int) {
			for began := time.Now(); time.Since(began) < d; time.Sleep(time.Millisecond) {
				s.now.Store(&picture{addresses: []address{{link: int(time.Since(began))}}})
				select {
				case s.announce <- struct{}{}:
				default:
				}
				changes += len(got())
			}
			return changes
		}
		if n := storm(burst * Settle / 2); n < burst/2-1 {
			t.Errorf("%d were told of at first", n)
		}
		if n := storm(10 * time.Minute); n < int(10*time.Minute/Each)-1 || n > int(10*time.Minute/Each)+burst {
			t.Errorf("%d were told of in ten minutes", n)
		}
		s.now.Store(home)
		time.Sleep(burst * Each)
		if c := got(); len(c) == 0 {
			t.Error("the last was not told of")
		}
		s.now.Store(&picture{})
		s.announce <- struct{}{}
		time.Sleep(Settle)
		if c := got(); len(c) != 1 {
			t.Errorf("%d were told of after a quiet while", len(c))
		}
	})
}
