// Package flow is one end of a flow that outlives its carriers. Client and
// gateway hold an End each, between the connection of an application and the
// bodies of the CONNECT requests that carry it, one after the other.
package flow

import (
	"context"
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
	// the flow at both ends. It may block. Nil: always.
	Admit func() bool
	// Moved counts payload: in is what was written to App, otherwise what was
	// read from it.
	Moved func(n int, in bool)
	// Pending is called when there is something for the far end (bytes, the end
	// of a direction, a reset) and no attachment; once until the next one.
	Pending func()
	// Detached is called when an attachment ended by itself and not for a newer
	// one, with why; the flow is parked then.
	Detached func(epoch uint64, err error)
	// Budget bounds the unacknowledged bytes of all flows that share it; nil:
	// only Window does.
	Budget *Budget
	// Window bounds this flow's unacknowledged bytes; 0: 1 MiB.
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

// End is one end of a flow. Its methods are safe for concurrent use and do not
// block, but for Run; the functions of Options are called without locks.
type End struct{ o Options }

// New makes an End. It starts nothing.
func New(o Options) *End { return &End{o: o} }

// Run carries the flow until it is over: nil when both directions have ended
// and all is acknowledged; ErrReset where the far end reset it; the cause given
// to Reset; or why App failed. The end of ctx abandons the flow: App is reset
// and nobody is told. When it returns, App is closed and nothing of it runs.
func (e *End) Run(ctx context.Context) error { panic("not yet") }

// Prepare makes ready for an attachment: whatever an older one still delivers
// is discarded from here on. It returns what has been received, for the header.
func (e *End) Prepare(epoch uint64) (received uint64, err error) { panic("not yet") }

// Attach carries the flow on s, after Prepare of the same epoch. peer is what
// the far end says it has received; in the first attachment it is 0, and may be
// assumed before the far end has answered. The End owns s from here on.
func (e *End) Attach(s Stream, epoch, peer uint64) error { panic("not yet") }

// Detach takes the stream away, for a carrier that is about to be closed: the
// flow is parked, and Detached is not called.
func (e *End) Detach(epoch uint64) { panic("not yet") }

// Reset ends the flow: App is reset at once, and the far end is told, now or on
// the next attachment. Run returns cause when the far end knows.
func (e *End) Reset(cause error) { panic("not yet") }

// Status is a moment's view of an End.
type Status struct {
	Epoch    uint64 // of the last attachment; 0: none
	Attached bool
	Pending  bool // something waits for the far end
	Unacked  int  // bytes kept
	Over     bool // reset or finished, and waits at most for the far end to know
}

// Status tells where the End stands.
func (e *End) Status() Status { panic("not yet") }

// Budget bounds the unacknowledged bytes of the flows that share it. Safe for
// concurrent use.
type Budget struct{ limit int }

// NewBudget makes one of so many bytes.
func NewBudget(limit int) *Budget { return &Budget{limit: limit} }
