package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
)

// quiet is how long a carrier may go without a packet: nothing is sent to keep
// it. The gateway must allow as much, the lesser of the two counts.
const quiet = 24 * time.Hour

// window is what a gateway may send that no program has read yet, in bytes. A flow
// whose program does not read holds a stream's window of it, of a mebibyte and
// more, and has to leave some to the others.
const window = 128 << 20

// quicConfig leaves the packets' size to path MTU discovery: where the network
// carries less than Ethernet does, larger first packets would never arrive.
func quicConfig(tokens quic.TokenStore) *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           time.Minute, // the context says when to give up
		MaxIdleTimeout:                 quiet,
		MaxIncomingStreams:             -1,
		InitialStreamReceiveWindow:     1 << 20,
		MaxStreamReceiveWindow:         16 << 20,
		InitialConnectionReceiveWindow: window,
		MaxConnectionReceiveWindow:     window,
		EnableDatagrams:                true,
		TokenStore:                     tokens,
	}
}

func (d *Dialer) dialH3(ctx context.Context, addr netip.AddrPort, to target) (Carrier, error) {
	listen := func() (net.PacketConn, error) { return d.listen(network("udp", addr), addr.Addr()) }
	p, err := openPath(listen)
	if err != nil {
		return nil, err
	}
	dial := p.transport.DialEarly
	if !to.early {
		dial = p.transport.Dial
	}
	conn, err := dial(ctx, net.UDPAddrFromAddrPort(addr), to.tls(http3.NextProtoH3), quicConfig(to.box.tokens))
	if err != nil {
		p.close()
		return nil, err
	}
	c := &h3Carrier{
		authority: to.authority(),
		listen:    listen,
		conn:      conn,
		paths:     []*path{p},
		roaming:   make(chan struct{}, 1),
		entering:  make(chan struct{}, 1),
	}
	c.messages = messages{c.send}
	select {
	case <-conn.HandshakeComplete():
	default:
		c.early = true
	}
	c.h = newHTTP3(conn)
	return c, nil
}

// settingDatagram is SETTINGS_H3_DATAGRAM (RFC 9297, section 2.1.1).
const settingDatagram = 0x33

// newHTTP3 announces datagrams by hand. With EnableDatagrams http3 asks for the
// connection's state, on a goroutine of its own, and quic-go reads there without a
// lock what a roam changes.
func newHTTP3(conn *quic.Conn) *http3.ClientConn {
	t := &http3.Transport{
		DisableCompression: true, AdditionalSettings: map[uint64]uint64{settingDatagram: 1},
		MaxResponseHeaderBytes: maxHead,
		Logger:                 slog.New(slog.DiscardHandler),
	}
	return t.NewClientConn(conn)
}

// h3Carrier is one QUIC connection, on a socket of its own.
//
// When it was opened with a ticket, what is sent until the handshake is complete
// is 0-RTT. A gateway that refuses that (it was started anew, or has seen the
// ticket before) forgets all of it, and the carrier goes on: it sends once more
// what it had sent, in 1-RTT, and its callers notice a round trip.
type h3Carrier struct {
	messages
	authority string
	listen    func() (net.PacketConn, error)
	conn      *quic.Conn
	early     bool          // it began in 0-RTT
	roaming   chan struct{} // holds one token while a Roam is on
	entering  chan struct{} // holds one token while 0-RTT is given up

	mu     sync.Mutex
	h      *http3.ClientConn
	anew   bool      // 0-RTT was refused and given up, h is the second
	paths  []*path   // the last is in use, the others are retired
	moved  time.Time // to the last
	asked  bool      // whether 0-RTT was accepted
	taken  bool      // it was
	closed bool
}

func (c *h3Carrier) Lane() Lane { return H3 }

func (c *h3Carrier) Secured() <-chan struct{} { return c.conn.HandshakeComplete() }

func (c *h3Carrier) Done() <-chan struct{} { return c.conn.Context().Done() }

// secured waits for the handshake.
func (c *h3Carrier) secured(ctx context.Context) error {
	select {
	case <-c.conn.HandshakeComplete():
		return nil
	default:
	}
	select {
	case <-c.conn.HandshakeComplete():
		return nil
	case <-c.Done():
		return c.lost(context.Cause(c.conn.Context()))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *h3Carrier) lost(err error) error { return fmt.Errorf("%w: %w", ErrLost, refusal(err)) }

// http is the connection's HTTP/3, and whether it is the one after 0-RTT.
func (c *h3Carrier) http() (h *http3.ClientConn, anew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.h, c.anew
}

// accepted says whether 0-RTT was, once the carrier is secured. It asks once: see
// newHTTP3.
func (c *h3Carrier) accepted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked {
		c.asked, c.taken = true, c.conn.ConnectionState().Used0RTT
	}
	return c.taken
}

// rejected says whether something failed because the gateway refused 0-RTT.
func rejected(err error) bool { return errors.Is(err, quic.Err0RTTRejected) }

// enter goes on in 1-RTT after 0-RTT was refused; once, whoever notices.
func (c *h3Carrier) enter(ctx context.Context) error {
	select {
	case c.entering <- struct{}{}:
		defer func() { <-c.entering }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, anew := c.http(); anew {
		return nil
	}
	if _, err := c.conn.NextConnection(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return c.lost(err)
	}
	h := newHTTP3(c.conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.h, c.anew = h, true
	return nil
}

func (c *h3Carrier) Connect(ctx context.Context, r Request) (Stream, error) {
	if r.Flow != nil && r.Flow.Epoch > 1 { // a re-attachment must not be replayed
		if err := c.secured(ctx); err != nil {
			return nil, unsent(ctx, err)
		}
	}
	s := &h3Stream{c: c, r: r, writing: make(chan struct{}, 1), renewed: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(c.conn.Context())
	if err := s.open(ctx, connectRequest(r)); err != nil {
		s.cancel()
		return nil, err
	}
	if !s.early {
		s.cancel()
	}
	return s, nil
}

// unsent says that a request did not leave.
func unsent(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", ErrUnsent, err)
}

// connectRequest is a CONNECT's (RFC 9114, section 4.4; RFC 9113, section 8.5).
func connectRequest(r Request) *http.Request {
	req := &http.Request{
		Method: http.MethodConnect,
		Host:   r.Authority,
		URL:    &url.URL{Scheme: "https", Host: r.Authority},
		Header: http.Header{"User-Agent": nil},
	}
	if r.Flow != nil {
		req.Header.Set(wire.HeaderFlow, r.Flow.String())
	}
	return req
}

func (c *h3Carrier) Stats() Stats {
	s := c.conn.ConnectionStats()
	return Stats{
		Sent: s.PacketsSent, Received: s.PacketsReceived,
		BytesSent: s.BytesSent, BytesReceived: s.BytesReceived,
		PacketsLost: s.PacketsLost, RTT: s.SmoothedRTT, Window: s.CongestionWindow,
	}
}

func (c *h3Carrier) Close() {
	c.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	c.mu.Lock()
	paths := c.paths
	c.paths, c.closed = nil, true
	c.mu.Unlock()
	for _, p := range paths {
		p.close()
	}
}

// streamError tells what ended a stream.
func streamError(err error) error {
	var se *quic.StreamError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &se), errors.Is(err, errAnswer):
		return fmt.Errorf("%w: %w", ErrReset, err)
	}
	return fmt.Errorf("%w: %w", ErrLost, refusal(err))
}
