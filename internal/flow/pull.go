package flow

import (
	"fmt"
	"io"
)

// pull reads from App, until that direction has ended or the flow is over.
func (e *End) pull() {
	class := 0
	for {
		c := e.reserve(class)
		if c == nil {
			return
		}
		space := min(c.space(), e.allowance())
		n, err := e.o.App.Read(c.buf[c.to : c.to+space])
		if n > 0 {
			if e.o.Admit != nil && !e.o.Admit() {
				n, err = 0, ErrDenied
			} else if e.o.Moved != nil {
				e.o.Moved(n, false)
			}
		}
		switch {
		case n == space && class < len(sizes)-1:
			class++
		case class > 0 && n < sizes[class]/4:
			class--
		}
		if !e.pulled(c, n, err) {
			return
		}
	}
}

// pulled keeps n bytes that were read into c and has them sent. It returns false
// where no more are to be read.
func (e *End) pulled(c *chunk, n int, err error) bool {
	e.mu.Lock()
	if e.over {
		n = 0
	}
	e.out.commit(e.o.Budget, c, n)
	switch {
	case err == io.EOF:
		e.eof = true
		if e.finDone {
			e.closeApp(false)
		}
	case err == ErrDenied:
		e.abort(err)
	case err != nil:
		e.abort(fmt.Errorf("read from the application: %w", err))
	}
	if a := e.att; a == nil || e.sending || e.job(a) == jobNone {
		e.kick()
		e.unlock()
		return err == nil
	}
	e.sending = true
	e.unlock()
	e.transmit()
	return err == nil
}

// reserve waits until more may be read, and lends a chunk to read into. Nil: no
// more is wanted.
func (e *End) reserve(class int) *chunk {
	e.mu.Lock()
	defer e.unlock()
	for !e.over {
		if e.o.Window-e.out.len() >= max(e.o.Window/16, 1) {
			if c := e.out.tail(); c != nil && c.space() >= sizes[class]/4 {
				c.users++
				e.out.lent = c
				return c
			}
			if c := borrow(e.o.Budget, class, &e.out.held, e.wake); c != nil {
				e.out.lent = c
				return c
			}
		}
		e.unlock()
		<-e.wake
		e.mu.Lock()
	}
	return nil
}

// allowance is how much may be read.
func (e *End) allowance() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.o.Window - e.out.len()
}
