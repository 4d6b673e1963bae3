package controller

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// endless is a body of spaces, which JSON allows before a value.
type endless struct{ n atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.n.Add(int64(len(p)))
	return len(p), nil
}

// TestBodiesBeforeIdentity sends bodies without end to every path, from many
// connections at once and with no certificate: each is refused after little.
func TestBodiesBeforeIdentity(t *testing.T) {
	transports(t, func(t *testing.T, h3 bool) {
		r := newRig(t)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var wg sync.WaitGroup
		for range 16 {
			for _, path := range []string{wire.PathEnrol, wire.PathSession, wire.PathAnswers, wire.PathDevice, wire.PathSignals, wire.PathGatewayReport, wire.PathGatewayAlert, wire.PathGatewayWake, "/v1/nothing"} {
				wg.Go(func() {
					c := newClient(t, r.authority.fingerprint(), nil, h3)
					body := &endless{}
					w, err := c.Post("https://"+r.Addr()+path, "application/json", io.NopCloser(body))
					if err == nil {
						io.Copy(io.Discard, w.Body)
						w.Body.Close()
						if w.StatusCode < 400 || w.StatusCode >= 500 {
							t.Errorf("%s: %d", path, w.StatusCode)
						}
					}
					if n := body.n.Load(); n > 4<<20 {
						t.Errorf("%s: %d bytes were taken", path, n)
					}
				})
			}
		}
		wg.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
			t.Errorf("the heap has grown by %d MB", grown>>20)
		}
	})
}

// TestSlowEnrolments opens more enrolments than are worked on at once, and sends
// none of them to its end: others enrol meanwhile.
func TestSlowEnrolments(t *testing.T) {
	r := newRig(t)
	for range 2 * cap(r.enrolling) {
		c, err := tls.Dial("tcp", r.Addr(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", wire.PathEnrol)
	}
	for n := 0; n < cap(r.enrolling); n++ { // theirs are being served by now
		enrolled(t, r, "bob", false)
	}
}

// TestHeaderLimit sends more headers than a server needs to read.
func TestHeaderLimit(t *testing.T) {
	transports(t, func(t *testing.T, h3 bool) {
		r := newRig(t)
		q, err := http.NewRequest("GET", "https://"+r.Addr()+wire.PathHello, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("X-Long", strings.Repeat("x", 64<<10))
		w, err := newClient(t, r.authority.fingerprint(), nil, h3).Do(q)
		if err == nil {
			defer w.Body.Close()
			if w.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("answered %d", w.StatusCode)
			}
		}
	})
}

// TestHeadersProveNothing adds what other servers have believed: the answer to
// an unproven peer stays what it is.
func TestHeadersProveNothing(t *testing.T) {
	r := newRig(t)
	bob := enrolled(t, r, "bob", false)
	bob.signInBob(t)
	c := newClient(t, r.authority.fingerprint(), nil, false)
	for _, h := range [][2]string{
		{"X-Forwarded-For", "127.0.0.1"}, {"X-Real-IP", "127.0.0.1"}, {"Forwarded", "for=127.0.0.1;host=controller"},
		{"X-Forwarded-Client-Cert", "URI=tidegate:device/" + bob.id}, {"X-SSL-Client-Verify", "SUCCESS"}, {"X-Client-Cert", string(certPEM(bob.cert.Certificate[0]))},
		{"Client-Cert", ":AAAA:"}, {"SSL-Client-S-DN", "CN=device/" + bob.id}, {"X-Original-URL", wire.PathEnrol}, {"X-Rewrite-URL", wire.PathEnrol},
		{"X-HTTP-Method-Override", "POST"}, {"Authorization", "Bearer " + bob.cookie.Value}, {"X-Remote-User", "bob"}, {"Remote-User", "bob"},
		{"User-Agent", "Tidegate"}, {"Origin", "https://" + r.Addr()}, {"Sec-Fetch-Site", "same-origin"}, {"Host", "admin"},
	} {
		q, err := http.NewRequest("GET", "https://"+r.Addr()+wire.PathEvents, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header[h[0]] = []string{strings.ReplaceAll(h[1], "\n", " ")}
		q.AddCookie(bob.cookie)
		w, err := c.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(w.Body)
		w.Body.Close()
		want(t, h[0], w.StatusCode, b, wire.CodeDevice)
	}
}

// TestConnectionsPerAddress hangs the limiter on both transports.
func TestConnectionsPerAddress(t *testing.T) {
	transports(t, func(t *testing.T, h3 bool) {
		conf := exampleConfig(t)
		c, err := New(Options{Config: conf, Store: &store.Memory{}, StateDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		c.admission.PerAddress = 2
		r := run(t, c)
		for range 2 {
			held := newClient(t, r.authority.fingerprint(), nil, h3)
			call(t, held, r.Addr(), "GET", wire.PathHello, nil, nil)
		}
		w, err := newClient(t, r.authority.fingerprint(), nil, h3).Get("https://" + r.Addr() + wire.PathHello)
		if err == nil {
			w.Body.Close()
			t.Errorf("the third connection was served: %d", w.StatusCode)
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("the third connection was left waiting: %v", err)
		}
	})
}

// run serves a controller until the test ends.
func run(t *testing.T, c *Controller) *rig {
	t.Helper()
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return &rig{Controller: c, t: t}
}

// TestReportsAreClipped has a gateway send records of any length.
func TestReportsAreClipped(t *testing.T) {
	r := newRig(t)
	gw := enrolledGateway(t, r)
	long := strings.Repeat("ä", 100_000)
	status, _, b := gw.do(t, "POST", wire.PathGatewayReport, wire.GatewayReport{Gateway: "gw1", Records: []wire.AuditRecord{
		{At: time.Now(), Kind: "verdict", Target: long, Reason: wire.Reason{Detail: long + "\nlevel=ERROR msg=forged"}}}})
	if status != http.StatusNoContent {
		t.Fatalf("%d %s", status, b)
	}
	all := r.Audit()
	if got := all[len(all)-1]; len(got.Target) > 600 || len(got.Reason.Detail) > 600 {
		t.Errorf("%d and %d bytes are kept", len(got.Target), len(got.Reason.Detail))
	}
	gw.do(t, "POST", wire.PathGatewayReport, wire.GatewayReport{Gateway: "gw1", Records: []wire.AuditRecord{{Kind: "x\nlevel=ERROR msg=forged"}}})
	for line := range bytes.Lines([]byte(r.log.String())) {
		if bytes.HasPrefix(line, []byte("level=ERROR msg=forged")) {
			t.Errorf("a record forged a line: %s", line)
		}
	}
}
