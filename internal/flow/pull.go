package flow

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// puller reads from App, in Run's goroutine.
type puller struct {
	e     *End
	class int    // of the buffer that suits what comes
	c     *chunk // what is read into; nil: none is held
	space int    // how much may be read into it
	n     int
	brief bool // a chunk is not held while there is nothing to read
	timed bool // App has a read deadline
}

// pull reads from App until that direction has ended or the flow is over. What
// it reads it sends itself, where nobody else sends.
func (e *End) pull() {
	p := &puller{e: e}
	read := p.read
	if quiet := p.quiet(); quiet != nil {
		read = quiet
	}
	for p.reserve(true) {
		err := read()
		if p.c == nil {
			continue
		}
		if p.n > 0 {
			if e.o.Admit != nil && !e.o.Admit() {
				p.n, err = 0, ErrDenied
			} else if e.o.Moved != nil {
				e.o.Moved(p.n, false)
			}
		}
		switch {
		case p.n == p.space && p.class < len(sizes)-1:
			p.class++
		case p.class > 0 && p.n < sizes[p.class]/4:
			p.class--
		}
		if !p.keep(err) {
			return
		}
	}
}

// quietAfter is how long a buffer other than the smallest waits for App.
const quietAfter = time.Second

// read is for any App: it holds a buffer while it waits, in the end the smallest,
// where App knows deadlines.
func (p *puller) read() (err error) {
	app, ok := p.e.o.App.(interface{ SetReadDeadline(time.Time) error })
	switch {
	case ok && p.c.class > 0:
		p.timed = app.SetReadDeadline(time.Now().Add(quietAfter)) == nil
	case p.timed:
		app.SetReadDeadline(time.Time{}) // fails only on a connection that is closed
		p.timed = false
	}
	p.n, err = p.e.o.App.Read(p.c.buf[p.c.to : p.c.to+p.space])
	if p.timed && p.n == 0 && deadline(err) {
		p.class = 0
		p.letGo()
		return nil
	}
	return err
}

// deadline says whether err is that of a read deadline, and not of a connection
// that timed out.
func deadline(err error) bool {
	var t net.Error
	var errno syscall.Errno
	return errors.As(err, &t) && t.Timeout() && !errors.As(err, &errno)
}

// reserve takes a chunk to read into, where Window and Budget allow; it waits for
// that if it may. It returns false where there is none, or no more is wanted.
func (p *puller) reserve(wait bool) bool {
	e := p.e
	e.mu.Lock()
	defer e.mu.Unlock() // nothing is put off here: it may be within a read
	for !e.over {
		p.space = e.allowance() - e.out.len()
		if p.space >= max(e.o.Window/16, 1) {
			if p.c = e.out.tail(); p.c != nil && p.c.space() >= sizes[p.class]/4 && (p.brief || p.c.class <= p.class) {
				p.c.users++
			} else {
				p.c = borrow(e.o.Budget, p.class, &e.out.held, e.wake)
			}
			if p.c != nil {
				e.out.lent = p.c
				p.space = min(p.space, p.c.space())
				return true
			}
		}
		if !wait {
			return false
		}
		e.mu.Unlock()
		<-e.wake
		e.mu.Lock()
	}
	return false
}

// swell is how many Windows may be under way to a far end that goes on
// acknowledging: on a long path, or one that loses packets, one a round trip is
// little.
const swell = 2

// allowance is how much may be unacknowledged: Window, and as much more as the far
// end has acknowledged on this stream, up to swell. So what nobody takes, because
// the flow is parked or the far program does not read, is about Window.
func (e *End) allowance() int {
	if e.att == nil {
		return e.o.Window
	}
	return int(min(uint64(e.o.Window)+e.acked-e.att.base, swell*uint64(e.o.Window)))
}

// letGo gives back a chunk that nothing was read into.
func (p *puller) letGo() {
	p.e.mu.Lock()
	p.e.out.commit(p.e.o.Budget, p.c, 0)
	p.e.mu.Unlock()
	p.c = nil
}

// keep takes over what was read and has it sent. It returns false where no more
// is to be read.
func (p *puller) keep(err error) bool {
	e := p.e
	e.mu.Lock()
	if e.over {
		p.n = 0
	}
	e.out.commit(e.o.Budget, p.c, p.n)
	p.c = nil
	switch {
	case err == nil:
	case err == io.EOF:
		e.eof = true
		if e.finDone {
			e.closeApp(false)
		}
	case err == ErrDenied:
		e.abort(err)
	default:
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
