package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// maxDatagram is the largest payload of UDP.
	maxDatagram = 65527
	// unread is how many datagrams wait for Receive, and unreadBytes how many bytes
	// of them; more are lost.
	unread      = 128
	unreadBytes = 512 << 10
	// capsuleDatagram is the type of a DATAGRAM capsule (RFC 9297, section 3.5).
	capsuleDatagram = 0
)

// errDatagram: what was to be sent is larger than any UDP datagram.
var errDatagram = errors.New("the datagram is too large")

// udpRequest is a CONNECT-UDP's (RFC 9298, section 3.4), by the default template.
func udpRequest(gateway, authority string) (*http.Request, error) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		return nil, fmt.Errorf("read destination %q: %w", authority, err)
	}
	const at = "/.well-known/masque/udp/"
	return &http.Request{
		Method: http.MethodConnect,
		Host:   gateway,
		URL: &url.URL{Scheme: "https", Host: gateway, Path: at + host + "/" + port + "/",
			RawPath: at + escape(host) + "/" + escape(port) + "/"},
		Header: http.Header{http3.CapsuleProtocolHeader: {"?1"}, "User-Agent": nil},
	}, nil
}

// escape writes a colon as a template's variable has it, which PathEscape leaves.
func escape(s string) string {
	var b []byte
	for _, c := range []byte(url.PathEscape(s)) {
		if c == ':' {
			b = append(b, "%3A"...)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// inbox is where the datagrams of one CONNECT-UDP come in.
type inbox struct {
	queue chan []byte
	bytes atomic.Int64 // in queue
	once  sync.Once
	over  chan struct{}
	err   error // once over
}

func newInbox() *inbox { return &inbox{queue: make(chan []byte, unread), over: make(chan struct{})} }

// put takes an HTTP datagram: of context 0, a UDP payload (RFC 9298, section 5).
func (i *inbox) put(b []byte) {
	context, n, err := quicvarint.Parse(b)
	if err != nil || context != 0 {
		return
	}
	size := int64(len(b) - n)
	if i.bytes.Add(size) <= unreadBytes {
		select {
		case i.queue <- b[n:]:
			return
		default:
		}
	}
	i.bytes.Add(-size) // lost, as UDP loses
}

func (i *inbox) taken(b []byte) []byte {
	i.bytes.Add(-int64(len(b)))
	return b
}

func (i *inbox) end(err error) {
	i.once.Do(func() {
		i.err = err
		close(i.over)
	})
}

// Receive gives what has come before it tells of the end.
func (i *inbox) Receive(ctx context.Context) ([]byte, error) {
	select {
	case b := <-i.queue:
		return i.taken(b), nil
	default:
	}
	select {
	case b := <-i.queue:
		return i.taken(b), nil
	case <-i.over:
		return nil, i.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// capsules takes the DATAGRAM capsules of a stream until it ends, which ends the
// CONNECT-UDP.
func (i *inbox) capsules(r io.Reader) error {
	p := http3.NewCapsuleParser(r)
	for {
		kind, c, err := p.Next()
		if err != nil {
			return err
		}
		if kind != capsuleDatagram || c.Remaining() > maxDatagram+1 {
			if err := c.Discard(); err != nil {
				return err
			}
			continue
		}
		b := make([]byte, c.Remaining())
		if _, err := io.ReadFull(c, b); err != nil {
			return err
		}
		i.put(b)
	}
}

// appendCapsule appends a DATAGRAM capsule with a UDP payload.
func appendCapsule(to, b []byte) []byte {
	to = quicvarint.Append(to, capsuleDatagram)
	to = quicvarint.Append(to, uint64(len(b)+1))
	to = append(to, 0) // the context
	return append(to, b...)
}

// h3Packets is a CONNECT-UDP on HTTP/3: a datagram each, a capsule where that is
// too small.
type h3Packets struct {
	*inbox
	s      *http3.RequestStream
	send   chan []byte
	cancel context.CancelFunc
}

func (c *h3Carrier) ConnectUDP(ctx context.Context, authority string) (Packets, error) {
	req, err := udpRequest(c.authority, authority)
	if err != nil {
		return nil, err
	}
	req.Proto = "connect-udp"
	if err := c.secured(ctx); err != nil {
		return nil, unsent(ctx, err)
	}
	h, anew := c.http()
	if c.early && !anew && !c.accepted() {
		if err := c.enter(ctx); err != nil {
			return nil, unsent(ctx, err)
		}
		h, _ = c.http()
	}
	select {
	case <-h.ReceivedSettings():
	case <-c.Done():
		return nil, unsent(ctx, context.Cause(c.conn.Context()))
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s := h.Settings(); !s.EnableExtendedConnect || !s.EnableDatagrams {
		return nil, fmt.Errorf("connect-udp: %w", errors.ErrUnsupported)
	}
	s, err := h.OpenRequestStream(ctx)
	if err != nil {
		return nil, unsent(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { reset(s) })
	defer stop()
	err = s.SendRequestHeader(req)
	var res *http.Response
	if err == nil {
		res, err = s.ReadResponse()
	}
	if err == nil && res.StatusCode/100 != 2 {
		p := wire.ReadProblem(res.StatusCode, res.Body)
		reset(s)
		return nil, p
	}
	if err != nil {
		reset(s)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, streamError(err)
	}
	p := &h3Packets{inbox: newInbox(), s: s, send: make(chan []byte, unread)}
	receiving, cancel := context.WithCancel(s.Context())
	p.cancel = cancel
	go func() {
		p.end(streamError(p.capsules(s)))
		p.Close()
	}()
	go p.datagrams(receiving)
	go p.write()
	return p, nil
}

// datagrams takes QUIC's, until the CONNECT-UDP is over.
func (p *h3Packets) datagrams(ctx context.Context) {
	for {
		b, err := p.s.ReceiveDatagram(ctx)
		if err != nil {
			return
		}
		p.put(b)
	}
}

func (p *h3Packets) Send(b []byte) error {
	if len(b) > maxDatagram {
		return errDatagram
	}
	select {
	case <-p.over:
		return p.err
	default:
	}
	select {
	case p.send <- append([]byte{0}, b...):
	default: // lost, as UDP does
	}
	return nil
}

// write sends what waits, so that Send does not: QUIC takes a datagram when the
// path does.
func (p *h3Packets) write() {
	for {
		select {
		case b := <-p.send:
			err := p.s.SendDatagram(b)
			var large *quic.DatagramTooLargeError
			if errors.As(err, &large) {
				if err = p.s.TryWriteAll(appendCapsule(nil, b[1:])); errors.Is(err, quic.ErrWouldBlock) {
					err = nil // lost
				}
			}
			if err != nil {
				p.end(streamError(err))
				return
			}
		case <-p.over:
			return
		}
	}
}

// Close may come from anyone, more than once.
func (p *h3Packets) Close() {
	p.end(fmt.Errorf("%w: closed here", ErrReset))
	p.cancel()
	p.s.CancelRead(quic.StreamErrorCode(http3.ErrCodeNoError))
	p.s.Close()
}
