package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
)

// device is the least client there can be: it enrols, signs in, follows its
// events, hands each snapshot's tokens to the gateway, and holds flows.
type device struct {
	link   wire.EnrolmentLink
	cert   tls.Certificate
	roots  *x509.CertPool
	http   *http.Client
	cookie *http.Cookie
	stop   context.CancelFunc

	mu       sync.Mutex
	snapshot wire.Snapshot
	came     chan struct{} // holds one: a snapshot has
	quic     *quic.Conn
	gateway  *http3.ClientConn
	flows    map[string]*http3.RequestStream
}

func enrol(link string) (*device, error) {
	l, err := wire.ParseEnrolmentLink(link)
	if err != nil {
		return nil, err
	}
	d := &device{link: l, roots: x509.NewCertPool(), came: make(chan struct{}, 1), flows: map[string]*http3.RequestStream{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	d.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	var reply wire.EnrolReply
	csr := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	if _, err := d.ask("POST", wire.PathEnrol, wire.EnrolRequest{Code: l.Code, CSR: csr}, &reply); err != nil {
		return nil, err
	}
	leaf, rest := pem.Decode([]byte(reply.Certificate))
	d.cert = tls.Certificate{Certificate: [][]byte{leaf.Bytes}, PrivateKey: key}
	d.roots.AppendCertsFromPEM(rest)
	d.http = &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: d.roots, Certificates: []tls.Certificate{d.cert}}}}
	return d, nil
}

// ask asks the controller; a refusal is a *wire.Problem.
func (d *device) ask(method, path string, body, reply any) (*http.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(method, "https://"+d.link.Controller+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if d.cookie != nil {
		r.AddCookie(d.cookie)
	}
	w, err := d.http.Do(r)
	if err != nil {
		return nil, err
	}
	if w.StatusCode/100 != 2 {
		defer w.Body.Close()
		return nil, wire.ReadProblem(w.StatusCode, w.Body)
	}
	if reply == nil {
		return w, nil
	}
	defer w.Body.Close()
	return w, json.NewDecoder(w.Body).Decode(reply)
}

// signIn signs in and follows the events until the device is closed.
func (d *device) signIn(user, password string) error {
	var reply wire.SignInReply
	w, err := d.ask("POST", wire.PathSession, wire.SignInRequest{User: user, Password: password}, &reply)
	if err != nil {
		return err
	}
	d.cookie = w.Cookies()[0]
	if w, err = d.ask("GET", wire.PathEvents, nil, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	d.stop = func() { cancel(); w.Body.Close(); <-done }
	go func() {
		defer close(done)
		d.follow(ctx, wire.NewEventReader(w.Body))
	}()
	return d.wait(d.came)
}

func (d *device) wait(c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-time.After(20 * time.Second):
		return errors.New("it did not come")
	}
}

func (d *device) follow(ctx context.Context, events *wire.EventReader) {
	for {
		e, err := events.Next()
		if err == nil && e.Name == wire.EventSuspend {
			continue
		}
		if err != nil || e.Name != wire.EventSnapshot {
			return
		}
		d.mu.Lock()
		d.snapshot = wire.Snapshot{}
		json.Unmarshal(e.Data, &d.snapshot)
		admitted := d.gateway != nil
		d.mu.Unlock()
		if admitted {
			if w, err := d.session(ctx, http.MethodPut); err == nil {
				w.Body.Close()
			}
		}
		select {
		case d.came <- struct{}{}:
		default:
		}
	}
}

// session sends the tokens of the last snapshot to the gateway.
func (d *device) session(ctx context.Context, method string) (*http.Response, error) {
	d.mu.Lock()
	s, g := d.snapshot, d.gateway
	d.mu.Unlock()
	b, err := json.Marshal(wire.SessionRequest{ClaimsToken: s.ClaimsToken, EntitlementToken: s.Tokens["hq"]})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "https://gateway"+wire.PathDataSession, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	w, err := g.RoundTrip(r)
	if err == nil && w.StatusCode/100 != 2 {
		defer w.Body.Close()
		err = wire.ReadProblem(w.StatusCode, w.Body)
	}
	return w, err
}

// connect opens a data channel.
func (d *device) connect(gateway string) error {
	host, _, err := net.SplitHostPort(gateway)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conf := &tls.Config{RootCAs: d.roots, ServerName: host, Certificates: []tls.Certificate{d.cert}, NextProtos: []string{http3.NextProtoH3}}
	q, err := quic.DialAddr(ctx, gateway, conf, &quic.Config{})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.quic, d.gateway = q, (&http3.Transport{}).NewClientConn(q)
	d.mu.Unlock()
	w, err := d.session(context.Background(), http.MethodPost)
	for errors.Is(err, &wire.Problem{Code: wire.CodeToken}) { // there are newer ones, which may be on their way
		if came := d.wait(d.came); came != nil {
			break
		}
		w, err = d.session(context.Background(), http.MethodPost)
	}
	if err != nil {
		q.CloseWithError(0x100, "")
		return err
	}
	_, err = wire.NewEventReader(w.Body).Next() // the first verdicts
	return err
}

// use opens a flow and keeps it.
func (d *device) use(authority string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := d.gateway.OpenRequestStream(ctx)
	if err != nil {
		return err
	}
	if err := s.SendRequestHeader(&http.Request{Method: http.MethodConnect, Host: authority, URL: &url.URL{Host: authority}, Header: http.Header{}}); err != nil {
		return err
	}
	w, err := s.ReadResponse()
	if err != nil {
		return err
	}
	if w.StatusCode != http.StatusOK {
		return wire.ReadProblem(w.StatusCode, w.Body)
	}
	d.flows[authority] = s
	return d.holds(authority)
}

// holds sends something over a flow and reads its echo.
func (d *device) holds(authority string) error {
	s := d.flows[authority]
	s.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(s, "hello"); err != nil {
		return err
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(s, b); err != nil || string(b) != "hello" {
		return fmt.Errorf("the echo is %q: %w", b, err)
	}
	return nil
}

// cut waits for a flow's reset, or for its connection's end, which may overtake
// the reset when the gateway ends: an ordinary end is neither.
func (d *device) cut(authority string) error {
	s := d.flows[authority]
	s.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, err := io.Copy(io.Discard, s)
	var (
		reset *quic.StreamError
		over  *quic.ApplicationError
	)
	if !errors.As(err, &reset) && !errors.As(err, &over) {
		return fmt.Errorf("%s was not reset: %w", authority, err)
	}
	return nil
}

func (d *device) close() {
	if d.quic != nil {
		d.quic.CloseWithError(0x100, "")
	}
	if d.stop != nil {
		d.stop()
	}
	d.http.CloseIdleConnections()
}
