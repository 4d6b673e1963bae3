package tunnel

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// maxEarly bounds what is read from an application before its CONNECT was
// answered, and kept, so that it can be sent again after a refusal was cured.
const maxEarly = 64 << 10

// early keeps an application's first bytes. Its reader is also what notices
// that the application has gone while nobody has answered yet.
type early struct {
	conn appConn
	gone context.CancelCauseFunc
	done chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	cond    *sync.Cond
	buf     []byte // only appended to: what was handed out stays
	eof     bool
	stopped bool
}

// newEarly keeps what comes from c, and calls gone when c fails.
func newEarly(c appConn, gone context.CancelCauseFunc) *early {
	e := &early{conn: c, gone: gone, done: make(chan struct{})}
	e.cond = sync.NewCond(&e.mu)
	return e
}

// read reads until the end, an error, or stop; beyond maxEarly it waits for stop.
func (e *early) read() {
	defer close(e.done)
	b := make([]byte, 4<<10)
	for {
		e.mu.Lock()
		for len(e.buf) >= maxEarly && !e.stopped {
			e.cond.Wait()
		}
		stopped, room := e.stopped, min(len(b), maxEarly-len(e.buf))
		e.mu.Unlock()
		if stopped {
			return
		}
		n, err := e.conn.Read(b[:room])
		e.mu.Lock()
		e.buf = append(e.buf, b[:n]...)
		e.eof = errors.Is(err, io.EOF)
		failed := err != nil && !e.eof && !(e.stopped && errors.Is(err, os.ErrDeadlineExceeded))
		e.cond.Broadcast()
		e.mu.Unlock()
		if failed {
			e.gone(err)
		}
		if err != nil {
			return
		}
	}
}

// stop ends the reader and leaves the connection as it was. What comes after
// is read by whoever called.
func (e *early) stop() {
	e.mu.Lock()
	e.stopped = true
	e.cond.Broadcast()
	e.mu.Unlock()
	e.conn.SetReadDeadline(time.Unix(1, 0))
	<-e.done
	e.conn.SetReadDeadline(time.Time{})
}

// stalled says that the reader reads no more: at the end, or at the bound.
func (e *early) stalled() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.eof || len(e.buf) >= maxEarly
}

// ended says that the application has ended its direction.
func (e *early) ended() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.eof
}

// forget gives the kept bytes back to memory.
func (e *early) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.buf = nil
}

// offer hands the kept bytes to one CONNECT.
type offer struct {
	e        *early
	settled  bool
	accepted bool
}

func (e *early) offer() *offer { return &offer{e: e} }

// settle says how the CONNECT was answered. Before an accepted one the reader
// has to be stopped.
func (o *offer) settle(accepted bool) {
	o.e.mu.Lock()
	defer o.e.mu.Unlock()
	o.settled, o.accepted = true, accepted
	o.e.cond.Broadcast()
}

// next waits for bytes behind the first sent ones. more is false when there
// will be none: after a refusal at once, else when all that was kept has been
// handed out and the application has ended its direction or the CONNECT was
// accepted.
func (o *offer) next(sent int) (b []byte, more bool) {
	e := o.e
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		switch {
		case o.settled && !o.accepted:
			return nil, false
		case len(e.buf) > sent:
			return e.buf[sent:len(e.buf):len(e.buf)], true
		case o.settled || e.eof:
			return nil, false
		}
		e.cond.Wait()
	}
}

// fate waits for the answer and says whether it accepts.
func (o *offer) fate() bool {
	o.e.mu.Lock()
	defer o.e.mu.Unlock()
	for !o.settled {
		o.e.cond.Wait()
	}
	return o.accepted
}
