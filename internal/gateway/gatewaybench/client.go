package gatewaybench

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
	"net/url"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
)

// client is the one that is measured.
type client struct {
	conn   *quic.Conn
	h3     *http3.ClientConn
	events io.ReadCloser
}

func dial(ctx context.Context, a *authority, cert tls.Certificate, to net.Addr) (*client, error) {
	conf := &tls.Config{RootCAs: a.pool, ServerName: "127.0.0.1", NextProtos: []string{http3.NextProtoH3}, MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}}
	q, err := quic.DialAddr(ctx, to.String(), conf, &quic.Config{MaxIdleTimeout: time.Hour})
	if err != nil {
		return nil, fmt.Errorf("reach the gateway: %w", err)
	}
	return &client{conn: q, h3: (&http3.Transport{}).NewClientConn(q)}, nil
}

func (c *client) close() {
	if c.events != nil {
		c.events.Close()
	}
	c.conn.CloseWithError(0x100, "")
}

func (c *client) ask(ctx context.Context, method, path string, v any) (*http.Response, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, method, "https://127.0.0.1"+path, bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("ask the gateway: %w", err)
	}
	res, err := c.h3.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway: %w", err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, fmt.Errorf("ask the gateway for %s: %w", path, wire.ReadProblem(res.StatusCode, res.Body))
	}
	return res, nil
}

// admit opens the session, and reads its verdicts from then on.
func (c *client) admit(ctx context.Context, req wire.SessionRequest) error {
	res, err := c.ask(ctx, http.MethodPost, wire.PathDataSession, req)
	if err != nil {
		return err
	}
	c.events = res.Body
	go io.Copy(io.Discard, res.Body) // ends with the connection
	return nil
}

// put brings tokens or a report.
func (c *client) put(ctx context.Context, path string, v any) error {
	res, err := c.ask(ctx, http.MethodPut, path, v)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// open opens a flow and makes sure of it by an echo.
func (c *client) open(ctx context.Context, authority string) (*http3.RequestStream, error) {
	str, err := c.h3.OpenRequestStream(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a flow: %w", err)
	}
	if err := str.SendRequestHeader(&http.Request{Method: http.MethodConnect, URL: &url.URL{Host: authority}, Host: authority, Header: http.Header{}}); err != nil {
		return nil, fmt.Errorf("open a flow: %w", err)
	}
	res, err := str.ReadResponse()
	if err != nil {
		return nil, fmt.Errorf("open a flow: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("open a flow: %w", wire.ReadProblem(res.StatusCode, res.Body))
	}
	b := []byte("hello")
	if _, err := str.Write(b); err != nil {
		return nil, fmt.Errorf("use a flow: %w", err)
	}
	if _, err := io.ReadFull(str, b); err != nil {
		return nil, fmt.Errorf("use a flow: %w", err)
	}
	return str, nil
}

// reset waits until the gateway resets the flow.
func reset(str *http3.RequestStream) error {
	_, err := io.Copy(io.Discard, str)
	var se *quic.StreamError
	if !errors.As(err, &se) || !se.Remote {
		return fmt.Errorf("the flow ended without a reset: %w", err)
	}
	return nil
}
