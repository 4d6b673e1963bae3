package tunnel

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// connectUDP answers each datagram, and capsule, with itself.
func (g *gateway) connectUDP(w http.ResponseWriter, r *http.Request) {
	for {
		g.mu.Lock()
		changed, posts, verdicts := g.changed, len(g.posts), g.verdicts
		g.mu.Unlock()
		if posts == 0 {
			<-changed
			continue
		}
		if len(verdicts) > 0 && !verdicts[0].Allow {
			(&wire.Problem{Code: wire.CodeDenied, Status: 403, Title: "denied", Verdict: &verdicts[0]}).Write(w)
			return
		}
		break
	}
	w.Header().Set(http3.CapsuleProtocolHeader, "?1")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	rc.Flush()
	if h, ok := w.(http3.HTTPStreamer); ok {
		str, err := h.HTTPStream()
		if err != nil {
			return
		}
		defer str.Close()
		for {
			b, err := str.ReceiveDatagram(r.Context())
			if err != nil {
				return
			}
			str.SendDatagram(b)
		}
	}
	rc.EnableFullDuplex()
	b := make([]byte, 64<<10)
	for {
		n, err := r.Body.Read(b)
		if _, werr := w.Write(b[:n]); err != nil || werr != nil || rc.Flush() != nil {
			return
		}
	}
}

// asked has a program send b, and again each second, until it comes back; it returns
// after how long it did, or limit.
func asked(t *testing.T, p front.Packets, b string, limit time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < limit {
		if err := p.Send([]byte(b)); err != nil {
			t.Fatalf("send %q: %v", b, err)
		}
		for until := time.Now().Add(time.Second); time.Now().Before(until); {
			ctx, cancel := context.WithDeadline(t.Context(), until)
			got, err := p.Receive(ctx)
			cancel()
			if err == nil && string(got) == b {
				return time.Since(start)
			}
			if err != nil && ctx.Err() == nil {
				t.Fatalf("receive %q: %v", b, err)
			}
		}
	}
	t.Errorf("%q did not come back within %v", b, limit)
	return limit
}

func inDatagrams(t *testing.T, fn func(t *testing.T, s *sim, p front.Packets)) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Routes = []session.WantedRoute{{Site: "site", Entitlement: "e1", Protocol: wire.UDP, Hosts: []string{"ns.internal"}, Ports: []uint16{53}}}
		s.Apply(w)
		s.now()
		p, err := s.Router().Packets(t.Context(), front.Target{Host: "ns.internal", Port: 53, Protocol: wire.UDP})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		asked(t, p, "hello", time.Second)
		fn(t, s, p)
	})
}

// Where UDP is dropped in the middle, datagrams go on by HTTP/2 without anything
// else on the channel that would notice, and back when it passes again.
func TestDatagramsWhereUDPIsDropped(t *testing.T) {
	inDatagrams(t, func(t *testing.T, s *sim, p front.Packets) {
		s.lane("h3")
		time.Sleep(time.Minute)
		s.noUDP.Store(true)
		if took := asked(t, p, "on another lane", 20*time.Second); took > 5*time.Second {
			t.Errorf("that took %v", took)
		}
		s.lane("h2")
		for range 5 {
			time.Sleep(30 * time.Second)
			asked(t, p, "meanwhile", 2*time.Second)
		}
		s.noUDP.Store(false)
		for range 4 {
			time.Sleep(30 * time.Second)
			asked(t, p, "and back", 2*time.Second)
		}
		s.lane("h3")
	})
}

// Datagrams resume a channel that was suspended.
func TestDatagramsOverASuspension(t *testing.T) {
	inDatagrams(t, func(t *testing.T, s *sim, p front.Packets) {
		time.Sleep(10 * time.Minute)
		s.state(session.Suspended)
		if took := asked(t, p, "again", 5*time.Second); took > time.Second {
			t.Errorf("that took %v", took)
		}
	})
}

// Datagrams that access forbids any more end with the reason.
func TestDatagramsAreCut(t *testing.T) {
	inDatagrams(t, func(t *testing.T, s *sim, p front.Packets) {
		s.gw.judge(deny())
		time.Sleep(time.Second)
		if err := p.Send([]byte("hello")); err == nil {
			t.Error("sent after a denial")
		}
		if _, err := p.Receive(t.Context()); err == nil {
			t.Error("received after a denial")
		}
	})
}

// A gateway that has given up a client which does not know has it woken: the
// client looks whether its link still stands.
func TestWakeWhileTheLinkIsDead(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		app := s.applications()
		near := s.open()
		defer near.Close()
		io.WriteString(near, "hello")
		far := <-app
		wantRead(t, far, "hello")
		time.Sleep(30 * time.Second)
		s.cut.Store(true)
		io.WriteString(far, "are you there?")
		time.Sleep(time.Minute) // the gateway hears nothing, and the client is told nothing
		s.cut.Store(false)
		s.state(session.Connected)
		start := time.Now()
		s.wake(1)
		wantRead(t, near, "are you there?")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("that took %v", took)
		}
	})
}

// What is no flow waits for the device's claims like one, and then has the channel
// opened itself.
func TestDatagramsWaitForTheDevice(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		w := routed(s)
		w.Device, w.Gathering = claims(true), true
		s.Apply(w)
		s.now()
		told := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			told <- s.Router().Echo(ctx, front.Target{Host: "10.1.2.3", Protocol: wire.ICMP}, 56)
		}()
		time.Sleep(700 * time.Millisecond)
		w = routed(s)
		w.Device = claims(true)
		s.Apply(w)
		if err := <-told; err != nil {
			t.Errorf("the ping: %v", err)
		}
	})
}
