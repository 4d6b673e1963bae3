package tunnel

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// body is the stream of a CONNECT, of either lane.
type body struct {
	w    http.ResponseWriter
	r    *http.Request
	rc   *http.ResponseController
	h3   *http3.Stream
	over chan struct{}

	mu    sync.Mutex
	done  bool
	lost  bool
	eof   bool
	ended bool
	using sync.WaitGroup
}

// use counts who is in one of the stream's methods, which the handler has to wait for.
func (b *body) use() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return false
	}
	b.using.Add(1)
	return true
}

func (b *body) settle(fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fn()
	if !b.done && (b.lost || b.ended && (b.eof || b.h3 == nil)) {
		b.done = true
		close(b.over)
	}
}

func (b *body) Read(p []byte) (n int, err error) {
	if !b.use() {
		return 0, io.EOF
	}
	defer b.using.Done()
	if b.h3 != nil {
		n, err = b.h3.Read(p)
	} else {
		n, err = b.r.Body.Read(p)
	}
	if err == io.EOF {
		b.settle(func() { b.eof = true })
	} else if err != nil {
		b.mu.Lock()
		ended := b.ended
		b.mu.Unlock()
		if ended && b.h3 == nil {
			return n, io.EOF
		}
	}
	return n, err
}

func (b *body) Write(p []byte) (n int, err error) {
	if !b.use() {
		return 0, io.ErrClosedPipe
	}
	defer b.using.Done()
	if b.h3 != nil {
		return b.h3.Write(p)
	}
	if n, err = b.w.Write(p); err == nil {
		err = b.rc.Flush()
	}
	return n, err
}

func (b *body) CloseWrite() error {
	if !b.use() {
		return nil
	}
	defer b.using.Done()
	b.settle(func() { b.ended = true })
	if b.h3 != nil {
		return b.h3.Close()
	}
	return b.rc.SetReadDeadline(time.Unix(1, 0))
}

func (b *body) Abort() {
	if !b.use() {
		return
	}
	defer b.using.Done()
	if b.h3 != nil {
		b.h3.CancelRead(quic.StreamErrorCode(http3.ErrCodeConnectError))
		b.h3.CancelWrite(quic.StreamErrorCode(http3.ErrCodeConnectError))
	} else {
		b.rc.SetReadDeadline(time.Unix(1, 0))
		b.rc.SetWriteDeadline(time.Unix(1, 0))
	}
	b.settle(func() { b.lost = b.lost || !b.done })
}
