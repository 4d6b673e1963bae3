package tunnel

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// A gateway that admits and then drops each carrier is not stormed.
func TestGatewayDropsWhatItAdmits(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		app := s.applications()
		near := s.open()
		io.WriteString(near, "hello")
		far := <-app
		wantRead(t, far, "hello")
		time.Sleep(10 * time.Minute)
		s.state(session.Suspended)
		s.gw.update(func() { s.gw.drops = true })
		before, _, _ := s.gw.seen()
		io.WriteString(near, "again")
		time.Sleep(time.Minute)
		after, _, _ := s.gw.seen()
		if n := len(after) - len(before); n < 2 || n > 70 {
			t.Errorf("%d sessions in a minute", n)
		}
		s.gw.update(func() { s.gw.drops = false })
		start := time.Now()
		wantRead(t, far, "again")
		if took := time.Since(start); took > patientBackoff {
			t.Errorf("back after %v", took)
		}
		near.Close()
		far.Close()
	})
}

// A gateway that is taken from the list while it is dialled is not told our tokens.
func TestGatewayIsTakenWhileItIsDialled(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		other := s.gatewayAt(net.IPv4(10, 0, 0, 3).To4())
		defer other.stop()
		made := make(chan *memoryConn)
		go func() { made <- s.open() }()
		c := <-made
		time.Sleep(rtt / 2)
		w := config(s.pki, "10.0.0.3:443", "app.internal", 80)
		w.Sites[0].Gateways = []wire.Gateway{{Name: "gw2", Address: "10.0.0.3:443"}}
		s.Apply(w)
		ping(t, c, "hello")
		if f := s.state(session.Connected).Sites["site"]; f.Gateway != "gw2" {
			t.Errorf("gateway %q", f.Gateway)
		}
		if posts, _, _ := s.gw.seen(); len(posts) != 0 {
			t.Errorf("the one that is gone was asked %d times", len(posts))
		}
	})
}
