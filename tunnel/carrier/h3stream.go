package carrier

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// h3Stream is one CONNECT on an HTTP/3 request stream.
type h3Stream struct {
	s       *http3.RequestStream
	r       Request
	reading sync.Once
	answer  Answer
	err     error
}

func newH3Stream(s *http3.RequestStream, r Request) *h3Stream { return &h3Stream{s: s, r: r} }

func (s *h3Stream) Answer() (Answer, error) {
	s.reading.Do(func() {
		res, err := s.s.ReadResponse()
		if err != nil {
			s.err = streamError(err)
			return
		}
		s.answer, s.err = answerOf(s.r, res)
		if s.err != nil {
			s.Abort()
		}
	})
	return s.answer, s.err
}

func (s *h3Stream) Write(b []byte) (int, error) {
	n, err := s.s.Write(b)
	if stopped(err) {
		// The gateway has answered in full and reads no more.
		if _, refusal := s.Answer(); refusal != nil {
			return n, refusal
		}
	}
	return n, streamError(err)
}

func (s *h3Stream) Read(b []byte) (int, error) {
	if _, err := s.Answer(); err != nil {
		return 0, err
	}
	n, err := s.s.Read(b)
	return n, streamError(err)
}

func (s *h3Stream) CloseWrite() error { return streamError(s.s.Close()) }

func (s *h3Stream) Abort() {
	s.s.CancelRead(quic.StreamErrorCode(http3.ErrCodeConnectError))
	s.s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeConnectError))
}

// stopped says whether a write failed because the gateway wants no more, and is
// not in error (RFC 9114, section 4.1).
func stopped(err error) bool {
	var se *quic.StreamError
	return errors.As(err, &se) && se.Remote && se.ErrorCode == quic.StreamErrorCode(http3.ErrCodeNoError)
}

// streamError tells what ended a stream.
func streamError(err error) error {
	var se *quic.StreamError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &se):
		return fmt.Errorf("%w: %w", ErrReset, err)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
