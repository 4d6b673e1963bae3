package flow

import (
	"errors"
	"io"
)

// Stream is the body of one CONNECT, both directions, which a carrier lends.
type Stream interface {
	// Read returns io.EOF where the far end has ended its direction in order,
	// and any other error where the carrier or the request has ended.
	io.Reader
	io.Writer
	// CloseWrite ends our direction in order.
	CloseWrite() error
	// Abort ends both directions at once and unblocks Read and Write. Anyone
	// may call it, at any time and more than once.
	Abort()
}

// App is the connection of an application; a *net.TCPConn is one.
type App interface {
	io.ReadWriteCloser
	CloseWrite() error
	// SetLinger(0) makes Close send a reset.
	SetLinger(sec int) error
}

// Options make an End. Only App is needed.
type Options struct {
	App App
	// Admit is asked before payload passes, in either direction; false resets
	// the flow at both ends. It may block; Run does not return before it does.
	// Nil: always.
	Admit func() bool
	// Moved counts payload: in is what was written to App, otherwise what was
	// read from it.
	Moved func(n int, in bool)
	// Pending is called when there is something for the far end (bytes, the end
	// of a direction, a reset) and no attachment; once until the next one. What
	// was sent and is not acknowledged when a stream is taken away counts. A call
	// may come late, when there is an attachment again.
	Pending func()
	// Detached is called when an attachment ended by itself and not for a newer
	// one, with why; the flow is parked then, or waits over for the far end. A
	// call may come late, when there is a newer one.
	Detached func(epoch uint64, err error)
	// Budget bounds the buffers of all flows that share it; nil: only Window does.
	Budget *Budget
	// Window bounds this flow's bytes in each direction: unacknowledged by the
	// far end, and taken from it and not yet accepted by App, twice as many where
	// the far end goes on acknowledging; 0: 1 MiB. It should have the same.
	Window int
}

// Errors of an End.
var (
	// ErrReset: the far end has reset the flow.
	ErrReset = errors.New("reset by the far end")
	// ErrEpoch: a newer attachment stands already.
	ErrEpoch = errors.New("the attachment is older than the last")
	// ErrOffset: the far end claims to have received what was not sent, or to
	// lack what it has acknowledged.
	ErrOffset = errors.New("the offset lies")
)
