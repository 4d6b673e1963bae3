package tunnel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// quiet is how long a carrier may go without a packet: a quiet ssh stays.
// The gateway must allow as much, the lesser of the two counts.
const quiet = 24 * time.Hour

// h3Dialer carries flows by HTTP/3 (RFC 9114): one UDP socket and one QUIC
// connection to a carrier. TLS 1.3 with both certificates, no 0-RTT.
type h3Dialer struct {
	// listen opens the socket, "udp4" or "udp6".
	listen func(network string) (net.PacketConn, error)
}

func (d *h3Dialer) dial(ctx context.Context, g wire.Gateway, id session.Identity) (carrier, error) {
	host, port, err := net.SplitHostPort(g.Address)
	if err != nil {
		return nil, fmt.Errorf("read gateway address %q: %w", g.Address, err)
	}
	conf, err := clientTLS(host, id)
	if err != nil {
		return nil, err
	}
	addrs, err := resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	for i, addr := range addrs {
		// A deadline for each, so that a dead IPv6 leaves time for IPv4.
		one, cancel := ctx, context.CancelFunc(func() {})
		if end, ok := ctx.Deadline(); ok {
			one, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(len(addrs)-i))
		}
		var c carrier
		c, err = d.dialAddr(one, addr, conf)
		cancel()
		if err == nil {
			return c, nil
		}
	}
	return nil, err
}

func (d *h3Dialer) dialAddr(ctx context.Context, addr netip.AddrPort, conf *tls.Config) (carrier, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	socket, err := d.listen(network)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	t := &quic.Transport{Conn: socket}
	conn, err := t.Dial(ctx, net.UDPAddrFromAddrPort(addr), conf, &quic.Config{
		HandshakeIdleTimeout:       time.Minute, // ctx says when to give up
		MaxIdleTimeout:             quiet,
		MaxIncomingStreams:         -1,
		InitialStreamReceiveWindow: 1 << 20,
		MaxStreamReceiveWindow:     16 << 20,
		MaxConnectionReceiveWindow: 32 << 20,
	})
	if err != nil {
		t.Close()
		socket.Close()
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	h := (&http3.Transport{DisableCompression: true}).NewClientConn(conn)
	return &h3Carrier{host: conf.ServerName, socket: socket, transport: t, conn: conn, h: h}, nil
}

// clientTLS proves the device to the gateway, and the gateway by the
// controller's CA and its host name.
func clientTLS(host string, id session.Identity) (*tls.Config, error) {
	ca, err := x509.ParseCertificate(id.CA)
	if err != nil {
		return nil, fmt.Errorf("read the controller's CA: %w", err)
	}
	if id.Key == nil || len(id.Certificate) == 0 {
		return nil, errors.New("the device has no certificate; enrol it")
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	cert := &tls.Certificate{Certificate: id.Certificate, PrivateKey: id.Key}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		RootCAs:    roots,
		NextProtos: []string{http3.NextProtoH3},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cert, nil
		},
	}, nil
}

// resolve returns the addresses of a gateway, at most one of each family.
func resolve(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("read gateway port %q: %w", port, err)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), uint16(n))}, nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve gateway: %w", err)
	}
	var addrs []netip.AddrPort
	families := map[bool]bool{}
	for _, a := range all {
		a = a.Unmap()
		if !families[a.Is4()] {
			families[a.Is4()] = true
			addrs = append(addrs, netip.AddrPortFrom(a, uint16(n)))
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("resolve gateway: %s has no address", host)
	}
	return addrs, nil
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

func (c *h3Carrier) admit(ctx context.Context, r wire.SessionRequest) (io.ReadCloser, error) {
	res, err := c.send(ctx, http.MethodPost, wire.PathDataSession, r)
	if err != nil {
		return nil, fmt.Errorf("post session: %w", err)
	}
	return res.Body, nil
}

func (c *h3Carrier) renew(ctx context.Context, r wire.SessionRequest) error {
	res, err := c.send(ctx, http.MethodPut, wire.PathDataSession, r)
	if err != nil {
		return fmt.Errorf("put session: %w", err)
	}
	return res.Body.Close()
}

func (c *h3Carrier) report(ctx context.Context, r wire.DeviceReport) error {
	res, err := c.send(ctx, http.MethodPut, wire.PathDataDevice, r)
	if err != nil {
		return fmt.Errorf("put device: %w", err)
	}
	return res.Body.Close()
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

func (c *h3Carrier) connect(ctx context.Context, authority string) (stream, error) {
	s, err := c.h.OpenRequestStream(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", errUnsent, err)
	}
	st := &h3Stream{RequestStream: s}
	err = s.SendRequestHeader(&http.Request{
		Method: http.MethodConnect,
		Host:   authority,
		URL:    &url.URL{Host: authority},
		Header: http.Header{},
	})
	if err != nil {
		st.reset()
		return nil, fmt.Errorf("connect %s: %w", authority, err)
	}
	return st, nil
}

func (c *h3Carrier) packets() (sent, received uint64) {
	s := c.conn.ConnectionStats()
	return s.PacketsSent, s.PacketsReceived
}

func (c *h3Carrier) close() {
	c.closing.Do(func() {
		c.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
		c.transport.Close()
		c.socket.Close()
	})
}

// h3Stream is one CONNECT on an HTTP/3 request stream.
type h3Stream struct{ *http3.RequestStream }

func (s *h3Stream) answer() (wire.DecisionID, error) {
	res, err := s.ReadResponse()
	if err != nil {
		return "", streamError(err)
	}
	d := wire.DecisionID(res.Header.Get(wire.HeaderDecision))
	if res.StatusCode/100 != 2 {
		return d, wire.ReadProblem(res.StatusCode, res.Body)
	}
	return d, nil
}

func (s *h3Stream) Write(b []byte) (int, error) {
	n, err := s.RequestStream.Write(b)
	return n, streamError(err)
}

func (s *h3Stream) Read(b []byte) (int, error) {
	n, err := s.RequestStream.Read(b)
	return n, streamError(err)
}

func (s *h3Stream) closeWrite() { s.Close() }

// streamError tells what ended a stream.
func streamError(err error) error {
	var se *quic.StreamError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case !errors.As(err, &se):
		return fmt.Errorf("%w: %w", errLost, err)
	case se.Remote && se.ErrorCode == quic.StreamErrorCode(http3.ErrCodeNoError): // STOP_SENDING (RFC 9114, section 4.1)
		return errStopReading
	}
	return fmt.Errorf("%w: %w", errReset, err)
}

func (s *h3Stream) reset() {
	s.CancelRead(quic.StreamErrorCode(http3.ErrCodeConnectError))
	s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeConnectError))
}
