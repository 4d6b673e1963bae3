package session

import (
	"context"
	"iter"
	"sync"
)

// feed publishes states, the latest wins: a slow reader skips revisions and
// nobody waits for it. Safe for concurrent use.
type feed struct {
	mu      sync.Mutex
	state   State
	changed chan struct{} // closed by the next publish
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

func (f *feed) publish(s State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) latest() (State, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state, f.changed
}

// watch yields the present state, once there is one, and every later one that
// the reader is quick enough for, until ctx ends.
func (f *feed) watch(ctx context.Context) iter.Seq[State] {
	return func(yield func(State) bool) {
		for {
			s, changed := f.latest()
			if s.Revision > 0 && !yield(s) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}
