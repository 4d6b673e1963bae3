package flow

// piece is a part of a chunk that App has yet to accept.
type piece struct {
	c        *chunk
	from, to int
}

// inbox keeps the bytes taken from streams until App accepts them.
type inbox struct {
	pieces []piece
	len    int // with those that App is about to accept
}

// smallPiece is what is rather moved than kept apart.
const smallPiece = 1 << 10

// push adds n bytes that stand in c at from. It returns where the next may be
// read to in c, when nothing but the heads of capsules lies between.
func (i *inbox) push(c *chunk, from, n int) (end int) {
	i.len += n
	if k := len(i.pieces); k > 0 && i.pieces[k-1].c == c {
		last := &i.pieces[k-1]
		if last.to != from && n <= smallPiece {
			copy(c.buf[last.to:], c.buf[from:from+n])
			from = last.to
		}
		if last.to == from {
			last.to += n
			return last.to
		}
	}
	c.users++
	i.pieces = append(i.pieces, piece{c, from, from + n})
	return from + n
}

// pop takes the first piece.
func (i *inbox) pop() piece {
	p := i.pieces[0]
	i.pieces = append(i.pieces[:0], i.pieces[1:]...)
	return p
}

// clear forgets all that is not being written.
func (i *inbox) clear(b *Budget) {
	for _, p := range i.pieces {
		i.len -= p.to - p.from
		p.c.release(b)
	}
	i.pieces = nil
}
