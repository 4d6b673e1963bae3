package carrier

//lint:file-ignore SA1019 net/http keeps the window of an HTTP/2 connection under 4 MiB, and sends no extended CONNECT; x/net does

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/tidegate/tidegate/internal/records"
)

// maxFrame is the largest frame that a gateway may send, in bytes.
const maxFrame = 1 << 20

var alreadySecured = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (d *Dialer) dialH2(ctx context.Context, addr netip.AddrPort, to target) (Carrier, error) {
	raw, err := d.stream(ctx, network("tcp", addr), addr.String())
	if err != nil {
		return nil, err
	}
	n := newMeter(raw)
	below := &records.Conn{Conn: n}
	conn := tls.Client(below, to.tls(http2.NextProtoTLS))
	if err := conn.HandshakeContext(ctx); err != nil {
		n.Close()
		return nil, err
	}
	if p := conn.ConnectionState().NegotiatedProtocol; p != http2.NextProtoTLS {
		conn.Close()
		return nil, fmt.Errorf("the gateway speaks %q, not HTTP/2", p)
	}
	t := &http2.Transport{DisableCompression: true, MaxReadFrameSize: maxFrame, MaxHeaderListSize: maxHead, StrictMaxConcurrentStreams: true}
	h, err := t.NewClientConn(secure{conn, below, n})
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &h2Carrier{authority: to.authority(), conn: n, h: h}
	c.messages = messages{c.send}
	return c, nil
}

// secure has the meter note what TLS says of the end: an alert, which tells more
// than that the connection was closed.
type secure struct {
	*tls.Conn
	below *records.Conn
	n     *meter
}

func (s secure) Write(b []byte) (int, error) { return s.below.Together(s.Conn, b) }

func (s secure) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err != nil {
		s.n.end(err)
	}
	return n, err
}

// lastWords is how long a connection that is closed may take to say so.
const lastWords = 250 * time.Millisecond

func (s secure) Close() error {
	t := time.AfterFunc(lastWords, func() { s.n.Close() })
	defer t.Stop()
	return s.Conn.Close()
}

// h2Carrier is one HTTP/2 connection on TLS over TCP. It sends nothing of its
// own accord, so that whether the gateway is still there shows in Stats alone:
// something was sent and nothing came.
type h2Carrier struct {
	messages
	authority string
	conn      *meter
	h         *http2.ClientConn

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // requests whose answers are awaited
}

func (c *h2Carrier) Lane() Lane { return H2 }

func (c *h2Carrier) Secured() <-chan struct{} { return alreadySecured }

func (c *h2Carrier) Done() <-chan struct{} { return c.conn.done }

func (c *h2Carrier) Stats() Stats { return c.conn.stats() }

// Roam is not for TCP: its addresses are what it is known by.
func (c *h2Carrier) Roam(context.Context) error { return errors.ErrUnsupported }

func (c *h2Carrier) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.h.Close() // and with it, all requests
	c.conn.Close()
	c.running.Wait()
}

// run runs f, which ends soon after Close; not after it.
func (c *h2Carrier) run(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Go(f)
	return true
}

// send sends a message. The handshake is over, whatever early says.
func (c *h2Carrier) send(ctx context.Context, _ bool, method, path string, body []byte) (*http.Response, error) {
	u := url.URL{Scheme: "https", Host: c.authority, Path: path}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": nil}
	res, err := c.h.RoundTrip(req)
	if err != nil {
		return nil, c.streamError(err)
	}
	res.Body = &h2Body{res.Body, c}
	return res, nil
}

// h2Body tells what ended an answer's body.
type h2Body struct {
	io.ReadCloser
	c *h2Carrier
}

func (b *h2Body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	return n, b.c.streamError(err)
}

func (c *h2Carrier) Connect(ctx context.Context, r Request) (Stream, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s, err := c.open(connectRequest(r))
	if err != nil {
		return nil, err
	}
	s.r = r
	return s, nil
}

// open sends a request with a body that is written as it comes.
func (c *h2Carrier) open(req *http.Request) (*h2Stream, error) {
	if !c.h.CanTakeNewRequest() {
		return nil, fmt.Errorf("%w: it is closed, or closing", ErrUnsent)
	}
	s := &h2Stream{c: c, answered: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background()) // Close ends it in another way
	s.cancel = cancel
	var body *io.PipeReader
	body, s.w = io.Pipe()
	req.Body, req.ContentLength = body, -1
	req = req.WithContext(ctx)
	if !c.run(func() { s.run(req) }) {
		cancel()
		return nil, fmt.Errorf("%w: it is closed", ErrUnsent)
	}
	return s, nil
}

// streamError tells what ended a stream, or a request; io.EOF it leaves.
func (c *h2Carrier) streamError(err error) error {
	var se http2.StreamError
	switch {
	case err == nil, err == io.EOF:
		return err
	case errors.As(err, &se), errors.Is(err, context.Canceled) && !done(c.Done()):
		return fmt.Errorf("%w: %w", ErrReset, err)
	case slices.Contains(unprocessed, err.Error()):
		return fmt.Errorf("%w: %w: %w", ErrLost, ErrUnsent, err)
	case done(c.Done()):
		return c.lost()
	}
	return fmt.Errorf("%w: %w", ErrLost, refusal(err))
}

// lost is why a carrier that is done has ended.
func (c *h2Carrier) lost() error {
	return fmt.Errorf("%w: %w", ErrLost, refusal(whole(c.conn.cause())))
}

// unprocessed are what x/net/http2 says, which has no names for them, of requests
// that the gateway has not looked at.
var unprocessed = []string{
	"http2: client conn not usable",
	"http2: Transport received Server's graceful shutdown GOAWAY",
}
