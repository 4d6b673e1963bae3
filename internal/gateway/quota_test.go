package gateway

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota(Limits{Flows: 3, FlowRate: 2, ByteRate: 1 << 20}.whole())
		var done []func()
		for range 3 {
			d, p := q.enter()
			if p != nil {
				t.Fatal(p)
			}
			done = append(done, d)
		}
		if _, p := q.enter(); p == nil || p.Status != http.StatusTooManyRequests {
			t.Errorf("a fourth flow: %v", p)
		}
		done[0]()
		done[0]() // counts once
		d, p := q.enter()
		if p != nil {
			t.Fatal(p)
		}
		d()
		if _, p := q.enter(); p == nil {
			t.Error("a fifth flow within a second")
		}
		time.Sleep(time.Second)
		if _, p := q.enter(); p != nil {
			t.Error(p)
		}
		began := time.Now()
		if !q.pace(nil, 5<<20) || time.Since(began) < 3900*time.Millisecond || time.Since(began) > 4100*time.Millisecond {
			t.Errorf("5 MiB at 1 MiB a second took %s beyond the burst", time.Since(began))
		}
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		if q.pace(stop, 100<<20) {
			t.Error("a flow that was cut has its bytes pass")
		}
	})
}

// TestFlowsOfASession bounds how many there are, and leaves others alone.
func TestFlowsOfASession(t *testing.T) {
	s := newSite(t, echo, func(o *Options) { o.Config.Limits.Flows = 4 })
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	var open []io.Closer
	for range 4 {
		str := c.flow(s.app)
		ping(t, str, "hello")
		open = append(open, str)
	}
	p, h := c.refusedFlow(s.app)
	if p.Status != http.StatusTooManyRequests || p.Code != wire.CodeOverload || h.Get("Proxy-Status") != `"gw"; error=connection_limit_reached` {
		t.Errorf("%v, %s", p, h.Get("Proxy-Status"))
	}
	k := s.ticket()
	k.session = "s-2"
	other := s.client(t, s.g.Addr(), s.device)
	other.admit(k)
	ping(t, other.flow(s.app), "another session")
	open[0].Close()
	s.waitForFlows(t, 4) // three and the other session's
	ping(t, c.flow(s.app), "there is room again")
}

// TestStreamsOpenedAndReset: a client that opens flows and resets them at once
// leaves nothing behind, whatever of them had come about.
func TestStreamsOpenedAndReset(t *testing.T) {
	const streams = 5000
	s := newSite(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) }, nil)
	c := s.foreignH3(t, s.g.Addr(), s.device, false)
	bearer := s.ticket().bearer()
	if status, _ := c.connect(s.app, "proxy-authorization", bearer).answer(t); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	before := runtime.NumGoroutine()
	for range streams {
		str, err := c.conn.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		str.Write(h3Header(":method", "CONNECT", ":authority", s.app))
		str.CancelRead(quic.StreamErrorCode(0x10c))
		str.CancelWrite(quic.StreamErrorCode(0x10c))
	}
	s.waitForFlows(t, 1)
	for end := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before+50; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, were %d", runtime.NumGoroutine(), before)
		}
	}
	str := c.connect(s.app)
	if status, _ := str.answer(t); status != http.StatusOK {
		t.Errorf("afterwards: answered %d", status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if s.g.gate.until(ctx, func() bool { return s.g.gate.flows <= 2 }); ctx.Err() != nil {
		t.Error("requests are counted that are over")
	}
}

// noise sends random datagrams, some of which begin as QUIC's long headers do.
func noise(t *testing.T, to net.Addr, n int) {
	t.Helper()
	c, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 1200)
	for i := range n {
		rand.Read(b)
		if i%2 == 0 {
			copy(b, []byte{0xc3, 0, 0, 0, 1, 8})
		}
		c.Write(b[:1+i%len(b)])
	}
}

// TestPacketsOfStrangers: what is no QUIC harms nobody.
func TestPacketsOfStrangers(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	str := c.flow(s.app)
	noise(t, s.g.Addr(), 5000)
	ping(t, str, "the gateway goes on")
	k := s.ticket()
	k.session = "s-2"
	other := s.client(t, s.g.Addr(), s.device)
	other.admit(k)
	ping(t, other.flow(s.app), "and takes others")
}
