package gateway

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestNothingPassesAfterTheLease keeps the session's own goroutine busy across
// the end of a lease: the flow itself must not pass anything either.
func TestNothingPassesAfterTheLease(t *testing.T) {
	s := newSite(t, func(c *net.TCPConn) {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
		}
	}, nil)
	c := s.client(t, s.g.Addr(), s.device)
	k := s.authority.ticket(s.device).entitle("app", "app.test", s.port, `within(responses.mfa, duration("500ms"))`, wire.InteractionMFA)
	k.settings.StampRounding = 0
	end := time.Now().Add(500 * time.Millisecond)
	c.admit(k.answered(wire.InteractionMFA, end.Add(-500*time.Millisecond)))
	str := c.flow(s.app)

	session := s.g.registry.all()[0]
	var busy sync.WaitGroup
	busy.Go(func() { session.call(func() { time.Sleep(time.Until(end.Add(600 * time.Millisecond))) }) })
	defer busy.Wait()
	var last time.Time
	n := 0
	buf := make([]byte, 64)
	for {
		got, err := str.Read(buf)
		n += got
		if err != nil {
			break
		}
		last = time.Now()
	}
	if late := last.Sub(end); n == 0 || late > 300*time.Millisecond {
		t.Errorf("%d bytes, the last %s after the end of the lease", n, late)
	}
	if ended := time.Since(end); ended < 550*time.Millisecond {
		t.Errorf("the session was not busy: reset %s after the end of the lease", ended)
	}
}

// TestRevocationAmidManyFlows opens flows from many goroutines while the session
// is revoked: none survives, none is left behind.
func TestRevocationAmidManyFlows(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	const workers, each = 16, 30
	half := make(chan struct{}, workers*each)
	var open sync.WaitGroup
	for range workers {
		open.Go(func() {
			for range each {
				str := c.open(s.app, "hi")
				half <- struct{}{}
				res, err := str.ReadResponse()
				if err != nil || res.StatusCode != http.StatusOK {
					continue
				}
				open.Go(func() { readToEnd(t, str) })
			}
		})
	}
	for range workers * each / 2 {
		<-half
	}
	revoked := map[wire.SessionID]time.Time{"s-1": time.Now().Add(time.Hour)}
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 2, Revoked: revoked})); err != nil {
		t.Fatal(err)
	}
	open.Wait()
	if n := len(s.g.registry.all()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// readToEnd needs the flow's reset: its echo never ends by itself.
func readToEnd(t *testing.T, str *http3.RequestStream) {
	if _, err := io.Copy(io.Discard, str); err == nil {
		t.Error("a flow ended without a reset")
	}
}
