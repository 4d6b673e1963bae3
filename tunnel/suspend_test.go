package tunnel

import (
	"errors"
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
