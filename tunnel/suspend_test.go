package tunnel

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// A connection that is made after an order resumes the channel, however busy the
// data plane is.
func TestUseAfterOrder(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		ping(t, s.open(), "hello")
		for range 20 {
			busy := make(chan struct{})
			s.Dataplane.running.Load().post(func() { <-busy })
			w.Suspend++
			s.Apply(w)
			made := make(chan *memoryConn)
			go func() { made <- s.open() }()
			synctest.Wait()
			close(busy)
			ping(t, <-made, "hello")
		}
		if p := s.now().Apps["app"].Problem; p != nil {
			t.Errorf("problem %+v", p)
		}
	})
}

// A connection that is being made when an order comes is made a moment later,
// wherever it stands, and so is one that is held for an answer.
func TestOrderMeetsAConnection(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.update(func() { s.gw.slow = rtt })
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		for after := time.Duration(0); after < 5*rtt; after += rtt / 4 {
			for _, resting := range []bool{false, true} {
				if resting {
					time.Sleep(10 * time.Minute)
					s.state(session.Suspended)
				}
				told := make(chan *offered)
				go func() { told <- s.offer(front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP}) }()
				time.Sleep(after)
				w.Suspend++
				s.Apply(w)
				start := time.Now()
				o := <-told
				if o.refused != nil {
					t.Fatalf("after %v, resting %v: refused with %+v", after, resting, o.refused)
				}
				ping(t, o.conn, "hello")
				if took := time.Since(start); took > restFor+time.Second {
					t.Errorf("after %v, resting %v: that took %v", after, resting, took)
				}
				o.conn.Close()
				<-o.done
				time.Sleep(restFor)
				s.Dataplane.running.Load().do(func() { clear(s.Dataplane.running.Load().connects) })
			}
		}
	})
}

func TestOrderMeetsAHeldConnection(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.judge(deny(code))
		told := make(chan *offered)
		go func() { told <- s.offer(front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP}) }()
		s.until("the wait", func(f session.DataplaneFacts) bool { return f.Apps["app"].Waiting == 1 })
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Suspend++
		s.Apply(w)
		s.state(session.Suspended)
		time.Sleep(10 * time.Second)
		s.gw.judge(allow)
		o := <-told
		if o.refused != nil {
			t.Fatalf("refused with %+v", o.refused)
		}
		ping(t, o.conn, "hello")
	})
}

// A ping that an order meets is answered with that, and a flow of datagrams goes on.
func TestOrderMeetsGuests(t *testing.T) {
	inDatagrams(t, func(t *testing.T, s *sim, p front.Packets) {
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Routes = []session.WantedRoute{
			{Site: "site", Entitlement: "e1", Protocol: wire.UDP, Hosts: []string{"ns.internal"}, Ports: []uint16{53}},
			{Site: "site", Entitlement: "e1", Protocol: wire.ICMP, Hosts: []string{"10.1.0.0/16"}},
		}
		for after := time.Duration(0); after < 5*rtt; after += rtt / 4 {
			s.Apply(w)
			s.now()
			time.Sleep(10 * time.Minute)
			s.state(session.Suspended)
			pinged := make(chan error)
			go func() {
				pinged <- s.Router().Echo(t.Context(), front.Target{Host: "10.1.2.3", Protocol: wire.ICMP}, 56)
			}()
			p.Send([]byte("hello"))
			time.Sleep(after)
			w.Suspend++
			s.Apply(w)
			var problem *wire.Problem
			if err := <-pinged; err != nil && (!errors.As(err, &problem) || problem.Code != wire.CodeSuspended) {
				t.Errorf("after %v: %v", after, err)
			}
			asked(t, p, "again", 10*time.Second)
		}
	})
}

func TestSuspendWithoutFlows(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		c.Close()
		used := time.Now()
		f := s.state(session.Connected)
		if f.Sites["site"].Gateway != "gw1" {
			t.Errorf("gateway %q", f.Sites["site"].Gateway)
		}
		time.Sleep(5 * time.Minute)
		f = s.state(session.Suspended)
		if at := f.Sites["site"].Since.Sub(used); at < 5*time.Minute-rtt || at > 5*time.Minute+rtt {
			t.Errorf("suspended after %v", at)
		}
		if f.Sites["site"].Verdicts["e1"].Decision != "d-allow" {
			t.Errorf("the verdicts are gone: %v", f.Sites["site"].Verdicts)
		}
		time.Sleep(time.Second) // CONNECTION_CLOSE
		if n := s.during(12 * time.Hour); n != 0 {
			t.Errorf("%d packets while suspended", n)
		}
		c = s.open()
		ping(t, c, "again")
		c.Close()
		s.state(session.Connected)
		if posts, _, _ := s.gw.seen(); len(posts) != 2 {
			t.Errorf("tokens posted %d times, want again on resuming", len(posts))
		}
	})
}

// A suspension closes the carrier, quiet flows or not, and nothing is sent: what
// is written at either end later goes on where it was.
func TestQuietFlowIsParked(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		app := s.applications()
		asked := time.Now()
		c := s.open()
		io.WriteString(c, "hello")
		far := <-app
		wantRead(t, far, "hello")
		time.Sleep(6 * time.Minute)
		f := s.state(session.Suspended)
		if f.Sites["site"].Flows != 1 || f.Sites["site"].Parked != 1 || f.Apps["app"].Parked != 1 {
			t.Errorf("%+v, want the quiet one, parked", f)
		}
		if cs := f.Apps["app"].Connections; len(cs) != 1 || !cs[0].Resting || cs[0].Up != 5 || cs[0].Down != 0 || cs[0].Via != session.ViaAddress || cs[0].Since.Sub(asked) > 2*rtt || cs[0].Since.Before(asked) {
			t.Errorf("its connections are %+v", cs)
		}
		if n := s.during(12 * time.Hour); n != 0 {
			t.Errorf("%d packets while suspended", n)
		}
		start := time.Now()
		io.WriteString(c, "used here")
		wantRead(t, far, "used here")
		if took := time.Since(start); took > 4*rtt {
			t.Errorf("resumed after %v", took)
		}
		s.state(session.Connected)
		time.Sleep(12 * time.Hour)
		if f := s.state(session.Suspended); f.Sites["site"].Flows != 1 {
			t.Errorf("%d flows", f.Sites["site"].Flows)
		}
		io.WriteString(far, "used there")
		time.Sleep(time.Second)
		if n := s.gw.count(func() int { return s.gw.woken }); n != 1 {
			t.Errorf("the gateway would wake the client %d times", n)
		}
		s.wake(1)
		wantRead(t, c, "used there")
		c.CloseWrite()
		if b, err := io.ReadAll(far); err != nil || len(b) != 0 {
			t.Errorf("%q, %v", b, err)
		}
		far.CloseWrite()
		if b, err := io.ReadAll(c); err != nil || len(b) != 0 {
			t.Errorf("%q, %v", b, err)
		}
		s.until("the flow's end", func(f session.DataplaneFacts) bool { return f.Sites["site"].Flows == 0 })
		if n := s.gw.left(); n != 0 {
			t.Errorf("the gateway has %d flows", n)
		}
		time.Sleep(6 * time.Minute)
		if n := s.during(time.Hour); n != 0 {
			t.Errorf("%d packets after the last quiet flow ended", n)
		}
		if posts, _, _ := s.gw.seen(); len(posts) != 3 || posts[0].Resumed || !posts[1].Resumed || posts[0].Instance == "" || posts[2].Instance != posts[0].Instance {
			t.Errorf("posts %+v", posts)
		}
	})
}

// An order suspends at once, whoever uses the channel; the next use resumes it.
func TestSuspendedByOrder(t *testing.T) {
	for name, order := range map[string]func(*session.Wanted){
		"all":      func(w *session.Wanted) { w.Suspend = 1 },
		"the site": func(w *session.Wanted) { w.Sites[0].Suspend = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				c := s.open()
				ping(t, c, "hello")
				w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
				order(&w)
				s.Apply(w)
				s.state(session.Suspended)
				time.Sleep(time.Second)
				if n := s.during(time.Hour); n != 0 {
					t.Errorf("%d packets while suspended", n)
				}
				s.Apply(w)
				ping(t, c, "still there")
				s.Apply(w)
				s.state(session.Connected)
				ping(t, c, "and again")
			})
		})
	}
}

// What a gateway has forgotten is known when it is back, though the channel rests:
// a program that only reads would wait for ever.
func TestGatewayRestartsWhileTheChannelRests(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		synctest.Wait() // the verdict has come, too
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Suspend = 1
		s.Apply(w)
		s.state(session.Suspended)
		s.gw.stop()
		s.gw = s.gatewayAt(gatewayIP)
		w.Sites = slices.Clone(w.Sites)
		w.Sites[0].Runs = map[string]string{"gw1": s.gw.run}
		s.Apply(w)
		if n := s.during(restFor / 2); n != 0 {
			t.Errorf("%d packets while it rests", n)
		}
		start := time.Now()
		wantReset(t, c)
		if took := time.Since(start); took > restFor {
			t.Errorf("known after %v", took)
		}
	})
}

// So it is where claims are gathered when the word comes, and where the client thinks
// that it is connected; and nobody comes again for what the controller says of before.
func TestGatewayRestartsUnseen(t *testing.T) {
	for name, c := range map[string]struct {
		rests bool
		while func(w *session.Wanted)
	}{
		"while claims are gathered": {true, func(w *session.Wanted) { w.Gathering = true }},
		"behind a dead path":        {false, func(*session.Wanted) {}},
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
				w.Sites[0].Runs = map[string]string{"gw1": s.gw.run}
				apply := func() {
					w.Sites = slices.Clone(w.Sites)
					s.Apply(w)
				}
				apply()
				c1 := s.open()
				ping(t, c1, "hello")
				time.Sleep(time.Minute) // what was said has been answered
				if c.rests {
					time.Sleep(10 * time.Minute)
					s.state(session.Suspended)
				}
				s.sever()
				time.Sleep(time.Second)
				s.gw.stop()
				s.gw = s.gatewayAt(gatewayIP)
				time.Sleep(time.Second)
				if n := s.during(time.Minute); n != 0 {
					t.Errorf("%d packets before anybody has said so", n)
				}
				c.while(&w)
				w.Sites[0].Runs = map[string]string{"gw1": s.gw.run}
				apply()
				time.Sleep(time.Second)
				w.Gathering = false
				apply()
				wantReset(t, c1)

				// The gateway begins anew once more, and the controller hears of it late.
				s.gw.stop()
				s.gw = s.gatewayAt(gatewayIP)
				time.Sleep(time.Second)
				c2 := s.open()
				ping(t, c2, "hello")
				time.Sleep(10 * time.Minute)
				s.state(session.Suspended)
				apply()
				if n := s.during(time.Hour); n != 0 {
					t.Errorf("%d packets, though nothing is lost", n)
				}
				w.Sites[0].Runs = map[string]string{"gw1": s.gw.run}
				apply()
				if n := s.during(time.Hour); n != 0 {
					t.Errorf("%d packets when the controller has heard what is known", n)
				}
				ping(t, c2, "still there")
			})
		})
	}
}

// What is under way when an order comes rests for a moment, and is whole.
func TestSuspendedByOrderInMidTransfer(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		go func() {
			c.Write(sent)
			c.CloseWrite()
		}()
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		for range 3 {
			s.until("its beginning", func(f session.DataplaneFacts) bool { return f.Sites["site"].State == session.Connected })
			time.Sleep(rtt)
			w.Suspend++
			s.Apply(w)
			s.state(session.Suspended)
			time.Sleep(rtt)
			if n := s.during(time.Second); n != 0 {
				t.Errorf("%d packets while it rests", n)
			}
			got := make([]byte, 1<<20)
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent[:len(got)]) {
				t.Fatalf("wrong bytes, %v", err)
			}
			sent = sent[len(got):]
		}
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
		}
	})
}

// A suspended channel sends renewed tokens with what resumes it, before any flow
// goes on.
func TestTokensAreRenewedWhileSuspended(t *testing.T) {
	for name, quiet := range map[string]bool{"with a quiet flow": true, "without a flow": false} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				c := s.open()
				ping(t, c, "hello")
				if !quiet {
					c.Close()
				}
				time.Sleep(6 * time.Minute)
				s.state(session.Suspended)
				before := s.packets.Load()
				w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
				w.Sites[0].ClaimsToken = "claims2"
				s.Apply(w)
				time.Sleep(12 * time.Hour)
				if n := s.packets.Load() - before; n != 0 {
					t.Errorf("%d packets while suspended", n)
				}
				if !quiet {
					c = s.open()
				}
				ping(t, c, "again")
				posts, puts, _ := s.gw.seen()
				want := wire.SessionRequest{ClaimsToken: "claims2", EntitlementToken: "ent1", Resumed: true, Instance: posts[0].Instance}
				if len(posts) != 2 || !reflect.DeepEqual(posts[1], want) || len(puts) != 0 {
					t.Errorf("posts %v, puts %v", posts, puts)
				}
			})
		})
	}
}

// Use that comes just as the channel is suspended is served all the same.
func TestUseAroundSuspension(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		w.Idle = 50 * time.Millisecond
		s.Apply(w)
		kept := s.open()
		for gap := 40 * time.Millisecond; gap < 70*time.Millisecond; gap += time.Millisecond / 2 {
			time.Sleep(gap)
			c := s.open()
			ping(t, c, "hello")
			c.Close()
			time.Sleep(gap)
			ping(t, kept, "hello")
		}
		kept.Close()
		for gap := 40 * time.Millisecond; gap < 70*time.Millisecond; gap += time.Millisecond / 2 {
			time.Sleep(gap)
			c := s.open()
			ping(t, c, "hello")
			c.Close()
		}
		s.state(session.Suspended)
	})
}
