package flow

// outbox keeps the bytes read from App until the far end has acknowledged them.
type outbox struct {
	chunks []*chunk
	start  uint64 // offset of the first byte kept
	end    uint64 // and of the next to be read from App
	held   int    // memory, of the budget
	lent   *chunk // what is being read into
}

func (o *outbox) len() int { return int(o.end - o.start) }

// tail is the last chunk; nil: none.
func (o *outbox) tail() *chunk {
	if len(o.chunks) == 0 {
		return nil
	}
	return o.chunks[len(o.chunks)-1]
}

// commit keeps n more bytes, which stand at the end of c; none let c go.
func (o *outbox) commit(b *Budget, c *chunk, n int) {
	o.lent = nil
	defer c.release(b)
	if n == 0 {
		o.drop(b, o.start)
		return
	}
	if o.tail() != c {
		c.users++
		o.chunks = append(o.chunks, c)
	}
	c.to += n
	o.end += uint64(n)
}

// at finds the bytes from offset on, as far as they lie in one chunk.
func (o *outbox) at(offset uint64) (c *chunk, from int) {
	skip := int(offset - o.start)
	for _, c := range o.chunks {
		if skip < c.len() {
			return c, c.from + skip
		}
		skip -= c.len()
	}
	return nil, 0
}

// drop forgets what is before offset.
func (o *outbox) drop(b *Budget, offset uint64) {
	n := int(min(offset, o.end) - o.start)
	o.start += uint64(n)
	gone := 0
	for _, c := range o.chunks {
		k := min(n, c.len())
		c.from += k
		n -= k
		if c.len() > 0 || c == o.lent {
			break
		}
		c.release(b)
		gone++
	}
	o.chunks = append(o.chunks[:0], o.chunks[gone:]...)
	if len(o.chunks) == 0 {
		o.chunks = nil
	}
}

// clear forgets all.
func (o *outbox) clear(b *Budget) {
	for _, c := range o.chunks {
		c.release(b)
	}
	o.chunks, o.start = nil, o.end
}
