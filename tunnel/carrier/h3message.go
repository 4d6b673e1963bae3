package carrier

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// maxHead bounds the head of an answer, in bytes.
const maxHead = 64 << 10

// maxInterim bounds the interim answers (1xx) before one.
const maxInterim = 5

// Frames of HTTP/3 (RFC 9114, section 7.2).
const (
	frameData    = 0
	frameHeaders = 1
)

// send writes a request on a stream of its own, by hand: http3 sends requests
// that have a body only when the handshake is complete.
func (c *h3Carrier) send(ctx context.Context, early bool, method, path string, body []byte) (*http.Response, error) {
	if !early {
		if err := c.secured(ctx); err != nil {
			return nil, err
		}
	}
	for {
		_, anew := c.http()
		res, err := c.exchange(ctx, method, path, body)
		if err != nil && rejected(err) && !anew {
			if err = c.enter(ctx); err == nil {
				continue
			}
		}
		return res, err
	}
}

func (c *h3Carrier) exchange(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	s, err := c.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, unsent(ctx, err)
	}
	// A stream of which the end was sent is not to be reset when 0-RTT was refused:
	// quic-go would reset the one that has its number by then.
	stop := context.AfterFunc(ctx, func() {
		s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		s.SetWriteDeadline(time.Unix(1, 0))
	})
	// A gateway that refuses before it has read all says so, and stops reading:
	// the answer tells.
	if _, err = s.Write(appendRequest(nil, method, c.authority, path, body)); err == nil {
		err = s.Close()
	} else if !rejected(err) {
		s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	}
	var res *http.Response
	if !rejected(err) {
		res, err = readResponse(s)
	}
	if err != nil {
		stop()
		if rejected(err) {
			return nil, err
		}
		s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		return nil, streamError(err)
	}
	res.Body = &h3Body{Reader: res.Body, close: func() {
		stop()
		s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	}}
	return res, nil
}

// appendRequest appends a request's frames.
func appendRequest(b []byte, method, authority, path string, body []byte) []byte {
	var head bytes.Buffer
	e := qpack.NewEncoder(&head)
	for _, f := range []qpack.HeaderField{
		{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: authority}, {Name: ":path", Value: path},
		{Name: "content-type", Value: "application/json"}, {Name: "content-length", Value: strconv.Itoa(len(body))},
	} {
		e.WriteField(f) // into memory
	}
	b = quicvarint.Append(b, frameHeaders)
	b = quicvarint.Append(b, uint64(head.Len()))
	b = append(b, head.Bytes()...)
	b = quicvarint.Append(b, frameData)
	b = quicvarint.Append(b, uint64(len(body)))
	return append(b, body...)
}

// errAnswer: what came is no answer.
var errAnswer = errors.New("the answer cannot be read")

// readResponse reads the head of an answer; its body is read as it comes.
func readResponse(r io.Reader) (*http.Response, error) {
	body := &frames{r: bufio.NewReader(r)}
	for range maxInterim + 1 {
		kind, size, err := body.next()
		if err != nil {
			return nil, whole(err)
		}
		if kind != frameHeaders || size > maxHead {
			return nil, errAnswer
		}
		block := make([]byte, size)
		if _, err := io.ReadFull(body.r, block); err != nil {
			return nil, whole(err)
		}
		res, err := decodeHead(block)
		if err != nil {
			return nil, err
		}
		if res.StatusCode/100 != 1 {
			res.Body = io.NopCloser(body)
			return res, nil
		}
	}
	return nil, errAnswer
}

// whole says that an end is too early.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// decodeHead reads an answer's fields.
func decodeHead(block []byte) (*http.Response, error) {
	res := &http.Response{Header: http.Header{}, ContentLength: -1, ProtoMajor: 3}
	next := qpack.NewDecoder().Decode(block)
	for {
		f, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errAnswer, err)
		}
		switch {
		case f.Name == ":status" && res.StatusCode == 0 && len(f.Value) == 3:
			n, err := strconv.ParseUint(f.Value, 10, 16)
			if err != nil || n < 100 {
				return nil, errAnswer
			}
			res.StatusCode = int(n)
		case f.IsPseudo():
			return nil, errAnswer
		default:
			res.Header.Add(f.Name, f.Value)
		}
	}
	if res.StatusCode == 0 {
		return nil, errAnswer
	}
	return res, nil
}

// frames reads the payload of DATA frames, and skips frames of kinds that it
// does not know (RFC 9114, section 9).
type frames struct {
	r    *bufio.Reader
	left uint64 // of a DATA frame
	end  bool   // trailers have come
}

// next is the next frame's head, of one that is known.
func (f *frames) next() (kind, size uint64, err error) {
	for {
		if kind, err = quicvarint.Read(f.r); err != nil {
			return 0, 0, err
		}
		if size, err = quicvarint.Read(f.r); err != nil {
			return 0, 0, whole(err)
		}
		if kind == frameData || kind == frameHeaders {
			return kind, size, nil
		}
		if _, err = io.CopyN(io.Discard, f.r, int64(size)); err != nil {
			return 0, 0, whole(err)
		}
	}
}

func (f *frames) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for f.left == 0 {
		if f.end {
			return 0, io.EOF
		}
		kind, size, err := f.next()
		if err != nil {
			return 0, err
		}
		if f.left = size; kind == frameHeaders {
			f.left, f.end = 0, true
		}
	}
	n, err := f.r.Read(b[:min(uint64(len(b)), f.left)])
	f.left -= uint64(n)
	if err != nil {
		err = whole(err)
	}
	return n, err
}

// h3Body is an answer's body, until Close, the end of the request's context or
// the carrier's.
type h3Body struct {
	io.Reader
	close func()
}

func (b *h3Body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	return n, streamError(err)
}

func (b *h3Body) Close() error {
	b.close()
	return nil
}
