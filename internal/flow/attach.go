package flow

import "errors"

// ErrEnded: Run has nothing left to do, and no attachment is needed.
var ErrEnded = errors.New("the flow has ended")

// attachment is a stream that carries the flow.
type attachment struct {
	s     Stream
	epoch uint64
	wake  chan struct{} // wakes its reader
	held  int           // memory of its reader's, of the budget

	base    uint64 // offset that was acknowledged when it began
	next    uint64 // offset of what is to be sent next
	head    [room]byte
	reading bool
	finSeen bool // the far end's FIN came on it
	eof     bool // the far end has ended the stream in order

	resetTold bool
	closing   bool // CloseWrite was called
	closed    bool // and has returned
}

// Prepare makes ready for an attachment: whatever an older one still delivers
// is discarded from here on. It returns what has been received, for the header.
// Errors are ErrEpoch and ErrEnded.
func (e *End) Prepare(epoch uint64) (received uint64, err error) {
	e.mu.Lock()
	defer e.unlock()
	if !e.ended && epoch > e.epoch {
		e.epoch, e.prepared = epoch, true
		e.leave()
		e.kick()
	} else if !e.ended {
		return 0, ErrEpoch
	}
	if e.ended {
		return 0, ErrEnded
	}
	// Bytes taken are told as received although App has yet to accept them: they
	// are in our hands and go to App before all that comes later. The end of the
	// direction is not, so that a far end that has finished knows App to have all.
	received = e.taken
	if e.finDone {
		received++
	}
	e.told = max(e.told, received)
	return received, nil
}

// Check says, after Prepare, whether what the far end says it has received can
// be true: Attach would return the same error. A gateway calls it before its
// answer. What is said in an epoch that has been overtaken is no lie: the newer
// one may have acknowledged more.
func (e *End) Check(epoch, peer uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.check(epoch, peer)
}

func (e *End) check(epoch, peer uint64) error {
	switch {
	case e.ended:
		return ErrEnded
	case epoch != e.epoch || !e.prepared:
		return ErrEpoch
	case peer < e.acked || peer > e.sent:
		return ErrOffset
	}
	return nil
}

// Attach carries the flow on s, after Prepare of the same epoch. peer is what
// the far end says it has received; in the first attachment it is 0, and may be
// assumed before the far end has answered. The End owns s from here on: it
// aborts s unless both directions end in order, and at once where it returns an
// error: ErrEpoch, ErrOffset or ErrEnded.
func (e *End) Attach(s Stream, epoch, peer uint64) error {
	e.mu.Lock()
	if err := e.check(epoch, peer); err != nil {
		e.mu.Unlock()
		s.Abort()
		return err
	}
	e.prepared, e.pended, e.last = false, false, epoch
	e.att = &attachment{s: s, epoch: epoch, wake: make(chan struct{}, 1), next: peer}
	e.acknowledge(peer)
	e.att.base = e.acked
	if e.over {
		e.tarry()
	}
	e.kick()
	e.unlock()
	return nil
}

// Detach takes the stream away, for a carrier that is about to be closed: the
// flow is parked, and Detached is not called. After a Prepare that no Attach
// followed it says that none will: Pending is called anew.
func (e *End) Detach(epoch uint64) {
	e.mu.Lock()
	defer e.unlock()
	if epoch != e.epoch {
		return
	}
	if e.prepared {
		e.prepared, e.pended = false, false
	}
	e.leave()
	e.kick()
}

// leave takes the attachment away.
func (e *End) leave() {
	a := e.att
	if a == nil {
		return
	}
	e.att = nil
	e.act(a.s.Abort)
	signal(a.wake)
	if e.settled {
		e.end()
	}
}

// fail takes away an attachment that ended by itself.
func (e *End) fail(a *attachment, err error) {
	if e.att != a {
		return
	}
	e.leave()
	if f := e.o.Detached; f != nil && !e.ended {
		e.tasks++
		go func() {
			defer e.task()
			f(a.epoch, err)
		}()
	}
	e.kick()
}
