package tunnel

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func claims(on bool) wire.DeviceClaims { return wire.DeviceClaims{"firewall": on} }

// device has the device report these claims, or none.
func (s *sim) device(c wire.DeviceClaims) {
	w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
	w.Device = c
	s.Apply(w)
	time.Sleep(time.Second)
}

// wantReports wants exactly these claims put since the last look.
func (s *sim) wantReports(when string, want ...wire.DeviceClaims) {
	s.t.Helper()
	s.now()
	if d := cmp.Diff(want, s.gw.reported()); d != "" {
		s.t.Errorf("%s: device claims put (-want +got):\n%s", when, d)
	}
}

func TestDeviceClaimsFollowTheirChange(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		if n := s.during(time.Second); n != 0 {
			t.Errorf("%d packets before any use", n)
		}
		s.device(claims(true))
		c := s.open()
		ping(t, c, "hello")
		posts, _, _ := s.gw.seen()
		want := wire.SessionRequest{ClaimsToken: "claims1", EntitlementToken: "ent1", Device: claims(true), Instance: posts[0].Instance}
		if d := cmp.Diff([]wire.SessionRequest{want}, posts); d != "" {
			t.Fatalf("posts (-want +got):\n%s", d)
		}
		s.device(claims(true))
		s.wantReports("what was posted")
		s.device(claims(false))
		s.wantReports("changed", claims(false))
		s.device(claims(false))
		time.Sleep(time.Minute)
		s.wantReports("the same")
		s.device(nil)
		s.wantReports("nothing is known any more")
		s.device(claims(true))
		s.wantReports("and back", claims(true))
		ping(t, c, "same flow")
		if posts, puts, _ := s.gw.seen(); len(posts) != 1 || len(puts) != 0 {
			t.Errorf("%d posts, %d puts of tokens", len(posts), len(puts))
		}
	})
}

// A suspended channel sends nothing, whatever changes on the device, and the claims
// with what resumes it.
func TestDeviceClaimsWhileSuspended(t *testing.T) {
	for name, quiet := range map[string]bool{"with a quiet flow": true, "without a flow": false} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				s.device(claims(true))
				c := s.open()
				ping(t, c, "hello")
				if !quiet {
					c.Close()
				}
				time.Sleep(6 * time.Minute)
				s.state(session.Suspended)
				before := s.packets.Load()
				s.device(claims(false))
				time.Sleep(12 * time.Hour)
				if n := s.packets.Load() - before; n != 0 {
					t.Errorf("%d packets while suspended", n)
				}
				if !quiet {
					c = s.open()
				}
				ping(t, c, "again")
				s.wantReports("they went with the tokens")
				posts, _, _ := s.gw.seen()
				if n := len(posts); n != 2 || !cmp.Equal(posts[1].Device, claims(false)) {
					t.Errorf("posts %+v", posts)
				}
			})
		})
	}
}

// Reports do not keep a channel from being suspended.
func TestDeviceClaimsAreNoPayload(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.device(claims(true))
		c := s.open()
		ping(t, c, "hello")
		for i := range 4 {
			time.Sleep(time.Minute)
			s.device(claims(i%2 == 1))
		}
		time.Sleep(time.Minute)
		s.state(session.Suspended)
	})
}

func TestDeviceClaimsRefusedOrLost(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.device(claims(true))
		c := s.open()
		ping(t, c, "hello")
		s.gw.update(func() {
			s.gw.noDevice = &wire.Problem{Code: wire.CodeBadRequest, Status: 400, Title: "a claim is malformed"}
		})
		s.device(claims(false))
		time.Sleep(time.Minute)
		s.wantReports("refused", claims(false))
		s.gw.update(func() { s.gw.noDevice, s.gw.mute = nil, true })
		s.device(claims(true))
		s.gw.update(func() { s.gw.mute = false })
		time.Sleep(renewTimeout + 2*lastBackoff)
		s.wantReports("unanswered once", claims(true), claims(true))
		ping(t, c, "same flow")
	})
}

// A report that was lost may have come all the same: what was said before it is
// said again.
func TestDeviceClaimsRevertedWhileLost(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.device(claims(true))
		ping(t, s.open(), "hello")
		s.gw.update(func() { s.gw.mute = true })
		s.device(claims(false))
		s.gw.update(func() { s.gw.mute = false })
		time.Sleep(renewTimeout)
		s.device(claims(true))
		time.Sleep(2 * lastBackoff)
		s.wantReports("reverted", claims(false), claims(true))
		s.gw.update(func() { s.gw.mute = true })
		s.device(claims(false))
		time.Sleep(renewTimeout)
		s.device(nil)
		time.Sleep(time.Minute)
		s.wantReports("nothing is known any more", claims(false))
	})
}

func TestResumed(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		resumed := func() (all []bool) {
			posts, _, _ := s.gw.seen()
			for _, p := range posts {
				all = append(all, p.Resumed)
			}
			return all
		}
		s.gw.update(func() { s.gw.refuse = &wire.Problem{Code: wire.CodeOverload, Status: 503, Title: "busy"} })
		wantReset(t, s.open())
		s.state(session.Disconnected)
		s.gw.update(func() { s.gw.refuse = nil })
		ping(t, s.open(), "first")
		time.Sleep(time.Second)
		s.cut.Store(true)
		wantReset(t, s.open()) // finds the carrier dead, and no other
		s.cut.Store(false)
		ping(t, s.open(), "second")
		if d := cmp.Diff([]bool{false, false, true}, resumed()); d != "" {
			t.Errorf("resumed, of each post (-want +got):\n%s", d)
		}
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Session = "session2"
		s.Apply(w)
		s.now()
		ping(t, s.open(), "another session")
		if d := cmp.Diff([]bool{false, false, true, false}, resumed()); d != "" {
			t.Errorf("with another session (-want +got):\n%s", d)
		}
	})
}
