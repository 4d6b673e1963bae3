package controller

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/quic-go/quic-go/http3"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		runVictim(dir)
	}
	goleak.VerifyTestMain(m)
}

const (
	alicePassword = "correct horse"
	bobPassword   = "battery staple"
	aliceTOTP     = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// rig is a running controller of the example configuration.
type rig struct {
	*Controller
	t    *testing.T
	conf *config.Config
	dir  string
	stop func() // idempotent
	log  *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func exampleConfig(t *testing.T) *config.Config {
	t.Helper()
	conf, err := config.Load("config/testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	conf.Listen = "127.0.0.1:0"
	return conf
}

func start(t *testing.T, conf *config.Config, s store.Store, dir string) *rig {
	t.Helper()
	log := &logBuffer{}
	c, err := New(Options{Config: conf, Store: s, StateDir: dir, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	r := &rig{Controller: c, t: t, conf: conf, dir: dir, log: log, stop: sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not end")
		}
	})}
	t.Cleanup(func() {
		r.stop()
		for _, secret := range []string{alicePassword, bobPassword, aliceTOTP} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log holds the secret %q", secret)
			}
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return r
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return start(t, exampleConfig(t), &store.Memory{}, t.TempDir())
}

// peer is a device or a gateway.
type peer struct {
	r      *rig
	id     string
	key    *ecdsa.PrivateKey
	cert   tls.Certificate
	client *http.Client
	cookie *http.Cookie
}

func csr(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newClient pins the CA as an enrolment link does.
func newClient(t *testing.T, fingerprint [32]byte, cert *tls.Certificate, h3 bool) *http.Client {
	t.Helper()
	conf := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		ca := s.PeerCertificates[len(s.PeerCertificates)-1]
		if sha256.Sum256(ca.Raw) != fingerprint {
			return errors.New("another CA")
		}
		pool := x509.NewCertPool()
		pool.AddCert(ca)
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: s.ServerName})
		return err
	}}
	if cert != nil {
		// Whatever CAs the server asks for: a foreign certificate is sent as well.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	conf.ServerName = "127.0.0.1"
	if h3 {
		tr := &http3.Transport{TLSClientConfig: conf}
		t.Cleanup(func() { tr.Close() })
		return &http.Client{Transport: tr}
	}
	tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// call returns the status, the headers and the body of an answer.
func call(t *testing.T, c *http.Client, addr, method, path string, cookie *http.Cookie, body any) (int, http.Header, []byte) {
	t.Helper()
	var rd io.Reader
	if s, raw := body.(string); raw {
		rd = strings.NewReader(s)
	} else if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		rd = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(t.Context(), method, "https://"+addr+path, rd)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != nil {
		q.AddCookie(cookie)
	}
	w, err := c.Do(q)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, w.Header, b
}

func enrolWith(t *testing.T, r *rig, link wire.EnrolmentLink, h3 bool) *peer {
	t.Helper()
	p := &peer{r: r, key: newKey(t)}
	anonymous := newClient(t, link.CA, nil, h3)
	status, _, b := call(t, anonymous, link.Controller, "POST", wire.PathEnrol, nil, wire.EnrolRequest{Code: link.Code, CSR: csr(t, p.key), Hostname: "laptop", OS: "linux"})
	if status != http.StatusOK {
		t.Fatalf("enrol: %d %s", status, b)
	}
	var reply wire.EnrolReply
	if err := json.Unmarshal(b, &reply); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(reply.Certificate))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	p.id = string(reply.Device)
	p.cert = tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: p.key, Leaf: leaf}
	p.client = newClient(t, link.CA, &p.cert, h3)
	return p
}

func enrolled(t *testing.T, r *rig, user string, h3 bool) *peer {
	t.Helper()
	link, err := r.NewEnrolment(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return enrolWith(t, r, link, h3)
}

func enrolledGateway(t *testing.T, r *rig) *peer {
	t.Helper()
	link, err := r.NewGatewayEnrolment(t.Context(), "gw1")
	if err != nil {
		t.Fatal(err)
	}
	return enrolWith(t, r, link, false)
}

func (p *peer) do(t *testing.T, method, path string, body any) (int, http.Header, []byte) {
	t.Helper()
	return call(t, p.client, p.r.Addr(), method, path, p.cookie, body)
}

// aliceCode returns her one-time code, shifted by steps.
func aliceCode(t *testing.T, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(aliceTOTP, time.Now().Add(time.Duration(steps)*step))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// signIn signs in and keeps the cookie.
func (p *peer) signIn(t *testing.T, q wire.SignInRequest) wire.SignInReply {
	t.Helper()
	status, h, b := p.do(t, "POST", wire.PathSession, q)
	if status != http.StatusOK {
		t.Fatalf("sign-in: %d %s", status, b)
	}
	cookies := (&http.Response{Header: h}).Cookies()
	if len(cookies) != 1 || cookies[0].Name != wire.CookieName {
		t.Fatalf("the cookies are %v", cookies)
	}
	ck := cookies[0]
	if !ck.Secure || !ck.HttpOnly || ck.SameSite != http.SameSiteStrictMode || ck.Path != "/" || ck.Domain != "" || len(ck.Value) != 43 {
		t.Errorf("the cookie is %v", ck)
	}
	p.cookie = &http.Cookie{Name: ck.Name, Value: ck.Value}
	var reply wire.SignInReply
	if err := json.Unmarshal(b, &reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

func (p *peer) signInBob(t *testing.T) wire.SignInReply {
	t.Helper()
	return p.signIn(t, wire.SignInRequest{User: "bob", Password: bobPassword, Device: wire.DeviceClaims{"firewall": true}})
}

func (p *peer) signInAlice(t *testing.T) wire.SignInReply {
	t.Helper()
	return p.signIn(t, wire.SignInRequest{User: "alice", Password: alicePassword, Code: aliceCode(t, 0)})
}

// want says what refusal an answer must be.
func want(t *testing.T, what string, status int, b []byte, code wire.Code) *wire.Problem {
	t.Helper()
	p := wire.ReadProblem(status, bytes.NewReader(b))
	if status < 400 || p.Code != code {
		t.Errorf("%s: %d %s, not %s", what, status, b, code)
	}
	return p
}

// feedReader reads an event stream in the background.
type feedReader struct {
	t       *testing.T
	events  chan wire.Event // closed at the stream's end
	scripts chan wire.Event // those of a gateway's scripts, apart
	close   func()
	proto   string
}

func (p *peer) open(t *testing.T, path string) *feedReader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	q, err := http.NewRequestWithContext(ctx, "GET", "https://"+p.r.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Last-Event-ID", "7")
	if p.cookie != nil {
		q.AddCookie(p.cookie)
	}
	w, err := p.client.Do(q)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if w.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(w.Body)
		cancel()
		t.Fatalf("%s: %d %s", path, w.StatusCode, b)
	}
	f := &feedReader{t: t, events: make(chan wire.Event, 64), scripts: make(chan wire.Event, 64), proto: w.Proto, close: func() { cancel(); w.Body.Close() }}
	go func() {
		defer close(f.events)
		r := wire.NewEventReader(w.Body)
		for {
			e, err := r.Next()
			if err != nil {
				return
			}
			if e.Name == wire.EventScripts {
				f.scripts <- e
				continue
			}
			f.events <- e
		}
	}()
	t.Cleanup(func() {
		f.close()
		for range f.events {
		}
	})
	return f
}

func (f *feedReader) next(name string, v any) wire.Event {
	f.t.Helper()
	select {
	case e, ok := <-f.events:
		if !ok || e.Name != name {
			f.t.Fatalf("the event is %q %s, not %q", e.Name, e.Data, name)
		}
		if err := json.Unmarshal(e.Data, v); err != nil {
			f.t.Fatal(err)
		}
		return e
	case <-time.After(10 * time.Second):
		f.t.Fatalf("no event %q within ten seconds", name)
	}
	return wire.Event{}
}

// ends waits for the end of the stream, with no event before it.
func (f *feedReader) ends() {
	f.t.Helper()
	select {
	case e, ok := <-f.events:
		if ok {
			f.t.Fatalf("the stream goes on with %q %s", e.Name, e.Data)
		}
	case <-time.After(10 * time.Second):
		f.t.Fatal("the stream does not end")
	}
}

func (r *rig) keys() wire.Keys { return wire.Keys{r.authority.tokenID: r.authority.token.Public()} }

func audited(r *rig, kind string) int {
	n := 0
	for _, a := range r.Audit() {
		if a.Kind == kind {
			n++
		}
	}
	return n
}

func transports(t *testing.T, test func(t *testing.T, h3 bool)) {
	for _, h3 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h3=%v", h3), func(t *testing.T) { test(t, h3) })
	}
}
