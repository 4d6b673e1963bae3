package channel

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/flow"
)

// stream is one direction of a trial: its bytes are drawn from a seed, so that
// the reader knows what has to come.
type stream struct {
	seed      uint64
	sent, got atomic.Int64
	moved     atomic.Int64 // when a byte was sent while none was under way, or came; Unix nanoseconds
	// whole: all was written, and its end. The writer's, until it has returned.
	whole  bool
	ending atomic.Bool // its end is being said, or was
	out    hash.Hash
	in     hash.Hash // of what came; the reader's, until it has returned
	closed error     // how it ended for the reader; io.EOF: in order
	wrong  error     // what came is not what was sent
}

func newStream(seed uint64) *stream {
	return &stream{seed: seed, out: sha256.New(), in: sha256.New()}
}

// write sends n bytes more.
func (s *stream) write(c net.Conn, n int64, buf []byte) error {
	for n > 0 {
		b := buf[:min(n, int64(len(buf)))]
		fill(b, s.seed, s.sent.Load())
		if s.sent.Load() == s.got.Load() {
			s.moved.Store(time.Now().UnixNano())
		}
		s.out.Write(b)
		s.sent.Add(int64(len(b)))
		if _, err := c.Write(b); err != nil {
			return err
		}
		n -= int64(len(b))
	}
	return nil
}

// end says that no more is to come.
func (s *stream) end(c *net.TCPConn) error {
	s.ending.Store(true)
	err := c.CloseWrite()
	s.whole = err == nil
	return err
}

// read takes what comes, to its end; back is the other direction. The kernel tells
// a reset once: where a write has met it, a read sees an end in order.
func (s *stream) read(c net.Conn, back *stream, buf []byte) {
	want := make([]byte, len(buf))
	for s.closed == nil && s.wrong == nil {
		n, err := c.Read(buf)
		if err == io.EOF {
			if broken := flow.Broken(c); broken != nil && !back.ending.Load() {
				err = broken
			}
		}
		if fill(want[:n], s.seed, s.got.Load()); !bytes.Equal(buf[:n], want[:n]) {
			s.wrong = fmt.Errorf("bytes from %d on are others than were sent", s.got.Load())
		}
		s.in.Write(buf[:n])
		s.got.Add(int64(n))
		s.moved.Store(time.Now().UnixNano())
		s.closed = err
	}
}

// verdict says what is wrong with a stream that is over: more came than was sent,
// or others, or its end came in order and not all did.
func (s *stream) verdict() error {
	switch {
	case s.wrong != nil:
		return s.wrong
	case s.got.Load() > s.sent.Load():
		return fmt.Errorf("%d bytes came of %d", s.got.Load(), s.sent.Load())
	case s.closed == io.EOF && (!s.whole || s.got.Load() != s.sent.Load()):
		return fmt.Errorf("%w: %d bytes of %d", errShort, s.got.Load(), s.sent.Load())
	case s.closed == io.EOF && !bytes.Equal(s.in.Sum(nil), s.out.Sum(nil)):
		return fmt.Errorf("the SHA-256 of %d bytes is not that of what was sent", s.got.Load())
	}
	return nil
}

// errShort: the end came in order, and it was none.
var errShort = errors.New("it ended in order too early")

// waits is since when bytes have been under way and none has come; zero: none are.
func (s *stream) waits() time.Time {
	if s.sent.Load() <= s.got.Load() {
		return time.Time{}
	}
	return time.Unix(0, s.moved.Load())
}

// fill writes what a stream of that seed has from a place on.
func fill(b []byte, seed uint64, at int64) {
	var w [8]byte
	for len(b) > 0 {
		x := seed + uint64(at)/8
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(w[:], x^x>>31)
		n := copy(b, w[at%8:])
		b, at = b[n:], at+int64(n)
	}
}
