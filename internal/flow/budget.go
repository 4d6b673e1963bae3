package flow

import "sync"

// Budget bounds the memory that the flows which share it hold: bytes kept until
// the far end acknowledges them, and bytes taken from the far end until App
// accepts them. None may hold more than an eighth of what is left, so that a few
// whose far ends do not read leave room for others; and each that holds nothing
// may hold its smallest buffer beyond the limit, so that none starves. Safe for
// concurrent use.
type Budget struct {
	limit int

	mu      sync.Mutex
	used    int
	waiters map[chan struct{}]int // how much each holds
}

// NewBudget makes one of so many bytes.
func NewBudget(limit int) *Budget {
	return &Budget{limit: limit, waiters: map[chan struct{}]int{}}
}

// Used is how much is held at present, in bytes.
func (b *Budget) Used() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

func (b *Budget) fits(held, n int) bool {
	return held == 0 && n <= smallChunk || held+n <= (b.limit-b.used)/8
}

// take asks for n bytes beside what the caller holds. Where it refuses, wake is
// sent to when asking again for the smallest buffer would help.
func (b *Budget) take(held, n int, wake chan struct{}) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fits(held, n) {
		if wake != nil {
			b.waiters[wake] = held
		}
		return false
	}
	b.used += n
	return true
}

// give returns n bytes.
func (b *Budget) give(n int) {
	if b == nil || n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	for wake, held := range b.waiters {
		if b.fits(held, smallChunk) {
			delete(b.waiters, wake)
			signal(wake)
		}
	}
}

// forget drops a waiter.
func (b *Budget) forget(wake chan struct{}) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiters, wake)
}

// signal wakes who waits on a channel of one place, now or when it comes to wait.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
