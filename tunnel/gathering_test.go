package tunnel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// gathering applies what says whether new flows wait for the device's claims.
func (s *sim) gathering(on bool, c wire.DeviceClaims) {
	w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
	w.Device, w.Gathering = c, on
	s.Apply(w)
	synctest.Wait()
}

// Before its first channel a flow waits without a packet, and goes on with claims
// that the gateway hears with the session.
func TestNewFlowWaitsForTheDevice(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gathering(true, claims(true))
		c := s.open()
		if n := s.during(700 * time.Millisecond); n != 0 {
			t.Errorf("%d packets meanwhile", n)
		}
		s.gathering(false, claims(false))
		start := time.Now()
		ping(t, c, "hello")
		if took := time.Since(start); took > 2*rtt+rtt/10 {
			t.Errorf("then it took %v", took)
		}
		posts, _, _ := s.gw.seen()
		want := []wire.SessionRequest{{ClaimsToken: "claims1", EntitlementToken: "ent1", Device: claims(false), Instance: posts[0].Instance}}
		if d := cmp.Diff(want, posts); d != "" {
			t.Errorf("posts (-want +got):\n%s", d)
		}
		s.wantReports("they came with the session")
	})
}

// On an open channel what was open goes on, and what is new waits until the
// gateway has the claims too.
func TestNewFlowWaitsOnAnOpenChannel(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.device(claims(true))
		old := s.open()
		ping(t, old, "hello")
		s.gathering(true, claims(true))
		c := s.open()
		ping(t, old, "goes on")
		time.Sleep(time.Second / 2)
		if f := s.now().Sites["site"]; f.Flows != 1 {
			t.Errorf("%d flows are open", f.Flows)
		}
		start := time.Now()
		s.gathering(false, claims(false))
		ping(t, c, "and so does this")
		if took := time.Since(start); took < 2*rtt || took > 2*rtt+rtt/10 {
			t.Errorf("it took %v, want a round trip for the claims and one for the flow", took)
		}
		s.wantReports("gathered", claims(false))
	})
}

// A channel that was being opened when the claims were declared hears them before
// any flow.
func TestNewFlowWaitsWhileItsChannelOpens(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.device(claims(true))
		c := s.open()
		time.Sleep(rtt / 4)
		s.gathering(true, claims(true))
		time.Sleep(rtt / 2)
		s.gathering(false, claims(false))
		start := time.Now()
		ping(t, c, "hello")
		t.Logf("the first byte came after %v", time.Since(start))
		posts, _, _ := s.gw.seen()
		if len(posts) != 1 || !cmp.Equal(posts[0].Device, claims(false)) {
			t.Errorf("posts %v", posts)
		}
	})
}

// A gateway that does not answer a report holds nobody up for more than a second,
// and one that is lost is replaced.
func TestNewFlowWaitsInVain(t *testing.T) {
	for _, c := range []struct {
		name  string
		then  func(s *sim)
		most  time.Duration
		posts int
	}{
		{"no answer", func(*sim) {}, heardTime + rtt, 1},
		{"the session ends", func(s *sim) {
			s.gw.update(func() { s.gw.ended = &wire.Problem{Code: wire.CodeToken, Title: "over"} })
			time.Sleep(rtt * 3 / 4) // the client knows, and its next session has not come
			s.gw.update(func() { s.gw.ended = nil })
		}, 4 * rtt, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				s.device(claims(true))
				ping(t, s.open(), "hello")
				s.gw.update(func() { s.gw.mute = true })
				s.gathering(false, claims(false))
				start := time.Now()
				f := s.open()
				synctest.Wait()
				c.then(s)
				ping(t, f, "goes on")
				if took := time.Since(start); took > c.most+rtt/10 {
					t.Errorf("it took %v", took)
				}
				if posts, _, _ := s.gw.seen(); len(posts) != c.posts {
					t.Errorf("%d posts", len(posts))
				}
			})
		})
	}
}

// What waits ends with the permission, with its application and with its channel.
func TestWaitForTheDeviceEnds(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gathering(true, nil)
		gone := s.open()
		gone.Close()
		time.Sleep(10 * time.Millisecond)
		c := s.open()
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Allowed, w.Gathering = false, true
		s.Apply(w)
		wantReset(t, c)
		s.gathering(true, nil)
		c = s.open()
		s.Apply(session.Wanted{})
		wantReset(t, c)
		if n := s.packets.Load(); n != 0 {
			t.Errorf("%d packets", n)
		}
	})
}
