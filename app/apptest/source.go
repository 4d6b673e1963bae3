// Package apptest holds a session for tests of what shows and commands it: a
// Source whose states the test publishes and whose commands it reads. Only
// tests import it. It is safe for concurrent use.
package apptest

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/tidegate/tidegate/session"
)

// Source is a session that does as it is told. The zero value has no state yet.
type Source struct {
	// Answer, where set, decides what Do returns; set it before use.
	Answer func(session.Command) error

	mu       sync.Mutex
	state    session.State
	changed  chan struct{}
	taken    uint64 // revision of the last that who watches has taken
	commands []session.Command
}

// Publish makes s the present state, one revision on.
func (f *Source) Publish(s session.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Revision = f.state.Revision + 1
	f.state = s
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// Change publishes what change makes of a copy of the present state. What the
// state points to is shared: change replaces a prompt, and not its fields.
func (f *Source) Change(change func(*session.State)) {
	f.mu.Lock()
	s := f.state
	f.mu.Unlock()
	s.Apps, s.Problems, s.Events = slices.Clone(s.Apps), slices.Clone(s.Problems), slices.Clone(s.Events)
	change(&s)
	f.Publish(s)
}

// Watch yields the present state, once there is one, and later ones; the
// latest wins.
func (f *Source) Watch(ctx context.Context) iter.Seq[session.State] {
	return func(yield func(session.State) bool) {
		var seen uint64
		for {
			f.mu.Lock()
			s := f.state
			if f.changed == nil {
				f.changed = make(chan struct{})
			}
			changed := f.changed
			f.mu.Unlock()
			if s.Revision > seen {
				seen = s.Revision
				if ctx.Err() != nil || !yield(s) {
					return
				}
				f.mu.Lock()
				f.taken = seen
				f.mu.Unlock()
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// Taken says whether who watches has taken the present state: one that is published before
// that is all they see.
func (f *Source) Taken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taken == f.state.Revision
}

// Do notes the command.
func (f *Source) Do(_ context.Context, cmd session.Command) error {
	f.mu.Lock()
	f.commands = append(f.commands, cmd)
	f.mu.Unlock()
	if f.Answer != nil {
		return f.Answer(cmd)
	}
	return nil
}

// Commands are those done so far.
func (f *Source) Commands() []session.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.commands)
}
