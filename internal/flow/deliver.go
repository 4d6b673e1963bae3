package flow

import (
	"fmt"
	"time"
)

// ackDelay is how long an acknowledgement of little waits for company.
const ackDelay = 10 * time.Millisecond

// deliver writes to App what has been taken. One at a time is in it.
func (e *End) deliver() {
	defer e.task()
	e.mu.Lock()
	for !e.over {
		if len(e.in.pieces) > 0 {
			e.deliverPiece(e.in.pop())
			continue
		}
		if !e.finTaken || e.finDone {
			break
		}
		e.finDue = true
		e.unlock()
		err := e.o.App.CloseWrite()
		e.mu.Lock()
		if err != nil {
			e.abort(fmt.Errorf("end the direction to the application: %w", err))
			break
		}
		e.finDone = true
		if e.eof {
			e.closeApp(false)
		}
	}
	e.delivering = false
	if e.received() > e.told && !e.ackArmed && !e.over {
		e.ackArmed = true
		if e.ackTimer == nil {
			e.ackTimer = time.AfterFunc(ackDelay, e.ackDue)
		} else {
			e.ackTimer.Reset(ackDelay)
		}
	}
	e.kick()
	e.unlock()
}

func (e *End) deliverPiece(p piece) {
	e.unlock()
	var n int
	err := ErrDenied
	if e.o.Admit == nil || e.o.Admit() {
		n, err = e.o.App.Write(p.c.buf[p.from:p.to])
		if err != nil {
			err = fmt.Errorf("write to the application: %w", err)
		}
		if n > 0 && e.o.Moved != nil {
			e.o.Moved(n, true)
		}
	}
	e.mu.Lock()
	e.accepted += uint64(n)
	e.in.len -= p.to - p.from
	p.c.release(e.o.Budget)
	if e.att != nil {
		signal(e.att.wake)
	}
	if err != nil {
		e.abort(err)
	}
	e.kick()
}

// ackDue is the ack timer's.
func (e *End) ackDue() {
	e.mu.Lock()
	defer e.unlock()
	e.ackArmed = false
	e.ackNow = e.received() > e.told
	e.kick()
}
