package flow

// job is what transmit does next.
type job int

const (
	jobNone job = iota
	jobReset
	jobData
	jobAck
	jobFin
	jobClose
)

// ackEvery is how many bytes App accepts until the far end is told at once.
const ackEvery = 128 << 10

func (e *End) job(a *attachment) job {
	switch {
	case e.ended:
	case e.reset && !a.resetTold:
		return jobReset
	case e.reset:
		if (e.farReset || a.eof) && !a.closing {
			return jobClose
		}
	case !e.over && a.next < e.out.end:
		return jobData
	case e.owesAck():
		return jobAck
	case !e.over && e.eof && a.next == e.out.end:
		return jobFin
	case e.over && !a.closing:
		return jobClose
	}
	return jobNone
}

// received is what may be acknowledged.
func (e *End) received() uint64 {
	if e.finDone {
		return e.accepted + 1
	}
	return e.accepted
}

func (e *End) owesAck() bool {
	r := e.received()
	return r > e.told && (e.ackNow || e.finDone || r-e.told >= ackEvery)
}

// transmit sends what there is to send. One at a time is in it, who has set
// sending.
func (e *End) transmit() {
	e.mu.Lock()
	for e.att != nil {
		a := e.att
		b := a.head[:0]
		j := e.job(a)
		if j == jobNone {
			break
		}
		var c *chunk
		var payload, from int
		switch j {
		case jobReset:
			a.resetTold = true
			b = appendReset(b)
		case jobFin:
			b = appendFin(b, a.next)
			a.next++
		case jobData:
			c, from = e.out.at(a.next)
			payload = min(c.to-from, maxPayload)
			c.users++
		case jobClose:
			a.closing = true
		}
		if r := e.received(); r > e.told && (j == jobAck || j == jobData) {
			b = appendAck(b, r)
			e.told, e.ackNow = r, false
		}
		if j == jobData {
			b = appendData(b, a.next, payload)
			a.next += uint64(payload)
		}
		e.sent = max(e.sent, a.next)
		e.unlock()

		var err error
		switch j {
		case jobClose:
			err = a.s.CloseWrite()
		case jobData:
			err = writeChunk(a.s, b, c.buf[from-len(b):from+payload])
		default:
			_, err = a.s.Write(b)
		}

		e.mu.Lock()
		if c != nil {
			c.release(e.o.Budget)
		}
		if j == jobClose && err == nil {
			a.closed = true
			e.kick()
		}
		if err != nil {
			e.fail(a, err)
		}
	}
	e.sending = false
	e.kick()
	e.unlock()
}

// writeChunk writes the head and the payload at once: the head goes where the
// bytes before the payload are, which are put back. Those may be unacknowledged,
// but nobody else reads them: one at a time transmits.
func writeChunk(s Stream, head, b []byte) error {
	var kept [room]byte
	n := copy(kept[:], b[:len(head)])
	copy(b, head)
	_, err := s.Write(b)
	copy(b, kept[:n])
	return err
}

// acknowledge notes what the far end has received.
func (e *End) acknowledge(offset uint64) {
	if e.over || offset <= e.acked {
		return
	}
	e.acked = offset
	e.out.drop(e.o.Budget, offset)
	signal(e.wake)
}
