package flow

import (
	"errors"
	"time"
)

// lingerTime is how long an End that is over waits for the far end to know.
const lingerTime = time.Minute

// ErrDenied: Admit said no.
var ErrDenied = errors.New("not admitted")

// errUnanswered: the far end did not answer a reset.
var errUnanswered = errors.New("the far end does not answer a reset")

// Reset ends the flow: App is reset at once, and the far end is told, now or on
// the next attachment. Run returns cause when the far end knows. A flow that is
// over already it leaves as it is; one that the far end does not know any more
// is ended by Run's ctx.
func (e *End) Reset(cause error) {
	e.mu.Lock()
	defer e.unlock()
	e.abort(cause)
	e.kick()
}

// abort resets the flow.
func (e *End) abort(cause error) {
	if e.over {
		return
	}
	e.over, e.reset, e.result = true, true, cause
	e.clear()
	e.closeApp(true)
	if e.last == 0 {
		e.end() // nobody to tell
		return
	}
	e.tarry()
}

// farAborted notes that the far end has reset the flow.
func (e *End) farAborted(cause error) {
	if e.farReset {
		return
	}
	e.farReset = true
	if !e.over {
		e.abort(cause)
	} else {
		e.tarry()
	}
}

// finish is called when both directions have ended and all of ours is
// acknowledged.
func (e *End) finish() {
	e.over = true
	e.clear()
	e.closeApp(false)
	e.tarry()
}

// abandon ends the flow without a word.
func (e *End) abandon(cause error) {
	e.mu.Lock()
	defer e.unlock()
	if e.ended {
		return
	}
	if !e.over {
		e.over, e.reset, e.result = true, true, cause
	}
	e.end()
}

// tarry counts the linger anew.
func (e *End) tarry() {
	if e.linger == nil {
		e.linger = time.AfterFunc(lingerTime, e.lingered)
	} else {
		e.linger.Reset(lingerTime)
	}
}

func (e *End) lingered() {
	e.mu.Lock()
	defer e.unlock()
	switch {
	case e.ended:
	case !e.reset || e.farReset:
		e.end()
	case e.att != nil:
		e.fail(e.att, errUnanswered)
	}
}

// end lets Run return.
func (e *End) end() {
	if e.ended {
		return
	}
	e.ended = true
	e.clear()
	e.closeApp(e.reset)
	if a := e.att; a != nil {
		e.att = nil
		if !a.eof || !a.closed {
			e.act(a.s.Abort)
		}
		signal(a.wake)
	}
	if e.linger != nil {
		e.linger.Stop()
	}
	if e.ackTimer != nil {
		e.ackTimer.Stop()
	}
	e.o.Budget.forget(e.wake)
	signal(e.wake)
}

// clear drops the buffers.
func (e *End) clear() {
	e.out.clear(e.o.Budget)
	e.in.clear(e.o.Budget)
	signal(e.wake)
	if e.att != nil {
		signal(e.att.wake)
	}
}

// closeApp closes App, once.
func (e *End) closeApp(hard bool) {
	if e.appClosed {
		return
	}
	e.appClosed = true
	e.act(func() {
		if hard {
			e.o.App.SetLinger(0) // fails only on a socket that is closed
		}
		e.o.App.Close()
	})
}
