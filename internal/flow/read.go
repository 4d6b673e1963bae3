package flow

import (
	"errors"
	"io"
)

// errFenced: the attachment is no longer the End's.
var errFenced = errors.New("a newer attachment stands")

// violation is what a far end does that breaks the protocol.
type violation struct{ error }

// reader takes the capsules of one attachment.
type reader struct {
	e          *End
	a          *attachment
	c          *chunk
	start, end int   // what of c has been read and not yet understood
	left       int   // of the capsule at hand
	skip       bool  // it is not DATA for App
	err        error // came with the last bytes
}

// read takes what an attachment delivers, until it ends.
func (e *End) read(a *attachment) {
	defer e.task()
	r := &reader{e: e, a: a}
	err := r.run()
	if v, ok := err.(violation); ok {
		e.mu.Lock()
		if e.att == a {
			e.farAborted(v.error)
			e.kick()
		}
		e.unlock()
		err = r.drain()
	}
	e.mu.Lock()
	defer e.unlock()
	if r.c != nil {
		r.c.release(e.o.Budget)
	}
	e.o.Budget.forget(a.wake)
	switch {
	case e.att != a:
	case err != io.EOF:
		e.fail(a, err)
	case !e.over || r.left > 0 || r.start < r.end:
		// Only an End that is over ends its direction in order, and then so are we.
		e.fail(a, io.ErrUnexpectedEOF)
	default:
		a.eof, e.settled = true, true
		e.kick()
	}
}

// run reads until the stream or the attachment ends, or the far end breaks the
// protocol.
func (r *reader) run() error {
	for {
		if err := r.fill(); err != nil {
			return err
		}
		for r.start < r.end {
			if r.left > 0 {
				if err := r.payload(min(r.left, r.end-r.start)); err != nil {
					return err
				}
				continue
			}
			c, n, err := parse(r.c.buf[r.start:r.end])
			if err != nil {
				return violation{err}
			}
			if n == 0 {
				break
			}
			r.start += n
			if err := r.capsule(c); err != nil {
				return err
			}
		}
	}
}

// drain reads to the end, of a far end that is not listened to any more.
func (r *reader) drain() error {
	for {
		r.start, r.left = r.end, 0
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// fill reads once more, into a chunk that suits what is expected.
func (r *reader) fill() error {
	e := r.e
	// The rest of the payload with the next capsule's head, so that payloads come
	// to lie whole in a chunk each.
	want := smallChunk
	if r.left > 0 {
		want = r.left + dataHeader
	}
	var rest [maxHeader]byte
	n := 0
	if r.left == 0 && r.c != nil {
		n = copy(rest[:], r.c.buf[r.start:r.end])
	}
	e.mu.Lock()
	for e.att == r.a && e.in.len >= swell*e.o.Window && !e.over {
		e.unlock()
		<-r.a.wake
		e.mu.Lock()
	}
	class := classFor(want)
	if c := r.c; c != nil && (c.users > 1 || c.class != class) {
		// There may be room behind what App has yet to accept; but what waits for
		// the next capsule is to wait with the smallest.
		if fits := len(c.buf)-r.end >= min(want, sizes[c.class]/4); c.users > 1 && fits &&
			(c.class == class || c.class > class && r.left > 0) {
			class = -1
		} else {
			c.release(e.o.Budget)
			r.c = nil
		}
	}
	if class >= 0 {
		for r.c == nil && e.att == r.a {
			if r.c = borrow(e.o.Budget, class, &r.a.held, r.a.wake); r.c != nil {
				break
			}
			e.unlock()
			<-r.a.wake
			e.mu.Lock()
		}
		r.start, r.end = room, room
	}
	fenced := e.att != r.a
	e.unlock()
	if fenced {
		return errFenced
	}
	if class >= 0 {
		r.end += copy(r.c.buf[r.end:], rest[:n])
	}
	into := r.c.buf[r.end:]
	if len(into) > want {
		into = into[:want]
	}
	if r.err != nil {
		return r.err
	}
	k, err := r.a.s.Read(into)
	r.end += k
	if k > 0 {
		r.err, err = err, nil
	}
	return err
}

// payload takes n bytes of a capsule's.
func (r *reader) payload(n int) error {
	e := r.e
	e.mu.Lock()
	defer e.unlock()
	if e.att != r.a {
		return errFenced
	}
	from := r.start
	r.start += n
	r.left -= n
	if r.skip || e.over {
		return nil
	}
	e.taken += uint64(n)
	end := e.in.push(r.c, from, n)
	if r.start == r.end {
		r.start, r.end = end, end
	}
	e.kick()
	return nil
}

// capsule acts on the head of one.
func (r *reader) capsule(c capsule) error {
	e := r.e
	e.mu.Lock()
	defer e.unlock()
	if e.att != r.a {
		return errFenced
	}
	r.left, r.skip = c.size, c.kind != typeData
	switch {
	case c.kind == typeReset:
		if !e.over || e.reset {
			e.farAborted(ErrReset)
		}
	case e.over:
		// What was under way when it came to be over is of no interest.
	case c.kind == typeData:
		if c.offset != e.taken {
			return violation{ErrOffset}
		}
		if e.finTaken && c.size > 0 {
			return violation{errCapsule}
		}
	case c.kind == typeAck:
		next := r.a.next
		if e.eof && next == e.out.end {
			// An end that an older stream carried counts when App has been told,
			// which may be after the far end's Prepare.
			next = e.sent
		}
		if c.offset < e.acked || c.offset > next {
			return violation{ErrOffset}
		}
		r.a.next = max(r.a.next, c.offset)
		e.acknowledge(c.offset)
	case c.kind == typeFin:
		if c.offset != e.taken {
			return violation{ErrOffset}
		}
		if r.a.finSeen {
			return violation{errCapsule}
		}
		r.a.finSeen, e.finTaken = true, true
	}
	e.kick()
	return nil
}
