package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
)

// client is a data channel's client: nothing but RFC 9114.
type client struct {
	t    *testing.T
	quic *quic.Conn
	h3   *http3.ClientConn
	// tokens are those sent last.
	tokens wire.SessionRequest
}

func (a *authority) dial(pc net.PacketConn, to net.Addr, d device) (*quic.Conn, error) {
	pool := x509.NewCertPool()
	pool.AddCert(a.ca)
	conf := &tls.Config{RootCAs: pool, ServerName: "gateway.test", NextProtos: []string{http3.NextProtoH3}, MinVersion: tls.VersionTLS13}
	if d.cert.PrivateKey != nil {
		conf.Certificates = []tls.Certificate{d.cert}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return quic.Dial(ctx, pc, to, conf, &quic.Config{MaxIdleTimeout: 24 * time.Hour})
}

func (a *authority) client(t *testing.T, to net.Addr, d device) *client {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return a.clientOn(t, pc, to, d)
}

func (a *authority) clientOn(t *testing.T, pc net.PacketConn, to net.Addr, d device) *client {
	t.Helper()
	q, err := a.dial(pc, to, d)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http3.Transport{}
	c := &client{t: t, quic: q, h3: tr.NewClientConn(q)}
	t.Cleanup(func() { q.CloseWithError(0x100, "") })
	return c
}

func (c *client) post(method string, k ticket) *http.Response {
	c.t.Helper()
	return c.postTo(method, wire.PathDataSession, k)
}

func (c *client) postTo(method, path string, k ticket) *http.Response {
	c.t.Helper()
	c.tokens = k.request()
	b, err := json.Marshal(c.tokens)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, "https://gateway.test"+path, bytes.NewReader(b))
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := c.h3.RoundTrip(r)
	if err != nil {
		c.t.Fatalf("%s session: %v", method, err)
	}
	return res
}

// verdicts is a session's event stream.
type verdicts struct {
	t      *testing.T
	events *wire.EventReader
	rev    uint64
}

// admit opens the session and reads its first verdicts.
func (c *client) admit(k ticket) (*verdicts, wire.Verdicts) {
	c.t.Helper()
	res := c.post(http.MethodPost, k)
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("session: %v", wire.ReadProblem(res.StatusCode, res.Body))
	}
	v := &verdicts{t: c.t, events: wire.NewEventReader(res.Body)}
	return v, v.next()
}

func (v *verdicts) event() wire.Event {
	v.t.Helper()
	e, err := v.events.Next()
	if err != nil {
		v.t.Fatalf("session event: %v", err)
	}
	return e
}

func (v *verdicts) next() wire.Verdicts {
	v.t.Helper()
	e := v.event()
	var out wire.Verdicts
	if e.Name != wire.EventVerdicts || json.Unmarshal(e.Data, &out) != nil {
		v.t.Fatalf("session event %s: %s", e.Name, e.Data)
	}
	if out.Revision <= v.rev {
		v.t.Fatalf("revision %d after %d", out.Revision, v.rev)
	}
	v.rev = out.Revision
	return out
}

func (c *client) renew(k ticket) *wire.Problem {
	c.t.Helper()
	res := c.post(http.MethodPut, k)
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return wire.ReadProblem(res.StatusCode, res.Body)
	}
	return nil
}

// open sends a CONNECT, with optimistic data behind it.
func (c *client) open(authority, optimistic string) *http3.RequestStream {
	c.t.Helper()
	str, err := c.h3.OpenRequestStream(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Host: authority}, Host: authority, Header: http.Header{}}
	if err := str.SendRequestHeader(r); err != nil {
		c.t.Fatal(err)
	}
	if optimistic != "" {
		io.WriteString(str, optimistic) // fails where the refusal came first: the answer counts
	}
	return str
}

func answered(t *testing.T, str *http3.RequestStream) *http.Response {
	t.Helper()
	res, err := str.ReadResponse()
	if err != nil {
		t.Fatalf("CONNECT: %v", err)
	}
	return res
}

// flow opens a flow that has to be admitted.
func (c *client) flow(authority string) *http3.RequestStream {
	c.t.Helper()
	str := c.open(authority, "")
	res := answered(c.t, str)
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("CONNECT %s: %v", authority, wire.ReadProblem(res.StatusCode, res.Body))
	}
	if res.Header.Get(wire.HeaderDecision) == "" {
		c.t.Errorf("CONNECT %s: no decision", authority)
	}
	return str
}

// refusedFlow opens a flow that has to be refused.
func (c *client) refusedFlow(authority string) (*wire.Problem, http.Header) {
	c.t.Helper()
	res := answered(c.t, c.open(authority, "optimistic"))
	if res.StatusCode/100 == 2 {
		c.t.Fatalf("CONNECT %s: %d", authority, res.StatusCode)
	}
	if !strings.HasPrefix(res.Header.Get("Proxy-Status"), `"gw"; error=`) {
		c.t.Errorf("CONNECT %s: Proxy-Status %q", authority, res.Header.Get("Proxy-Status"))
	}
	return wire.ReadProblem(res.StatusCode, res.Body), res.Header
}

// ping sends a line and expects its echo.
func ping(t *testing.T, rw io.ReadWriter, line string) {
	t.Helper()
	if _, err := io.WriteString(rw, line); err != nil {
		t.Fatalf("write: %v", err)
	}
	buf := make([]byte, len(line))
	if _, err := io.ReadFull(rw, buf); err != nil || string(buf) != line {
		t.Fatalf("echo of %q: %q, %v", line, buf, err)
	}
}

// expectReset reads until the flow's reset of that code.
func expectReset(t *testing.T, str *http3.RequestStream, code quic.StreamErrorCode) {
	t.Helper()
	_, err := io.Copy(io.Discard, str)
	var se *quic.StreamError
	if !errors.As(err, &se) || se.ErrorCode != code {
		t.Fatalf("got %v, want a reset with %#x", err, uint64(code))
	}
}

// application listens on loopback and serves each connection.
func application(t *testing.T, serve func(*net.TCPConn)) (port uint16) {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.AcceptTCP()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return uint16(ln.Addr().(*net.TCPAddr).Port)
}

func echo(c *net.TCPConn) {
	io.Copy(c, c)
	c.CloseWrite()
}
