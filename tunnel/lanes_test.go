package tunnel

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

func (s *sim) lane(want string) {
	s.t.Helper()
	s.until("lane "+want, func(f session.DataplaneFacts) bool {
		return f.Sites["site"].State == session.Connected && f.Sites["site"].Lane == want
	})
}

// Datagrams that are dropped in mid-session move everything to HTTP/2, and back
// when they pass again.
func TestUDPIsDroppedInMidSession(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		s.lane("h3")
		time.Sleep(time.Minute)
		s.noUDP.Store(true)
		start := time.Now()
		ping(t, c, "on another lane")
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("that took %v", took)
		}
		s.lane("h2")
		ping(t, s.open(), "a new flow")
		for range 5 {
			time.Sleep(30 * time.Second)
			ping(t, c, "meanwhile")
		}
		s.lane("h2")
		s.noUDP.Store(false)
		for range 4 {
			time.Sleep(30 * time.Second)
			ping(t, c, "and back")
		}
		s.lane("h3")
	})
}

// Where no datagram ever passes the channel comes up on HTTP/2.
func TestNoUDP(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		s.noUDP.Store(true)
		start := time.Now()
		c := s.open()
		ping(t, c, "hello")
		if took := time.Since(start); took > time.Second {
			t.Errorf("the first byte came after %v", took)
		}
		s.lane("h2")
		time.Sleep(10 * time.Minute)
		s.state(session.Suspended)
		start = time.Now()
		ping(t, c, "again")
		if took := time.Since(start); took > time.Second {
			t.Errorf("resumed after %v", took)
		}
	})
}

// Datagrams that are dropped while a ticket is at hand cost no flow: the first one's
// CONNECT was sent to nobody.
func TestUDPIsDroppedWhileSuspended(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		time.Sleep(10 * time.Minute)
		s.state(session.Suspended)
		s.noUDP.Store(true)
		start := time.Now()
		ping(t, s.open(), "a new flow")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the first byte came after %v", took)
		}
		ping(t, c, "still there")
		s.lane("h2")
	})
}

// A change of the network moves the channel at once, on either lane.
func TestNetworkChanges(t *testing.T) {
	for _, lane := range []string{"h3", "h2"} {
		t.Run(lane, func(t *testing.T) {
			inLanes(t, Options{Lane: lane}, func(t *testing.T, s *sim) {
				c := s.open()
				ping(t, c, "hello")
				s.lane(lane)
				for range 3 {
					s.changes <- netwatch.Change{Network: true, Up: true}
					ping(t, c, "goes on")
					time.Sleep(time.Second)
					ping(t, c, "and on")
					s.lane(lane)
				}
			})
		})
	}
}

// A connection that a program makes while its path is dead, unnoticed, goes on when
// there is another: the gateway never heard of it, and says so.
func TestOpenedOnADeadPath(t *testing.T) {
	for _, lane := range []string{"h3", "h2"} {
		t.Run(lane, func(t *testing.T) {
			inLanes(t, Options{Lane: lane}, func(t *testing.T, s *sim) {
				ping(t, s.open(), "hello")
				s.sever()
				c := s.open()
				if _, err := io.WriteString(c, "GET /"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
				s.changes <- netwatch.Change{Network: true, Up: true}
				wantRead(t, c, "GET /")
				s.lane(lane)
				if _, _, opened := s.gw.seen(); opened != 2 {
					t.Errorf("%d applications were opened", opened)
				}
			})
		})
	}
}

// When the gateway that has our flows is gone for good, another of the site's takes
// what comes; what it does not know is reset.
func TestGatewayIsGone(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		other := s.gatewayAt(net.IPv4(10, 0, 0, 3).To4())
		defer other.stop()
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Sites[0].Gateways = append(w.Sites[0].Gateways, wire.Gateway{Name: "gw2", Address: "10.0.0.3:443"})
		s.Apply(w)
		c := s.open()
		ping(t, c, "hello")
		s.gw.stop()
		start := time.Now()
		wantReset(t, c)
		if took := time.Since(start); took < homeGrace || took > 4*homeGrace {
			t.Errorf("given up after %v", took)
		}
		ping(t, s.open(), "on the other")
		if f := s.state(session.Connected).Sites["site"]; f.Gateway != "gw2" {
			t.Errorf("gateway %q", f.Gateway)
		}
	})
}

// A bulk flow moves to HTTP/2 in mid-stream, and is whole.
func TestBulkMoves(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		app := s.applications()
		c := s.open()
		sent := bytes.Repeat([]byte("0123456789abcde\n"), 4<<20)
		go func() {
			c.Write(sent)
			c.CloseWrite()
		}()
		far := <-app
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
		}
		far.Close()
		io.ReadAll(c)
		if n := s.gw.count(func() int { return s.gw.joins }); n != 1 {
			t.Errorf("%d carriers joined", n)
		}
		if n := s.gw.count(func() int { return s.gw.resumed }); n == 0 {
			t.Error("the flow did not move")
		}
		s.lane("h3")
	})
}

// Many flows spread over two QUIC connections.
func TestManyFlowsHaveTwoConnections(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		for range 3 * crowdOf {
			ping(t, s.open(), "hello")
		}
		if n := s.gw.count(func() int { return s.gw.joins }); n != 1 {
			t.Errorf("%d carriers joined", n)
		}
	})
}
