package flow

import (
	"errors"
	"io"
	"sync"
	"time"
)

var (
	errCut     = errors.New("the carrier was lost")
	errAborted = errors.New("aborted")
	errAppGone = errors.New("connection reset by peer")
)

// pipe is one direction of a stream or a socket: bounded, with a delay.
type pipe struct {
	delay time.Duration
	room  int

	mu       sync.Mutex
	moved    *sync.Cond
	segments []segment
	queued   int
	eof      bool
	// What its ends meet; a reader meets it behind what is under way.
	writeErr, readErr error
}

type segment struct {
	due   time.Time
	bytes []byte
}

func newPipe(delay time.Duration, room int) *pipe {
	p := &pipe{delay: delay, room: room}
	p.moved = sync.NewCond(&p.mu)
	return p
}

// later calls f under mu. No timer of no length: the race detector of Go 1.26
// fails when two goroutines of a bubble start such timers at once.
func (p *pipe) later(d time.Duration, f func()) {
	locked := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		f()
		p.moved.Broadcast()
	}
	if d == 0 {
		locked()
		return
	}
	time.AfterFunc(d, locked)
}

// arrives wakes the reader when what has just been written is due.
func (p *pipe) arrives() {
	if p.delay == 0 {
		p.moved.Broadcast()
		return
	}
	p.later(p.delay, func() {})
}

func (p *pipe) Write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 {
		for p.writeErr == nil && p.queued >= p.room {
			p.moved.Wait()
		}
		if p.writeErr != nil {
			return n, p.writeErr
		}
		k := min(len(b), p.room-p.queued)
		p.segments = append(p.segments, segment{time.Now().Add(p.delay), append([]byte(nil), b[:k]...)})
		p.queued += k
		n, b = n+k, b[k:]
		p.arrives()
	}
	return n, p.writeErr
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case len(p.segments) > 0 && !time.Now().Before(p.segments[0].due):
			s := &p.segments[0]
			n := copy(b, s.bytes)
			s.bytes = s.bytes[n:]
			p.queued -= n
			if len(s.bytes) == 0 {
				p.segments = p.segments[1:]
			}
			p.moved.Broadcast()
			return n, nil
		case len(p.segments) == 0 && p.readErr != nil:
			return 0, p.readErr
		case len(p.segments) == 0 && p.eof:
			return 0, io.EOF
		}
		p.moved.Wait()
	}
}

// closeWrite ends the direction in order.
func (p *pipe) closeWrite() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writeErr != nil {
		return p.writeErr
	}
	p.eof, p.writeErr = true, errAborted
	p.arrives()
	return nil
}

// stop has the writer meet err at once. The reader meets it after the delay,
// behind all but the last lost bytes of what is under way.
func (p *pipe) stop(err error, delay time.Duration, lost int) {
	p.mu.Lock()
	p.writeErr = err
	p.moved.Broadcast()
	p.mu.Unlock()
	p.later(delay, func() {
		if p.eof && lost == 0 {
			return
		}
		p.truncate(lost)
		p.readErr, p.eof = err, false
	})
}

func (p *pipe) truncate(lost int) {
	for lost > 0 && len(p.segments) > 0 {
		s := &p.segments[len(p.segments)-1]
		k := min(lost, len(s.bytes))
		s.bytes = s.bytes[:len(s.bytes)-k]
		lost -= k
		p.queued -= k
		if len(s.bytes) == 0 {
			p.segments = p.segments[:len(p.segments)-1]
		}
	}
}

// refuse has the reader meet err, now.
func (p *pipe) refuse(err error, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.truncate(lost)
	p.readErr, p.eof = err, false
	p.moved.Broadcast()
}

const everything = 1 << 40

// end is one end of a stream or a socket.
type end struct {
	in, out *pipe
	// late is set for a stream whose Abort leaves its reader what has come.
	late   bool
	linger int
}

// duplex makes both ends of a stream or a socket.
func duplex(delay time.Duration, room int) (a, b *end) {
	x, y := newPipe(delay, room), newPipe(delay, room)
	return &end{in: x, out: y, linger: -1}, &end{in: y, out: x, linger: -1}
}

func (e *end) Read(b []byte) (int, error)  { return e.in.Read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.Write(b) }
func (e *end) CloseWrite() error           { return e.out.closeWrite() }

// Abort is a stream's.
func (e *end) Abort() {
	lost := everything
	if e.late {
		lost = 0
	}
	e.in.refuse(errAborted, lost)
	e.in.stop(errAborted, e.in.delay, lost)
	e.out.stop(errAborted, e.out.delay, 0)
}

// cut breaks a stream for both ends; each meets it at its time, and what was
// under way is lost in part.
func cut(a, b *end, sooner, later time.Duration, lostA, lostB int) {
	a.in.stop(errCut, sooner, lostA)
	a.out.stop(errCut, later, lostB)
}

// SetLinger and Close are a socket's.
func (e *end) SetLinger(sec int) error {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.linger = sec
	return nil
}

func (e *end) Close() error {
	e.in.mu.Lock()
	linger := e.linger
	e.in.mu.Unlock()
	e.in.refuse(errAborted, everything)
	e.in.stop(errAppGone, 0, everything)
	if linger == 0 {
		e.out.stop(errAppGone, 0, 0)
	} else {
		e.out.closeWrite()
	}
	return nil
}
