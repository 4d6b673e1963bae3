package carrier

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// quicConfig leaves the packets' size to path MTU discovery: where the network
// carries less than Ethernet does, larger first packets would never arrive.
func quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           time.Minute, // the context says when to give up
		MaxIdleTimeout:                 quiet,
		MaxIncomingStreams:             -1,
		InitialStreamReceiveWindow:     1 << 20,
		MaxStreamReceiveWindow:         16 << 20,
		InitialConnectionReceiveWindow: 4 << 20,
		MaxConnectionReceiveWindow:     64 << 20,
		EnableDatagrams:                true,
	}
}

func (d *Dialer) dialH3(ctx context.Context, addr netip.AddrPort, conf *tls.Config) (Carrier, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	socket, err := d.listen(network)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	conf.NextProtos = []string{http3.NextProtoH3}
	t := &quic.Transport{Conn: socket}
	conn, err := t.Dial(ctx, net.UDPAddrFromAddrPort(addr), conf, quicConfig())
	if err != nil {
		t.Close()
		socket.Close()
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	h := (&http3.Transport{DisableCompression: true, EnableDatagrams: true}).NewClientConn(conn)
	return &h3Carrier{host: conf.ServerName, socket: socket, transport: t, conn: conn, h: h}, nil
}

// h3Carrier is one HTTP/3 connection on a socket of its own.
type h3Carrier struct {
	host      string
	socket    net.PacketConn
	transport *quic.Transport
	conn      *quic.Conn
	h         *http3.ClientConn
	closing   sync.Once
}

func (c *h3Carrier) Lane() Lane { return H3 }

func (c *h3Carrier) Admit(ctx context.Context, r wire.SessionRequest) (io.ReadCloser, error) {
	res, err := c.send(ctx, http.MethodPost, wire.PathDataSession, r)
	if err != nil {
		return nil, fmt.Errorf("post session: %w", err)
	}
	return res.Body, nil
}

func (c *h3Carrier) Join(ctx context.Context, r wire.SessionRequest) error {
	res, err := c.send(ctx, http.MethodPost, wire.PathDataCarrier, r)
	if err != nil {
		return fmt.Errorf("post carrier: %w", err)
	}
	return res.Body.Close()
}

func (c *h3Carrier) Renew(ctx context.Context, r wire.SessionRequest) error {
	res, err := c.send(ctx, http.MethodPut, wire.PathDataSession, r)
	if err != nil {
		return fmt.Errorf("put session: %w", err)
	}
	return res.Body.Close()
}

func (c *h3Carrier) Report(ctx context.Context, r wire.DeviceReport) error {
	res, err := c.send(ctx, http.MethodPut, wire.PathDataDevice, r)
	if err != nil {
		return fmt.Errorf("put device: %w", err)
	}
	return res.Body.Close()
}

func (c *h3Carrier) Echo(ctx context.Context, r wire.EchoRequest) (wire.EchoReply, error) {
	res, err := c.send(ctx, http.MethodPost, wire.PathDataEcho, r)
	if err != nil {
		return wire.EchoReply{}, fmt.Errorf("post echo: %w", err)
	}
	defer res.Body.Close()
	var reply wire.EchoReply
	return reply, wire.ReadJSON(res.Body, &reply)
}

// send sends a request with r for its body. Any status but 2xx is a
// *wire.Problem.
func (c *h3Carrier) send(ctx context.Context, method, path string, r any) (*http.Response, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "https", Host: c.host, Path: path}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.h.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, wire.ReadProblem(res.StatusCode, res.Body)
	}
	return res, nil
}

func (c *h3Carrier) Connect(ctx context.Context, r Request) (Stream, error) {
	s, err := c.h.OpenRequestStream(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	st := newH3Stream(s, r)
	err = s.SendRequestHeader(connectRequest(r))
	if err != nil {
		st.Abort()
		return nil, fmt.Errorf("connect %s: %w", r.Authority, streamError(err))
	}
	return st, nil
}

// connectRequest is a CONNECT's (RFC 9114, section 4.4; RFC 9113, section 8.5).
func connectRequest(r Request) *http.Request {
	req := &http.Request{
		Method: http.MethodConnect,
		Host:   r.Authority,
		URL:    &url.URL{Scheme: "https", Host: r.Authority},
		Header: http.Header{},
	}
	if r.Flow != nil {
		req.Header.Set(wire.HeaderFlow, r.Flow.String())
	}
	return req
}

func (c *h3Carrier) ConnectUDP(context.Context, string) (Packets, error) {
	return nil, errors.ErrUnsupported
}

func (c *h3Carrier) Secured() <-chan struct{} { return c.conn.HandshakeComplete() }

func (c *h3Carrier) Done() <-chan struct{} { return c.conn.Context().Done() }

func (c *h3Carrier) Stats() Stats {
	s := c.conn.ConnectionStats()
	return Stats{
		Sent: s.PacketsSent, Received: s.PacketsReceived,
		BytesSent: s.BytesSent, BytesReceived: s.BytesReceived,
		PacketsLost: s.PacketsLost, RTT: s.SmoothedRTT, Window: s.CongestionWindow,
	}
}

func (c *h3Carrier) Roam(context.Context) error { return errors.ErrUnsupported }

func (c *h3Carrier) Close() {
	c.closing.Do(func() {
		c.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
		c.transport.Close()
		c.socket.Close()
	})
}
