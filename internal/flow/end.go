package flow

import (
	"context"
	"errors"
	"sync"
	"time"
)

// End is one end of a flow. Its methods are safe for concurrent use and do not
// block, but for Run; the functions of Options are called without locks.
type End struct {
	o    Options
	wake chan struct{} // wakes Run

	mu sync.Mutex
	// acts are called when mu is released: what must not be called under it.
	acts []func()

	started, ended bool
	tasks          int // goroutines of ours, and acts
	result         error

	// Of the direction from App to the far end. An offset counts the bytes
	// before it; the end of the direction is one more.
	out     outbox
	eof     bool   // App has sent its last
	sent    uint64 // the largest that was ever handed to a stream
	acked   uint64 // what the far end has said to have received
	sending bool   // someone is in transmit

	// Of the direction from the far end to App.
	in         inbox
	taken      uint64 // from streams
	accepted   uint64 // by App
	finTaken   bool
	finDue     bool   // App is being told that the direction has ended
	finDone    bool   // and has been
	told       uint64 // the largest that the far end was told to be received
	ackNow     bool
	ackTimer   *time.Timer
	ackArmed   bool
	delivering bool // someone is in deliver

	// Of attachments.
	epoch    uint64 // of the last Prepare
	prepared bool   // Attach may follow
	last     uint64 // epoch of the last Attach; 0: none
	att      *attachment
	pended   bool // Pending was called since

	// Of the end.
	over      bool // nothing passes any more: finished or reset
	reset     bool
	farReset  bool // the far end is known to have reset the flow
	settled   bool // the far end is over, and knows that we are or need not
	appClosed bool
	linger    *time.Timer
}

// New makes an End. It starts nothing.
func New(o Options) *End {
	if o.Window <= 0 {
		o.Window = 1 << 20
	}
	return &End{o: o, wake: make(chan struct{}, 1)}
}

// Run carries the flow until it is over: nil when both directions have ended
// and all is acknowledged; ErrReset where the far end reset it; the cause given
// to Reset; or why App failed. The end of ctx abandons the flow: App is reset
// and nobody is told. When it returns, App is closed and nothing of it runs.
//
// A flow that is over stays for a while, without App and buffers, so that the
// far end can be told on another carrier; Status.Over says so. Run must be
// called, once, and nothing that it calls may wait for its return.
func (e *End) Run(ctx context.Context) error {
	e.mu.Lock()
	if e.started {
		e.mu.Unlock()
		return errors.New("the flow has been run before")
	}
	e.started = true
	e.kick()
	e.unlock()

	abandoned := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(abandoned)
		e.abandon(context.Cause(ctx))
	})
	e.pull()
	e.mu.Lock()
	for !e.ended || e.tasks > 0 {
		e.mu.Unlock()
		<-e.wake
		e.mu.Lock()
	}
	defer e.mu.Unlock()
	if !stop() {
		e.mu.Unlock()
		<-abandoned
		e.mu.Lock()
	}
	return e.result
}

// unlock releases mu and calls what was put off.
func (e *End) unlock() {
	acts := e.acts
	e.acts = nil
	if len(acts) == 0 {
		e.mu.Unlock()
		return
	}
	e.tasks++
	e.mu.Unlock()
	for _, act := range acts {
		act()
	}
	e.mu.Lock()
	e.leaveTask()
	e.mu.Unlock()
}

// act puts f off until mu is released.
func (e *End) act(f func()) { e.acts = append(e.acts, f) }

func (e *End) leaveTask() {
	e.tasks--
	if e.tasks == 0 && e.ended {
		signal(e.wake)
	}
}

// task is the last of a goroutine of ours.
func (e *End) task() {
	e.mu.Lock()
	e.leaveTask()
	e.mu.Unlock()
}

// kick starts whatever the state calls for and nobody does. It is called under
// mu after each change.
func (e *End) kick() {
	if !e.over && e.finDone && e.eof && e.acked > e.out.end {
		e.finish()
	}
	a := e.att
	if a != nil && a.eof && a.closed {
		e.end()
	}
	if !e.started || e.ended {
		return
	}
	if a != nil && !a.reading {
		a.reading = true
		e.tasks++
		go e.read(a)
	}
	if !e.delivering && !e.over && (len(e.in.pieces) > 0 || e.finTaken && !e.finDone) {
		e.delivering = true
		e.tasks++
		go e.deliver()
	}
	if a != nil && !e.sending && e.job(a) != jobNone {
		e.sending = true
		e.tasks++
		go func() {
			defer e.task()
			e.transmit()
		}()
	}
	if !e.pended && e.pending() {
		e.pended = true
		if f := e.o.Pending; f != nil {
			e.tasks++
			go func() {
				defer e.task()
				f()
			}()
		}
	}
}

// pending says whether something waits for an attachment.
func (e *End) pending() bool {
	switch {
	case e.att != nil || e.ended:
		return false
	case e.over:
		return e.reset && !e.farReset
	}
	return e.acked < e.out.end || e.eof && e.acked == e.out.end
}

// Status is a moment's view of an End.
type Status struct {
	Epoch    uint64 // of the last attachment; 0: none
	Attached bool
	Pending  bool // something waits for the far end
	Unacked  int  // bytes kept
	Over     bool // reset or finished, and waits at most for the far end to know
}

// Status tells where the End stands.
func (e *End) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Status{
		Epoch:    e.last,
		Attached: e.att != nil,
		Pending:  e.pending(),
		Unacked:  e.out.len(),
		Over:     e.over,
	}
}
