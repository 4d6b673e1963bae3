package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"golang.org/x/net/http2"

	"github.com/tidegate/tidegate/internal/wire"
)

// h2Stream is one CONNECT on an HTTP/2 stream.
type h2Stream struct {
	c      *h2Carrier
	r      Request
	w      *io.PipeWriter
	cancel context.CancelFunc // resets the stream

	answered chan struct{} // closed when res or err is there
	res      *http.Response
	err      error

	reading sync.Once
	answer  Answer
	refusal error

	mu      sync.Mutex
	aborted bool
}

// run makes the request, and returns when it is answered.
func (s *h2Stream) run(req *http.Request) {
	res, err := s.c.h.RoundTrip(req)
	s.res, s.err = res, err
	s.mu.Lock()
	close(s.answered)
	aborted := s.aborted
	s.mu.Unlock()
	switch {
	case err != nil:
		s.w.CloseWithError(err)
		s.cancel()
	case aborted:
		s.drop()
	}
}

func (s *h2Stream) Answer() (Answer, error) {
	<-s.answered
	s.reading.Do(func() {
		var se http2.StreamError
		switch {
		case errors.As(s.err, &se) && se.Code == http2.ErrCodeRefusedStream: // unseen (RFC 9113, section 8.7)
			s.refusal = fmt.Errorf("%w: %w: %w", ErrLost, ErrUnsent, s.err)
			return
		case s.err != nil:
			s.refusal = s.c.streamError(s.err)
			return
		}
		if s.answer, s.refusal = answerOf(s.r, s.res); s.refusal != nil {
			s.Abort()
		}
	})
	return s.answer, s.refusal
}

// Write hands b to the connection; what is written before the answer goes with
// the request.
func (s *h2Stream) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	if err == nil {
		return n, nil
	}
	// The request is over, so the answer is there, or will not come.
	if _, refusal := s.Answer(); refusal != nil {
		return n, refusal
	}
	if done(s.c.Done()) {
		return n, s.c.lost()
	}
	return n, fmt.Errorf("%w: it reads no more", ErrReset)
}

func (s *h2Stream) Read(b []byte) (int, error) {
	if _, err := s.Answer(); err != nil {
		return 0, err
	}
	n, err := s.res.Body.Read(b)
	if err != nil && err != io.EOF && s.ended() && !done(s.c.Done()) {
		return n, fmt.Errorf("%w: aborted here", ErrReset)
	}
	return n, s.c.streamError(err)
}

// ended says whether the stream was aborted here.
func (s *h2Stream) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aborted
}

func (s *h2Stream) CloseWrite() error { return s.w.Close() }

// Abort does not wait, for a connection that takes no more either.
func (s *h2Stream) Abort() {
	s.cancel()
	s.w.CloseWithError(context.Canceled)
	s.mu.Lock()
	first := !s.aborted
	s.aborted = true
	s.mu.Unlock()
	if first && done(s.answered) && s.res != nil {
		s.c.run(s.drop)
	}
}

// drop ends a request that was answered: its context alone does not reach one
// that waits for room in the window.
func (s *h2Stream) drop() { s.res.Body.Close() }

// h2Packets is a CONNECT-UDP on HTTP/2 (RFC 8441): a capsule each.
type h2Packets struct {
	*inbox
	s    *h2Stream
	send chan []byte
}

func (c *h2Carrier) ConnectUDP(ctx context.Context, authority string) (Packets, error) {
	req, err := udpRequest(c.authority, authority)
	if err != nil {
		return nil, err
	}
	req.Header[":protocol"] = []string{"connect-udp"}
	s, err := c.open(req)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.answered:
	case <-ctx.Done():
		s.Abort()
		return nil, context.Cause(ctx)
	}
	switch {
	case s.err != nil && s.err.Error() == notExtended:
		return nil, fmt.Errorf("connect-udp: %w", errors.ErrUnsupported)
	case s.err != nil:
		return nil, c.streamError(s.err)
	case s.res.StatusCode/100 != 2:
		defer s.Abort()
		stop := context.AfterFunc(ctx, s.Abort)
		defer stop()
		return nil, wire.ReadProblem(s.res.StatusCode, s.res.Body)
	}
	p := &h2Packets{inbox: newInbox(), s: s, send: make(chan []byte, unread)}
	if !c.run(func() {
		p.end(c.streamError(p.capsules(s.res.Body)))
		s.Abort()
	}) || !c.run(p.write) {
		p.Close()
		return nil, fmt.Errorf("%w: it is closed", ErrUnsent)
	}
	return p, nil
}

// notExtended is what x/net/http2 says, which has no name for it, of a gateway
// that takes no extended CONNECT.
const notExtended = "net/http: extended connect not supported by peer"

// write sends what waits, so that Send does not.
func (p *h2Packets) write() {
	for {
		select {
		case b := <-p.send:
			if _, err := p.s.w.Write(b); err != nil {
				return
			}
		case <-p.over:
			return
		}
	}
}

func (p *h2Packets) Send(b []byte) error {
	if len(b) > maxDatagram {
		return errDatagram
	}
	select {
	case <-p.over:
		return p.err
	default:
	}
	select {
	case p.send <- appendCapsule(nil, b):
	default: // lost, as UDP does
	}
	return nil
}

// Close may come from anyone, more than once.
func (p *h2Packets) Close() {
	p.end(fmt.Errorf("%w: closed here", ErrReset))
	p.s.Abort()
}
