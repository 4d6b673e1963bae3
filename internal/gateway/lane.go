package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
)

// lane is the body of one CONNECT that has been answered 200, of whichever HTTP
// it came by. As a flow.Stream it may be used by several goroutines, Read and
// Write by one each.
//
//	take ──► open ──(Read: EOF, CloseWrite)──► over ──► serve returns
//	           └──(Abort, reset, the client is gone)──► over, reset
//
// On HTTP/2 CloseWrite ends both directions, for net/http's server has no half
// of a stream: Read returns io.EOF from then on, and cutShort says so. A flow that
// outlives its carriers ends its directions by capsules, and does not notice.
type lane struct {
	body
	silence *silence    // of its connection
	stop    func() bool // of hearing that the client is gone
	mu      sync.Mutex
	// using counts the Reads and Writes that are under way.
	using       int
	read, wrote bool          // the directions that have ended
	short       bool          // our CloseWrite has ended the client's direction
	lost        bool          // by a reset
	over        chan struct{} // closed when both have
	idle        chan struct{} // closed when over and nobody uses it
}

// body is what the three kinds of HTTP make of a CONNECT.
type body interface {
	io.ReadWriter
	// halves says whether one direction may end alone, finish ends ours in order
	// and, where it may not, the other with it.
	halves() bool
	finish() error
	// deafen ends the client's direction, of which nobody wants to hear more.
	deafen()
	// reset ends both at once; Read and Write return.
	reset(code quic.StreamErrorCode)
	// leave is called once, last, by the handler: nobody uses the body any more.
	leave(lost bool)
}

var _ flows.Stream = (*lane)(nil)

var errLaneOver = errors.New("the request has ended")

// take answers a CONNECT with 200 and the headers that w holds, and takes its
// body. The handler has to call serve before it returns, and nothing of w or r
// after take. An error means that the client is gone.
func take(w http.ResponseWriter, r *http.Request) (*lane, error) {
	l := &lane{silence: connectionOf(r).silence, over: make(chan struct{}), idle: make(chan struct{})}
	var err error
	switch taker, ok := w.(http3.HTTPStreamer); {
	case ok:
		l.body, err = takeH3(w, taker)
	case r.ProtoMajor == 2:
		l.body, err = takeH2(w, r)
	default:
		l.body, err = takeH1(w)
	}
	if err != nil {
		return nil, err
	}
	l.stop = context.AfterFunc(r.Context(), l.abandoned)
	return l, nil
}

// serve returns when both directions have ended, or were reset, and no Read or
// Write is under way. It is the handler's last call: it may panic with
// http.ErrAbortHandler, which is how an HTTP/2 stream is reset.
func (l *lane) serve() {
	<-l.over
	<-l.idle
	l.stop()
	l.body.leave(l.lost)
}

// Read implements flow.Stream.
func (l *lane) Read(p []byte) (int, error) {
	if err := l.enter(func() bool { return l.read }); err != nil {
		return 0, err
	}
	n, err := l.body.Read(p)
	l.exit(func() { l.read = l.read || err == io.EOF })
	if err != nil && err != io.EOF {
		l.mu.Lock()
		if l.read && !l.lost { // our own CloseWrite ended it
			err = io.EOF
		}
		l.mu.Unlock()
		if err != io.EOF {
			l.reset(codeAborted)
		}
	}
	return n, err
}

// Write implements flow.Stream.
func (l *lane) Write(p []byte) (int, error) {
	if err := l.enter(func() bool { return l.wrote }); err != nil {
		return 0, errLaneOver
	}
	l.silence.begin()
	n, err := l.body.Write(p)
	l.silence.finish()
	l.exit(nil)
	if err != nil {
		l.reset(codeAborted)
	}
	return n, err
}

// CloseWrite implements flow.Stream.
func (l *lane) CloseWrite() error {
	if err := l.enter(func() bool {
		if l.wrote {
			return true
		}
		l.short = !l.read && !l.body.halves()
		l.wrote, l.read = true, l.read || l.short
		return false
	}); err != nil {
		return err
	}
	err := l.body.finish()
	l.exit(nil)
	if err != nil {
		l.reset(codeAborted)
	}
	return err
}

// Close ends both directions in order, whatever the client still sends.
func (l *lane) Close() error {
	err := l.CloseWrite()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lost && !l.read {
		l.read = true
		l.body.deafen()
		l.settle()
	}
	return err
}

// Abort implements flow.Stream.
func (l *lane) Abort() { l.reset(codeAborted) }

// abandoned is what the end of the request's context means: the client is gone,
// or has given up reading. On HTTP/3 it also comes when our direction has ended.
func (l *lane) abandoned() {
	l.mu.Lock()
	wrote := l.wrote
	l.mu.Unlock()
	if !wrote {
		l.Abort()
	}
}

// reset is Abort with the code that the client sees on HTTP/3.
func (l *lane) reset(code quic.StreamErrorCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost || l.read && l.wrote {
		return
	}
	l.lost = true
	l.body.reset(code) // blocks for no peer, and never comes after leave
	l.settle()
}

// cutShort says whether CloseWrite has ended the client's direction too, of which
// more may have been to come.
func (l *lane) cutShort() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.short
}

// ended says whether the request has, or was reset.
func (l *lane) ended() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// enter begins a use of the body, which a handler that leaves waits for.
func (l *lane) enter(ended func() bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.lost:
		return errLaneOver
	case ended():
		return io.EOF
	}
	l.using++
	return nil
}

// exit ends a use, and tells what it has found.
func (l *lane) exit(found func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.using--
	if found != nil {
		found()
	}
	l.settle()
}

// settle closes what the handler waits for. The lock is held.
func (l *lane) settle() {
	select {
	case <-l.over:
	default:
		if !l.lost && !(l.read && l.wrote) {
			return
		}
		close(l.over)
	}
	select {
	case <-l.idle:
	default:
		if l.using == 0 {
			close(l.idle)
		}
	}
}
