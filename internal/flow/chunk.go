package flow

import "sync"

// The sizes of buffers: a quiet flow has the smallest, one that fills it the next.
const (
	smallChunk  = 2 << 10
	mediumChunk = 16 << 10
	largeChunk  = 128 << 10
	// room is kept before a chunk's bytes, for the heads of capsules.
	room = 32
)

var sizes = [...]int{smallChunk, mediumChunk, largeChunk}

var pools = [...]sync.Pool{
	{New: func() any { return &chunk{class: 0, buf: make([]byte, room+smallChunk)} }},
	{New: func() any { return &chunk{class: 1, buf: make([]byte, room+mediumChunk)} }},
	{New: func() any { return &chunk{class: 2, buf: make([]byte, room+largeChunk)} }},
}

// chunk is a buffer, lent from a pool. Its fields are guarded by the End's lock,
// but for the bytes: whoever appends owns those from to on, whoever sends those
// before.
type chunk struct {
	class    int
	buf      []byte
	from, to int // what is kept, in buf
	users    int // who must let go before it returns to the pool
	held     *int
}

func (c *chunk) len() int   { return c.to - c.from }
func (c *chunk) space() int { return len(c.buf) - c.to }

// class is the smallest that holds n bytes.
func classFor(n int) int {
	for i, size := range sizes {
		if n <= size {
			return i
		}
	}
	return len(sizes) - 1
}

// borrow lends a chunk with one user, of the class or, where the budget is
// short, a smaller one; held is where the borrower counts. Nil: not even the
// smallest is to be had, and wake is told when it may be.
func borrow(b *Budget, class int, held *int, wake chan struct{}) *chunk {
	for ; class >= 0; class-- {
		var w chan struct{}
		if class == 0 {
			w = wake
		}
		if b.take(*held, sizes[class], w) {
			*held += sizes[class]
			c := pools[class].Get().(*chunk)
			c.from, c.to, c.users, c.held = room, room, 1, held
			return c
		}
	}
	return nil
}

// release lets go of c; the last user's returns it to the pool.
func (c *chunk) release(b *Budget) {
	c.users--
	if c.users > 0 {
		return
	}
	*c.held -= sizes[c.class]
	c.held = nil
	b.give(sizes[c.class])
	pools[c.class].Put(c)
}
