package tunnel

import (
	"io"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// The first byte costs two round trips from a closed channel (one is the
// handshake; session and CONNECT share the other) and one on an open one.
func TestFirstByte(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		for _, step := range []struct {
			name string
			want time.Duration
		}{{"closed", 2 * rtt}, {"warm", rtt}} {
			start := time.Now()
			c := s.open()
			ping(t, c, "hello")
			took := time.Since(start)
			t.Logf("first byte, %s: %.2f round trips", step.name, float64(took)/float64(rtt))
			if took < step.want || took > step.want+rtt/10 {
				t.Errorf("first byte, %s, after %v, want %v", step.name, took, step.want)
			}
			c.Close()
		}
	})
}

func TestNothingWithoutDemand(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		if n := s.during(time.Hour); n != 0 {
			t.Errorf("%d packets without any use", n)
		}
	})
}

func TestNotAllowed(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		open := s.open()
		ping(t, open, "hello")
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Allowed = false
		s.Apply(w)
		synctest.Wait()
		wantReset(t, s.open())
		f := s.until("the reason", func(f session.DataplaneFacts) bool { return f.Apps["app"].Problem != nil })
		if p := f.Apps["app"].Problem; p.Code != wire.CodeNoSession || p.Title != "The controller is not reached" {
			t.Errorf("problem %+v", p)
		}
		ping(t, open, "goes on")
		w.Allowed = true
		s.Apply(w)
		c := s.open()
		ping(t, c, "hello")
		s.until("no problem", func(f session.DataplaneFacts) bool { return f.Apps["app"].Problem == nil })
	})
}

func TestTokensAreRenewed(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Sites[0].ClaimsToken = "claims2"
		s.Apply(w)
		s.Apply(w)
		time.Sleep(time.Second)
		want := wire.SessionRequest{ClaimsToken: "claims2", EntitlementToken: "ent1"}
		if posts, puts, _ := s.gw.seen(); len(puts) != 1 || !reflect.DeepEqual(puts[0], want) || len(posts) != 1 {
			t.Errorf("%d posts, puts %v", len(posts), puts)
		}
		ping(t, c, "same flow")
	})
}

// Tokens whose PUT was lost are put again, and go with the next carrier.
func TestLostTokensAreSentAgain(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		s.gw.update(func() { s.gw.mute = true })
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Sites[0].ClaimsToken = "claims2"
		s.Apply(w)
		time.Sleep(renewTimeout + lastBackoff)
		s.gw.update(func() { s.gw.mute = false })
		time.Sleep(renewTimeout + lastBackoff)
		if _, puts, _ := s.gw.seen(); len(puts) != 3 && len(puts) != 2 || puts[len(puts)-1].ClaimsToken != "claims2" {
			t.Errorf("puts %v", puts)
		}
		ping(t, c, "same flow")
	})
}

func TestApplyTwiceIsNoOp(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		time.Sleep(time.Minute)
		reports := s.reported()
		packets := s.packets.Load()
		s.Apply(config(s.pki, "10.0.0.2:443", "app.internal", 80))
		time.Sleep(time.Minute)
		if n := s.reported(); s.packets.Load() != packets || n != reports {
			t.Errorf("%d packets, %d reports for the same configuration", s.packets.Load()-packets, n-reports)
		}
		ping(t, c, "same flow")
	})
}

func TestSessionChangeAndZero(t *testing.T) {
	for name, next := range map[string]func(w *session.Wanted){
		"another session": func(w *session.Wanted) { w.Session = "session2" },
		"no session":      func(w *session.Wanted) { w.Session = "" },
		"zero":            func(w *session.Wanted) { *w = session.Wanted{} },
		"site gone":       func(w *session.Wanted) { w.Sites = nil },
		"app gone":        func(w *session.Wanted) { w.Apps = nil },
		"app changed":     func(w *session.Wanted) { w.Apps[0].Host = "other.internal" },
		"gateway gone":    func(w *session.Wanted) { w.Sites[0].Gateways = nil },
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				c := s.open()
				ping(t, c, "hello")
				w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
				next(&w)
				s.Apply(w)
				wantReset(t, c)
				s.until("facts of what is wanted, and no flows", func(f session.DataplaneFacts) bool {
					return f.Apps["app"].Flows == 0 && f.Sites["site"].Flows == 0 &&
						len(f.Sites) == len(w.Sites) && len(f.Apps) == len(w.Apps)
				})
			})
		})
	}
}

func TestSessionEnded(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		s.gw.update(func() {
			s.gw.ended = &wire.Problem{Code: wire.CodeRevoked, Title: "An administrator ended the session"}
		})
		wantReset(t, c)
		f := s.state(session.Disconnected)
		if p := f.Sites["site"].Problem; p == nil || p.Code != wire.CodeRevoked {
			t.Errorf("problem %+v", p)
		}
	})
}

func TestSessionRefused(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.update(func() {
			s.gw.posts = nil
			s.gw.refuse = &wire.Problem{Code: wire.CodeToken, Status: 403, Title: "The token has expired"}
		})
		wantReset(t, s.open())
		f := s.until("the reason", func(f session.DataplaneFacts) bool { return f.Sites["site"].Problem != nil })
		if p := f.Sites["site"].Problem; p.Code != wire.CodeToken {
			t.Errorf("problem %+v", p)
		}
	})
}

func TestGatewayDownThenUp(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.stop()
		start := time.Now()
		wantReset(t, s.open())
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("given up after %v", took)
		}
		f := s.state(session.Disconnected)
		p := f.Sites["site"].Problem
		if p == nil || p.Code != wire.CodeAppUnreachable || p.Title != "The gateway gw1 does not answer" || f.Apps["app"].Problem == nil {
			t.Errorf("problem %+v, application's %+v", p, f.Apps["app"].Problem)
		}
		if n := s.during(time.Hour); n != 0 {
			t.Errorf("%d packets without demand", n)
		}
		s.gw = startGateway(t, s.pki, s.endpoint(gatewayIP, 443), nil)
		s.gw.reach(memoryEcho)
		s.gw.judge(allow)
		ping(t, s.open(), "hello")
		s.state(session.Connected)
		s.until("no problem", func(f session.DataplaneFacts) bool {
			return f.Sites["site"].Problem == nil && f.Apps["app"].Problem == nil
		})
	})
}

func TestNextGatewayIsTried(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		w := config(s.pki, "10.0.0.3:443", "app.internal", 80)
		w.Sites[0].Gateways = append(w.Sites[0].Gateways, wire.Gateway{Name: "gw2", Address: "10.0.0.2:443"})
		s.Apply(w)
		ping(t, s.open(), "hello")
		if f := s.state(session.Connected); f.Sites["site"].Gateway != "gw2" {
			t.Errorf("gateway %q", f.Sites["site"].Gateway)
		}
	})
}

func TestWrongGatewayCertificate(t *testing.T) {
	other := newPKI(t)
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Identity.CA = other.ca
		s.Apply(w)
		synctest.Wait()
		wantReset(t, s.open())
		f := s.until("the reason", func(f session.DataplaneFacts) bool { return f.Sites["site"].Problem != nil })
		if d := f.Sites["site"].Problem.Detail; d[:15] != "Its certificate" {
			t.Errorf("detail %q", d)
		}
		if posts, _, _ := s.gw.seen(); len(posts) != 0 {
			t.Error("tokens were sent to a gateway that is not ours")
		}
	})
}

// A gateway that was started anew does not know the flows of the one before.
func TestGatewayRestarts(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		s.gw.stop()
		time.Sleep(8 * time.Second)
		if f := s.now(); f.Sites["site"].State != session.Connecting || f.Sites["site"].Problem == nil || f.Sites["site"].Parked != 1 {
			t.Errorf("while it is away: %+v", f.Sites["site"])
		}
		s.gw = s.gatewayAt(gatewayIP)
		start := time.Now()
		wantReset(t, c)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("noticed after %v", took)
		}
		s.until("the reason", func(f session.DataplaneFacts) bool {
			p := f.Apps["app"].Problem
			return f.Sites["site"].State == session.Connected && p != nil && p.Code == wire.CodeFlowGone
		})
		ping(t, s.open(), "hello")
	})
}

// A gateway that was killed says nothing: what is sent to it tells, and the flow
// goes on when it is back on the network.
func TestGatewayGoesSilent(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		time.Sleep(time.Minute)
		s.cut.Store(true)
		start := time.Now()
		io.WriteString(c, "anybody?")
		s.state(session.Connecting)
		if took := time.Since(start); took > deadAfter+time.Second {
			t.Errorf("noticed after %v", took)
		}
		time.Sleep(time.Minute)
		s.cut.Store(false)
		wantRead(t, c, "anybody?")
		ping(t, s.open(), "hello")
		s.state(session.Connected)
	})
}

// A short interruption of the network costs nothing.
func TestNetworkInterruption(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		s.cut.Store(true)
		time.AfterFunc(5*time.Second, func() { s.cut.Store(false) })
		ping(t, c, "roaming")
	})
}

// Nor does it where both directions are full, and more flows are asked for meanwhile.
func TestNetworkInterruptionUnderLoad(t *testing.T) {
	const size = 2 << 20
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		s.noUDP.Store(true)
		var wg sync.WaitGroup
		for range 8 {
			c := s.open()
			ping(t, c, "hello")
			wg.Go(func() {
				c.Write(make([]byte, size))
				c.CloseWrite()
			})
			wg.Go(func() {
				if n, err := io.Copy(io.Discard, c); n != size || err != nil {
					t.Errorf("%d bytes came back, and then: %v", n, err)
				}
				c.Close()
			})
		}
		s.cut.Store(true)
		for range 8 {
			time.Sleep(100 * time.Millisecond)
			c := s.open()
			defer c.Close()
			io.WriteString(c, "hello")
			defer wantRead(t, c, "hello")
		}
		s.cut.Store(false)
		wg.Wait()
	})
}

// Nothing ticks: reports come with changes, byte counts twice a second at most.
func TestReportsAreFew(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		time.Sleep(time.Second)
		before := s.reported()
		for range 100 {
			ping(t, c, "x")
			time.Sleep(80 * time.Millisecond)
		}
		time.Sleep(time.Second)
		if n := s.reported() - before; n > 22 || n < 15 {
			t.Errorf("%d reports in ten seconds of bytes", n)
		}
		if a := s.now().Apps["app"]; a.Up != 105 || a.Down != 105 || a.LastUsed.IsZero() {
			t.Errorf("counted %+v", a)
		}
		before = s.reported()
		time.Sleep(4 * time.Minute)
		if n := s.reported() - before; n != 0 {
			t.Errorf("%d reports of nothing", n)
		}
	})
}
