package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a Store that lasts as long as its process. It reads the clock for
// its TTLs alone, by timers, so it runs in a synctest bubble. The zero value is
// ready.
type Memory struct {
	mu       sync.Mutex
	revision uint64
	entries  map[string]Entry // the deleted ones too
	changed  chan struct{}    // closed and renewed with every change
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) (Entry, error) {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok || e.Deleted {
		return Entry{}, ErrNotFound
	}
	return clone(e), nil
}

// Put implements Store.
func (m *Memory) Put(ctx context.Context, key string, value []byte, expect uint64, ttl time.Duration) (uint64, error) {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return 0, err
	}
	if len(value) > MaxValue {
		return 0, fmt.Errorf("store: a value of %d bytes is too large", len(value))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.at(key, expect) {
		return 0, ErrConflict
	}
	revision := m.change(Entry{Key: key, Value: bytes.Clone(value)})
	if ttl > 0 {
		time.AfterFunc(ttl, func() { m.expire(key, revision) })
	}
	return revision, nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, key string, expect uint64) error {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if expect == 0 || !m.at(key, expect) {
		return ErrConflict
	}
	m.change(Entry{Key: key, Deleted: true})
	return nil
}

func (m *Memory) expire(key string, revision uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at(key, revision) {
		m.change(Entry{Key: key, Deleted: true})
	}
}

// at and change are called with mu held.
func (m *Memory) at(key string, expect uint64) bool {
	e, ok := m.entries[key]
	if !ok || e.Deleted {
		return expect == 0
	}
	return e.Revision == expect
}

func (m *Memory) change(e Entry) uint64 {
	if m.entries == nil {
		m.entries = map[string]Entry{}
	}
	m.revision++
	e.Revision = m.revision
	m.entries[e.Key] = e
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
	return e.Revision
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix string) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, _ := m.since(prefix, 0)
	return entries, nil
}

// since returns what changed after a revision, and what is closed at the next change.
func (m *Memory) since(prefix string, after uint64) ([]Entry, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var news []Entry
	for _, e := range m.entries {
		if e.Revision > after && Below(e.Key, prefix) && !(after == 0 && e.Deleted) {
			news = append(news, clone(e))
		}
	}
	slices.SortFunc(news, func(a, b Entry) int { return cmp.Compare(a.Revision, b.Revision) })
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return news, m.changed
}

// Watch implements Store.
func (m *Memory) Watch(ctx context.Context, prefix string, after uint64) (<-chan Entry, error) {
	m.mu.Lock()
	start := m.revision
	m.mu.Unlock()
	news, changed := m.since(prefix, after)
	if after == 0 { // the present entries are told; from here on deletes count
		after = start
	}
	out := make(chan Entry)
	go func() {
		defer close(out)
		for {
			for _, e := range news {
				select {
				case out <- e:
					after = max(after, e.Revision)
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
			news, changed = m.since(prefix, after)
		}
	}()
	return out, nil
}

func clone(e Entry) Entry {
	e.Value = bytes.Clone(e.Value)
	return e
}
