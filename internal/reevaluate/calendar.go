package reevaluate

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// Calendar is when whom to wake: a calendar queue with buckets of a second. The
// zero value is ready. Any number of goroutines may use it, and it calls nobody
// with its lock held.
type Calendar[T any] struct {
	mu      sync.Mutex
	buckets map[int64]*Handle[T] // by Unix second: the first of a ring; nil: it has become empty
	seconds seconds              // the keys of buckets
	entries int
	next    int64 // no later than the first entry, in Unix nanoseconds; 0: there is none
	changed chan struct{}
}

// Handle is one place in a calendar: it has one entry or none, and is used with
// one calendar only. The zero value with its owner is ready.
type Handle[T any] struct {
	Owner T

	// of the calendar
	at         int64 // Unix nanoseconds; 0: no entry
	prev, next *Handle[T]
}

func secondOf(at int64) int64 { return at / int64(time.Second) }

// lastSecond is the last whole one that Unix nanoseconds can tell.
const lastSecond = math.MaxInt64/int64(time.Second) - 1

// nanosecond is an instant in Unix nanoseconds, or the nearest that they can
// tell, from 1 on.
func nanosecond(at time.Time) int64 {
	switch s := at.Unix(); {
	case s < 0:
		return 1
	case s > lastSecond:
		return lastSecond * int64(time.Second)
	}
	return max(at.UnixNano(), 1)
}

// Set gives h its one entry, in the place of any before. The zero time is Drop.
func (c *Calendar[T]) Set(h *Handle[T], at time.Time) {
	if at.IsZero() {
		c.Drop(h)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ns := nanosecond(at)
	if h.at == ns {
		return
	}
	c.remove(h)
	c.insert(h, ns)
	if c.next == 0 || ns < c.next {
		c.next = ns
		c.signal()
	}
}

// Drop takes h's entry out, if it has one.
func (c *Calendar[T]) Drop(h *Handle[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(h)
}

func (c *Calendar[T]) insert(h *Handle[T], ns int64) {
	second := secondOf(ns)
	first, known := c.buckets[second]
	if !known {
		c.tidy()
		c.seconds.push(second)
	}
	h.at, h.prev, h.next = ns, h, h
	if first != nil {
		h.prev, h.next = first.prev, first
		h.prev.next, h.next.prev = h, h
	} else {
		if c.buckets == nil {
			c.buckets = map[int64]*Handle[T]{}
		}
		c.buckets[second] = h
	}
	c.entries++
}

func (c *Calendar[T]) remove(h *Handle[T]) {
	if h.at == 0 {
		return
	}
	if second := secondOf(h.at); c.buckets[second] == h {
		c.buckets[second] = nil
		if h.next != h {
			c.buckets[second] = h.next
		}
	}
	h.prev.next, h.next.prev = h.next, h.prev
	h.at, h.prev, h.next = 0, nil, nil
	c.entries--
}

// tidy forgets empty buckets once they are the more.
func (c *Calendar[T]) tidy() {
	if len(c.seconds) < 2*c.entries+1024 {
		return
	}
	kept := c.seconds[:0]
	for _, second := range c.seconds {
		if c.buckets[second] != nil {
			kept = append(kept, second)
		} else {
			delete(c.buckets, second)
		}
	}
	c.seconds = kept
	slices.Sort(c.seconds) // which is a heap
}

// Due takes out the entries whose instant has come, the earlier seconds first.
// They have no entry from then on.
func (c *Calendar[T]) Due(now time.Time) []*Handle[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now.UnixNano()
	var due []*Handle[T]
	for len(c.seconds) > 0 && c.seconds[0] <= secondOf(at) {
		second := c.seconds[0]
		later := c.take(second, at, &due)
		if later != 0 { // within the second that is running
			c.next = later
			return due
		}
		c.seconds.pop()
		delete(c.buckets, second)
	}
	c.next = c.first()
	return due
}

// take removes what is due of a bucket, and returns the first instant of what
// is left, or 0.
func (c *Calendar[T]) take(second, at int64, due *[]*Handle[T]) (later int64) {
	h := c.buckets[second]
	if h == nil {
		return 0
	}
	for last := h.prev; ; {
		next, end := h.next, h == last
		switch {
		case h.at <= at:
			c.remove(h)
			*due = append(*due, h)
		case later == 0 || h.at < later:
			later = h.at
		}
		if end {
			return later
		}
		h = next
	}
}

// first is the first entry's instant, or 0.
func (c *Calendar[T]) first() (earliest int64) {
	for len(c.seconds) > 0 {
		if head := c.buckets[c.seconds[0]]; head != nil {
			earliest = head.at
			for h := head.next; h != head; h = h.next {
				earliest = min(earliest, h.at)
			}
			return earliest
		}
		delete(c.buckets, c.seconds[0])
		c.seconds.pop()
	}
	return 0
}

// Next is when to call Due: no later than the first entry's instant, and not ok
// if there is none.
func (c *Calendar[T]) Next() (at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, c.next), true
}

// Changed receives once Next has become earlier, or after Rearm. It is Run's.
func (c *Calendar[T]) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.channel()
}

func (c *Calendar[T]) channel() chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{}, 1)
	}
	return c.changed
}

func (c *Calendar[T]) signal() {
	select {
	case c.channel() <- struct{}{}:
	default:
	}
}

// Rearm has Run look at the clock, which has been set.
func (c *Calendar[T]) Rearm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signal()
}

// Run wakes whoever's instant has come, never before it, until ctx ends. wake
// must not block.
func (c *Calendar[T]) Run(ctx context.Context, wake func(*Handle[T])) error {
	changed := c.Changed()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for _, h := range c.Due(time.Now()) {
			wake(h)
		}
		var due <-chan time.Time
		if at, ok := c.Next(); ok {
			timer.Reset(time.Until(at))
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-due:
		}
		timer.Stop()
	}
}
