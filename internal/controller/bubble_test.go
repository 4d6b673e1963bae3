package controller

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// configWith is the example configuration with further resources behind it.
func configWith(t *testing.T, more string) *config.Config {
	t.Helper()
	b, err := os.ReadFile("config/testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "controller.yaml")
	if err := os.WriteFile(name, append(b, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// bubble is a controller in virtual time, asked by its handler, whose watch of
// the store runs.
type bubble struct {
	*Controller
	t    *testing.T
	dir  string
	mem  *store.Memory
	h    http.Handler
	stop func()
}

// newBubble is to be called within synctest.Test.
func newBubble(t *testing.T, conf *config.Config, dir string, mem *store.Memory) *bubble {
	t.Helper()
	c, err := New(Options{Config: conf, Store: mem, StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.watch(ctx) }()
	b := &bubble{Controller: c, t: t, dir: dir, mem: mem, h: c.handler()}
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		close(c.closing)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watch: %v", err)
		}
		if err := c.auditFile.close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	}
	t.Cleanup(b.stop)
	synctest.Wait()
	return b
}

// caller is a device or a gateway in a bubble.
type caller struct {
	b      *bubble
	id     string
	leaf   *x509.Certificate
	from   string // its address
	cookie *http.Cookie
}

func (b *bubble) caller(reply wire.EnrolReply, err error) *caller {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(reply.Certificate))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		b.t.Fatal(err)
	}
	return &caller{b: b, id: string(reply.Device), leaf: leaf, from: "192.0.2.1"}
}

func (b *bubble) device(user string) *caller {
	return b.deviceOf(user, newKey(b.t))
}

func (b *bubble) deviceOf(user string, key *ecdsa.PrivateKey) *caller {
	b.t.Helper()
	return b.caller(b.enrolDevice(b.t.Context(), user, &key.PublicKey, wire.EnrolRequest{}))
}

func (b *bubble) gatewayPeer() *caller {
	b.t.Helper()
	return b.caller(b.enrolGateway(b.t.Context(), "gw1", &newKey(b.t).PublicKey))
}

func (p *caller) request(ctx context.Context, method, path string, body any) *http.Request {
	p.b.t.Helper()
	text, raw := body.(string)
	if !raw && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			p.b.t.Fatal(err)
		}
		text = string(b)
	}
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(text))
	r.RemoteAddr = p.from + ":40000"
	if p.leaf != nil {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{p.leaf}, VerifiedChains: [][]*x509.Certificate{{p.leaf}}}
	}
	if p.cookie != nil {
		r.AddCookie(p.cookie)
	}
	return r
}

func (p *caller) ask(method, path string, body any) *httptest.ResponseRecorder {
	p.b.t.Helper()
	w := httptest.NewRecorder()
	p.b.h.ServeHTTP(w, p.request(p.b.t.Context(), method, path, body))
	synctest.Wait()
	return w
}

// must is ask where nothing else than a status will do.
func (p *caller) must(status int, method, path string, body any) *httptest.ResponseRecorder {
	p.b.t.Helper()
	w := p.ask(method, path, body)
	if w.Code != status {
		p.b.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w
}

func (p *caller) signIn() {
	p.b.t.Helper()
	w := p.must(http.StatusOK, "POST", wire.PathSession, aliceSignIn(p.b.t))
	p.cookie = w.Result().Cookies()[0]
}

// pipeWriter is a response that is read while it is written.
type pipeWriter struct {
	header http.Header
	*io.PipeWriter
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) WriteHeader(int)     {}
func (w *pipeWriter) Flush()              {}

// live is an event stream in a bubble.
type live struct {
	t     *testing.T
	close func()

	mu   sync.Mutex // guards what follows
	got  []wire.Event
	over bool
}

// events are all that came.
func (l *live) events() []wire.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// ended says whether the stream has ended.
func (l *live) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

func (p *caller) open(path string) *live {
	p.b.t.Helper()
	l := p.start(path)
	synctest.Wait()
	return l
}

// start is open without waiting for what comes.
func (p *caller) start(path string) *live {
	p.b.t.Helper()
	ctx, cancel := context.WithCancel(p.b.t.Context())
	rd, wr := io.Pipe()
	l := &live{t: p.b.t}
	r := p.request(ctx, "GET", path, nil)
	served, read := make(chan bool), make(chan bool)
	go func() {
		defer close(served)
		p.b.h.ServeHTTP(&pipeWriter{http.Header{}, wr}, r)
		wr.Close()
	}()
	go func() {
		defer close(read)
		events := wire.NewEventReader(rd)
		for {
			e, err := events.Next()
			l.mu.Lock()
			if l.over = err != nil; !l.over {
				l.got = append(l.got, e)
			}
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	l.close = func() { cancel(); rd.Close(); <-served; <-read }
	p.b.t.Cleanup(l.close)
	return l
}

// last decodes the last event, which must be of a name.
func (l *live) last(name string, v any) {
	l.t.Helper()
	synctest.Wait()
	all := l.events()
	if len(all) == 0 || all[len(all)-1].Name != name {
		l.t.Fatalf("the events are %v, and the last is no %s", all, name)
	}
	if err := json.Unmarshal(all[len(all)-1].Data, v); err != nil {
		l.t.Fatal(err)
	}
}

func (l *live) snapshot() wire.Snapshot {
	l.t.Helper()
	var s wire.Snapshot
	l.last(wire.EventSnapshot, &s)
	return s
}

// held are the tokens of a snapshot, verified.
type held struct {
	claims *wire.ClaimsToken
	hq     *wire.EntitlementToken
}

func (p *caller) held(s wire.Snapshot) held {
	p.b.t.Helper()
	keys := (&rig{Controller: p.b.Controller}).keys()
	claims, err := keys.VerifyClaims(s.ClaimsToken, p.leaf, time.Now())
	if err != nil {
		p.b.t.Fatal(err)
	}
	hq, err := keys.VerifyEntitlement(s.Tokens["hq"], "hq", p.leaf, time.Now())
	if err != nil {
		p.b.t.Fatal(err)
	}
	return held{claims, hq}
}

// ids names both tokens.
func (h held) ids() string { return h.claims.ID + " " + h.hq.ID }

// policy is the last policy that a gateway's stream brought.
func (l *live) policy(b *bubble) *wire.PolicyToken {
	l.t.Helper()
	synctest.Wait()
	for _, e := range slices.Backward(l.events()) {
		if e.Name != wire.EventPolicy {
			continue
		}
		var token string
		if err := json.Unmarshal(e.Data, &token); err != nil {
			l.t.Fatal(err)
		}
		p, err := (&rig{Controller: b.Controller}).keys().VerifyPolicy(token)
		if err != nil {
			l.t.Fatal(err)
		}
		return p
	}
	l.t.Fatal("no policy has come")
	return nil
}

// effects are what the audit tells since it had n records: policies-assigned,
// claims-token, entitlement-token, with their trigger.
func (b *bubble) effects(n int) []string {
	synctest.Wait()
	out := []string{}
	for _, r := range b.Audit()[n:] {
		switch r.Kind {
		case "policies-assigned", "claims-token", "entitlement-token":
			out = append(out, fmt.Sprintf("%s %s", r.Kind, r.Trigger))
		}
	}
	return out
}
