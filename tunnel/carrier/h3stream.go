package carrier

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// maxEarly is how many bytes one stream writes in 0-RTT, in case it has to do so
// again: more than a first congestion window holds.
const maxEarly = 64 << 10

// h3Stream is one CONNECT on an HTTP/3 request stream; after 0-RTT was refused,
// on a second one.
type h3Stream struct {
	c      *h3Carrier
	r      Request
	ctx    context.Context // until Abort, the end of the carrier, or that of 0-RTT
	cancel context.CancelFunc

	// writing holds one token while somebody writes or opens the stream anew; it
	// guards what was written in 0-RTT.
	writing chan struct{}
	early   bool // it began in 0-RTT, which may still be refused
	sent    []byte

	renewed chan struct{} // closed when the stream has been opened anew, or could not

	mu      sync.Mutex
	s       *http3.RequestStream
	failed  error // why it could not be opened anew
	aborted bool

	answering sync.Once
	answer    Answer
	err       error
}

// open opens the request stream and sends its head.
func (s *h3Stream) open(ctx context.Context, req *http.Request) error {
	for {
		h, anew := s.c.http()
		s.early = s.c.early && !anew && !done(s.c.Secured()) // before: a refusal shows in one or the other
		str, err := h.OpenRequestStream(ctx)
		if err == nil {
			s.set(str)
			// The head fits into what any gateway lets a stream send at once.
			err = str.SendRequestHeader(req)
		}
		switch {
		case err == nil:
			return nil
		case rejected(err) && !anew:
			if err = s.c.enter(ctx); err == nil {
				continue
			}
		}
		if str != nil {
			reset(str)
		}
		return unsent(ctx, err)
	}
}

func done(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *h3Stream) set(str *http3.RequestStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s = str
	if s.aborted {
		reset(str)
	}
}

func (s *h3Stream) stream() *http3.RequestStream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s
}

// again opens the stream anew after 0-RTT was refused, unless that was done
// since it was old; nil says that the operation may be made once more.
func (s *h3Stream) again(old *http3.RequestStream) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
		if s.stream() == old {
			s.renew()
		}
	case <-s.renewed:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// renew opens the stream anew and writes what was written in 0-RTT. The caller
// holds writing.
func (s *h3Stream) renew() {
	if done(s.renewed) {
		return
	}
	defer close(s.renewed)
	defer s.cancel()
	sent := s.sent
	s.sent, s.early = nil, false
	err := s.c.enter(s.ctx)
	if err == nil {
		err = s.open(s.ctx, connectRequest(s.r))
		s.early = false
	}
	if err == nil && len(sent) > 0 {
		_, err = s.stream().Write(sent)
	}
	if err != nil {
		s.mu.Lock()
		s.failed = fmt.Errorf("%w: %w", ErrLost, err)
		s.mu.Unlock()
	}
}

// settle waits until it is known whether 0-RTT was accepted. The caller holds
// writing.
func (s *h3Stream) settle() error {
	select {
	case <-s.c.Secured():
	case <-s.ctx.Done():
		if done(s.c.Done()) {
			return s.c.lost(context.Cause(s.c.conn.Context()))
		}
		return ErrReset
	}
	if s.c.accepted() {
		s.sent, s.early = nil, false
		s.cancel()
		return nil
	}
	s.renew()
	return s.failure()
}

func (s *h3Stream) Write(b []byte) (int, error) {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	n := 0
	for s.early && n < len(b) {
		part := b[n:min(len(b), n+maxEarly-len(s.sent))]
		if done(s.c.Secured()) || len(part) == 0 {
			if err := s.settle(); err != nil {
				return n, err
			}
			continue
		}
		s.sent = append(s.sent, part...)
		_, err := s.stream().Write(part)
		if rejected(err) {
			if s.renew(); s.failure() != nil {
				return n, s.failure()
			}
		} else if err != nil {
			return n, s.writeError(err)
		}
		n += len(part)
	}
	if n == len(b) {
		return n, nil
	}
	m, err := s.stream().Write(b[n:])
	return n + m, s.writeError(err)
}

func (s *h3Stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// writeError prefers to tell the refusal that the gateway has answered in full,
// after which it reads no more (RFC 9114, section 4.1), or has rejected all.
func (s *h3Stream) writeError(err error) error {
	if gatewayReset(err, http3.ErrCodeNoError) || gatewayReset(err, http3.ErrCodeRequestRejected) {
		if _, refusal := s.Answer(); refusal != nil {
			return refusal
		}
	}
	return streamError(err)
}

// CloseWrite waits for the handshake.
func (s *h3Stream) CloseWrite() error {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	if s.early {
		// See exchange: no end is sent while 0-RTT may be refused.
		if err := s.settle(); err != nil {
			return err
		}
	}
	return streamError(s.stream().Close())
}

func (s *h3Stream) Answer() (Answer, error) {
	s.answering.Do(func() {
		s.answer, s.err = s.readAnswer()
		if s.err != nil {
			s.Abort()
		}
	})
	return s.answer, s.err
}

func (s *h3Stream) readAnswer() (Answer, error) {
	for {
		str := s.stream()
		res, err := str.ReadResponse()
		switch {
		case err == nil && res.StatusCode/100 == 1:
			return Answer{}, fmt.Errorf("%w: an interim answer to a CONNECT", ErrReset)
		case err == nil:
			return answerOf(s.r, res)
		case rejected(err):
			if err = s.again(str); err == nil {
				continue
			}
			return Answer{}, err
		case gatewayReset(err, http3.ErrCodeRequestRejected): // unseen (RFC 9114, section 4.1.1)
			return Answer{}, fmt.Errorf("%w: %w: %w", ErrLost, ErrUnsent, err)
		}
		return Answer{}, streamError(err)
	}
}

func gatewayReset(err error, code http3.ErrCode) bool {
	var se *quic.StreamError
	return errors.As(err, &se) && se.Remote && se.ErrorCode == quic.StreamErrorCode(code)
}

func (s *h3Stream) Read(b []byte) (int, error) {
	if _, err := s.Answer(); err != nil {
		return 0, err
	}
	n, err := s.stream().Read(b)
	return n, streamError(err)
}

// Abort may find the stream being opened anew; the new one is reset then.
func (s *h3Stream) Abort() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	if s.s != nil {
		reset(s.s)
	}
}

func reset(s *http3.RequestStream) {
	s.CancelRead(quic.StreamErrorCode(http3.ErrCodeConnectError))
	s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeConnectError))
}
