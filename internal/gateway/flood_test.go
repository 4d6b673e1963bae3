package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

func TestEndlessBodyAndLongHeaders(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	body := &endless{}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://gateway.test"+wire.PathDataSession, io.NopCloser(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.h3.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusBadRequest || body.n.Load() > 4<<20 {
		t.Errorf("an endless body: %v, %v after %d bytes", res, err, body.n.Load())
	}
	if res != nil {
		res.Body.Close()
	}
	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, "https://gateway.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	if res, err = c.h3.RoundTrip(r); err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("long headers: %d", res.StatusCode)
		}
	}
	c = s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	ping(t, c.flow(s.app), "the gateway goes on")
}

// TestConnectionsPerAddress hangs the limiter on the data channels.
func TestConnectionsPerAddress(t *testing.T) {
	a := newAuthority(t)
	laptop := a.device("laptop-1")
	g, err := New(Options{Config: Config{Name: "gw", Site: "north", Listen: "127.0.0.1:0", State: a.enrolledState("127.0.0.1:1")}, Uplink: noController{}})
	if err != nil {
		t.Fatal(err)
	}
	g.limiter.PerAddress = 2
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	defer func() { cancel(); <-done }()
	first := a.client(t, g.Addr(), laptop)
	a.client(t, g.Addr(), laptop)
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if q, err := a.dial(pc, g.Addr(), laptop); err == nil {
		q.CloseWithError(0x100, "")
		t.Error("a third connection was served")
	}
	first.quic.CloseWithError(0x100, "")
	for end := time.Now().Add(10 * time.Second); ; { // the gateway hears of it in a moment
		q, err := a.dial(pc, g.Addr(), laptop)
		if err == nil {
			q.CloseWithError(0x100, "")
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no room after a connection has ended: %v", err)
		}
	}
}

// TestCertificateOutlived: what was proven at the handshake is over when the
// certificate is.
func TestCertificateOutlived(t *testing.T) {
	a := newAuthority(t)
	leaf := a.device("laptop-1").cert.Leaf
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf, a.ca}}}
	if id, _, err := deviceOf(state, time.Now()); err != nil || id != "laptop-1" {
		t.Errorf("%s, %v", id, err)
	}
	if id, _, err := deviceOf(state, leaf.NotAfter.Add(time.Second)); err == nil {
		t.Errorf("%s after its certificate's end", id)
	}
}

// TestRevocationWithAFullDisk: what cannot be kept still takes effect, again and
// again.
func TestRevocationWithAFullDisk(t *testing.T) {
	ctl := newController(t)
	port := application(t, echo)
	state := ctl.enrolledState(ctl.address)
	g := start(t, Options{Config: Config{State: state, Hosts: map[string]string{"app.test": "127.0.0.1"}}})
	laptop := ctl.device("laptop-1")
	c := ctl.client(t, g.Addr(), laptop)
	k := ctl.ticket(laptop).entitle("app", "app.test", port, "")
	c.admit(k)
	str := c.flow(fmt.Sprintf("app.test:%d", port))
	ping(t, str, "hello")
	// Moved away, not removed: the gateway may be writing into it now.
	if err := os.Rename(state, state+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, nil, 0o600); err != nil { // no file can be made below it
		t.Fatal(err)
	}
	ctl.policies <- "" // the stream breaks; the gateway comes back and cannot keep the keys
	ctl.policies <- ctl.policy(2, "s-1")
	expectReset(t, str, codeCut)
	k.session = "s-2"
	c.admit(k)
	str = c.flow(fmt.Sprintf("app.test:%d", port))
	ctl.policies <- ctl.policy(3, "s-2") // down the same stream
	expectReset(t, str, codeCut)
	if g.state.write("x", nil) == nil {
		t.Error("the disk is not full")
	}
}
