package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// plan is what the two ends of a connection do.
type plan struct {
	kind string
	size [2]int64 // bytes up and down; of a quiet one those of a word
	// resets is whose end resets it at once that many bytes have been sent: 0 the
	// program's, 1 the application's, -1 nobody's.
	resets int
	after  int64
	// waits is whose end says its last only when the other has: -1 nobody's.
	waits int
	pause time.Duration // between two words of a quiet one, at the mean; 0: it is not quiet
	talks [2]bool       // which ends of a quiet one say something
	// talkative says whether it is the time to talk, for that chance.
	talkative func(side int, chance float64) bool
}

// trial is one connection of a program to the application, of which this process
// is both ends.
type trial struct {
	plan
	id      uint64
	seed    uint64
	via     *patient
	began   time.Time
	ended   time.Time // readable after start
	streams [2]*stream
	quit    <-chan struct{} // closed when quiet ones are to end
	met     bool            // the application has accepted it; trials'
	far     chan struct{}   // closed when the application's end is over
}

// meetWithin is how long after a program's connection has ended the application
// may still come to know of it.
const meetWithin = 10 * time.Second

// start is the program's end, and returns when the application's is over too.
func (t *trial) start(c *net.TCPConn, known *trials) {
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], t.id)
	if _, err := c.Write(id[:]); err != nil {
		c.Close()
		t.streams[1].closed = err
	} else {
		t.play(c, 0)
	}
	select {
	case <-t.far:
	case <-time.After(meetWithin):
		if !known.forget(t) {
			<-t.far
		}
	}
	t.ended = time.Now()
}

// play writes one stream and reads the other, side by side.
func (t *trial) play(c *net.TCPConn, side int) {
	defer c.Close()
	out, in := t.streams[side], t.streams[1-side]
	read := make(chan struct{})
	go func() {
		defer close(read)
		in.read(c, out, make([]byte, t.chunk()))
		if in.closed != io.EOF { // nobody is there to write to
			c.SetWriteDeadline(time.Unix(1, 0))
		}
	}()
	err := t.say(c, side, out, read)
	switch {
	case errors.Is(err, errReset):
		c.SetLinger(0)
		c.Close()
	case err == nil:
		out.end(c)
	default:
		c.SetReadDeadline(time.Now().Add(lastRead))
	}
	<-read
}

// lastRead is how long what has come is read of a connection that takes no more.
const lastRead = 10 * time.Second

var errReset = errors.New("reset as planned")

// chunk is how much is written or read at once.
func (t *trial) chunk() int {
	if t.pause > 0 {
		return 4 << 10
	}
	return int(min(max(t.size[0], t.size[1], 512), 32<<10))
}

// say writes what is planned.
func (t *trial) say(c net.Conn, side int, out *stream, read <-chan struct{}) error {
	buf := make([]byte, t.chunk())
	if t.pause > 0 {
		return t.talk(c, side, out, buf, read)
	}
	n := t.size[side]
	if t.resets == side {
		n = min(n, t.after)
	}
	if err := out.write(c, n, buf); err != nil {
		return err
	}
	if t.resets == side {
		return errReset
	}
	if t.waits == side {
		<-read
	}
	return nil
}

// talk says a word now and then, until it is time to end.
func (t *trial) talk(c net.Conn, side int, out *stream, buf []byte, read <-chan struct{}) error {
	for i := uint64(0); ; i++ {
		d := time.Duration(float64(t.pause) * (0.2 + 1.6*share(t.seed+uint64(side), i)))
		wait := time.NewTimer(d)
		select {
		case <-wait.C:
		case <-t.quit:
			wait.Stop()
			return nil
		case <-read:
			wait.Stop()
			return nil
		}
		if t.talks[side] && t.talkative(side, share(t.seed+2, i)) {
			if err := out.write(c, 1+int64(share(t.seed, i)*float64(t.size[side])), buf); err != nil {
				return err
			}
		}
	}
}

// share is a number from 0 to 1 that two numbers stand for.
func share(seed, i uint64) float64 {
	var b [8]byte
	fill(b[:], seed^0x9e3779b97f4a7c15, int64(i)*8)
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}

// verdict says what is wrong with a trial that is over, and whether only that it
// was cut, which disturbances may excuse.
func (t *trial) verdict() (err error, excusable bool) {
	for i, s := range t.streams {
		if err := s.verdict(); err != nil {
			// Who is killed ends connections in order: his system does.
			return fmt.Errorf("%s: %w", direction(i), err), errors.Is(err, errShort)
		}
	}
	if t.resets >= 0 {
		return nil, false
	}
	for i, s := range t.streams {
		if s.closed != io.EOF {
			return fmt.Errorf("%s: after %d of %d bytes: %w", direction(i), s.got.Load(), s.sent.Load(), orNothing(s.closed)), true
		}
	}
	return nil, false
}

func orNothing(err error) error {
	if err == nil {
		return errors.New("never begun")
	}
	return err
}

func direction(i int) string { return []string{"up", "down"}[i] }

// String says what it is.
func (t *trial) String() string {
	return fmt.Sprintf("%s flow %d over %s, begun %s", t.kind, t.id, t.via.name, t.began.Format("15:04:05.0"))
}

// trials are those that are under way, by id.
type trials struct {
	mu sync.Mutex
	of map[uint64]*trial
}

func (k *trials) add(t *trial) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of[t.id] = t
}

// forget lets one go that the application has not accepted, and says whether it has not.
func (k *trials) forget(t *trial) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !t.met {
		delete(k.of, t.id)
	}
	return !t.met
}

// done lets one go that is over.
func (k *trials) done(t *trial) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, t.id)
}

// meet is the one that the application has accepted, once; nil: there is none.
func (k *trials) meet(id uint64) *trial {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.of[id]
	if t == nil || t.met {
		return nil
	}
	t.met = true
	return t
}

func (k *trials) all() []*trial {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]*trial, 0, len(k.of))
	for _, t := range k.of {
		out = append(out, t)
	}
	return out
}
