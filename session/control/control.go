// Package control is the control channel: HTTPS to the controller over HTTP/3,
// raced with HTTP/2 over TCP for networks that drop UDP, on mutual TLS with
// the device certificate. It implements session.Controller. Its methods are
// safe for concurrent use; nothing here starts by itself or outlives a call,
// but for the connection that Close ends.
package control

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/underlay"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// callTime bounds one request and its answer; an event stream is not bounded.
const callTime = 15 * time.Second

// Controller reaches controllers.
type Controller struct {
	// NoQUIC leaves HTTP/3 out, as a network that drops UDP would.
	NoQUIC bool
	// Underlay has the system's sockets leave by the right adapter; nil: wherever the
	// routes lead.
	Underlay *underlay.Underlay
	// ListenPacket opens the socket for HTTP/3, and DialTCP the connection for
	// HTTP/2; nil: the system's. They are for simulated networks.
	ListenPacket func() (net.PacketConn, error)
	DialTCP      func(ctx context.Context, network, address string) (net.Conn, error)
}

// Enrol redeems a link: it makes a request for a certificate over key, checks
// that the controller is the one whose fingerprint the link carries, and hands
// over the code only then.
func (c *Controller) Enrol(ctx context.Context, l wire.EnrolmentLink, key crypto.Signer) (session.Enrolled, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "tidegate"}}, key)
	if err != nil {
		return session.Enrolled{}, fmt.Errorf("make a certificate request: %w", err)
	}
	p := &pin{fingerprint: &l.CA}
	h := c.client(l.Controller, p.config(l.Controller))
	defer h.Close()
	hostname, _ := os.Hostname()
	req := wire.EnrolRequest{Code: l.Code, Hostname: hostname, OS: runtime.GOOS,
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))}
	var reply wire.EnrolReply
	if err := h.call(ctx, http.MethodPost, wire.PathEnrol, "", req, &reply); err != nil {
		return session.Enrolled{}, err
	}
	return session.Enrolled{
		Enrolment:   session.Enrolment{Controller: l.Controller, Name: reply.Controller, User: reply.User, Device: reply.Device},
		Certificate: reply.Certificate,
		CA:          string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.found()})),
	}, nil
}

// Connect makes the control channel's client for an enrolled device.
func (c *Controller) Connect(e session.Enrolled, id session.Identity) session.ControlClient {
	p := &pin{ca: id.CA}
	cfg := p.config(e.Controller)
	cfg.Certificates = append(cfg.Certificates, clientCertificate(id))
	return c.client(e.Controller, cfg)
}

// Client is the control channel of one device.
type Client struct {
	addr string
	race race

	mu   sync.Mutex
	lane *lane
}

// Hello asks what the sign-in dialog must ask.
func (c *Client) Hello(ctx context.Context) (h wire.Hello, err error) {
	return h, c.call(ctx, http.MethodGet, wire.PathHello, "", nil, &h)
}

// SignIn signs in and returns the session cookie's value.
func (c *Client) SignIn(ctx context.Context, r wire.SignInRequest) (session.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	res, err := c.do(ctx, http.MethodPost, wire.PathSession, "", r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	for _, k := range res.Cookies() {
		if k.Name == wire.CookieName && k.Value != "" {
			return session.Secret(k.Value), nil
		}
	}
	return "", errors.New("the controller sent no session cookie")
}

// Answer answers a prompt.
func (c *Client) Answer(ctx context.Context, cookie session.Secret, r wire.AnswerRequest) error {
	return c.call(ctx, http.MethodPost, wire.PathAnswers, cookie, r, nil)
}

// Report tells what the device says of itself now.
func (c *Client) Report(ctx context.Context, cookie session.Secret, r wire.DeviceReport) error {
	return c.call(ctx, http.MethodPut, wire.PathDevice, cookie, r, nil)
}

// Forecast asks when the session's user will have access to what.
func (c *Client) Forecast(ctx context.Context, cookie session.Secret) (f wire.Forecast, err error) {
	return f, c.call(ctx, http.MethodGet, wire.PathForecast, cookie, nil, &f)
}

// SignOut ends the session.
func (c *Client) SignOut(ctx context.Context, cookie session.Secret) error {
	return c.call(ctx, http.MethodDelete, wire.PathSession, cookie, nil, nil)
}

// Close drops the connection. A later call would open another.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lane != nil {
		c.lane.close()
		c.lane = nil
	}
}

// call does one bounded request and decodes the answer into reply, if not nil.
func (c *Client) call(ctx context.Context, method, path string, cookie session.Secret, body, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	res, err := c.do(ctx, method, path, cookie, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if reply == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, wire.MaxBody)).Decode(reply); err != nil {
		return fmt.Errorf("read the controller's answer: %w", err)
	}
	return nil
}

// do sends a request over the standing lane, or over a new one, and returns a
// successful answer with its body open; a refusal comes as a *wire.Problem.
func (c *Client) do(ctx context.Context, method, path string, cookie session.Secret, body any) (*http.Response, error) {
	l, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, l, method, path, cookie, body)
}

func (c *Client) send(ctx context.Context, l *lane, method, path string, cookie session.Secret, body any) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+c.addr+path, r)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		req.AddCookie(&http.Cookie{Name: wire.CookieName, Value: string(cookie)})
	}
	res, err := l.trip.RoundTrip(req)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			c.drop(l)
		}
		return nil, fmt.Errorf("ask the controller: %w", err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, wire.ReadProblem(res.StatusCode, res.Body)
	}
	return res, nil
}

// open returns the standing lane, or races for a new one.
func (c *Client) open(ctx context.Context) (*lane, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lane != nil && c.lane.alive() {
		return c.lane, nil
	}
	if c.lane != nil {
		c.lane.close()
		c.lane = nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	l, err := c.race.run(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	c.lane = l
	return l, nil
}

// drop forgets a lane that failed.
func (c *Client) drop(l *lane) {
	l.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lane == l {
		c.lane = nil
	}
}
