package tunnel

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// A front that leaves has its connections reset, and the gateway told: at once,
// or as soon as there is a link.
func TestFrontLeaves(t *testing.T) {
	for name, before := range map[string]func(s *sim){
		"in use":         func(s *sim) {},
		"suspended":      func(s *sim) { time.Sleep(10 * time.Minute); s.state(session.Suspended) },
		"without a path": func(s *sim) { s.cut.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				app := s.applications()
				near, far := memoryPair()
				ctx, leave := context.WithCancel(t.Context())
				left := make(chan struct{})
				go func() {
					defer close(left)
					s.Router().Carry(ctx, front.Offer{Target: front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP},
						Accept: func() (front.Conn, error) { return far, nil }, Refuse: func(p *wire.Problem) { t.Errorf("refused: %+v", p) }})
				}()
				near.Write([]byte("hello"))
				there := <-app
				wantRead(t, there, "hello")
				time.Sleep(time.Second)
				before(s)
				start := time.Now()
				leave()
				<-left
				if took := time.Since(start); took > time.Second {
					t.Errorf("Carry returned after %v", took)
				}
				wantReset(t, near)
				if s.cut.Load() {
					time.Sleep(time.Minute)
					s.cut.Store(false)
				}
				wantReset(t, there)
				if took := time.Since(start); took > 2*time.Minute {
					t.Errorf("the application was told after %v", took)
				}
				time.Sleep(2 * time.Minute)
				if n, f := s.gw.left(), s.now().Sites["site"]; n != 0 || f.Flows != 0 {
					t.Errorf("the gateway has %d flows, the client %+v", n, f)
				}
			})
		})
	}
}

// One that leaves while nobody has told the program anything refuses it.
func TestFrontLeavesEarly(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		for _, after := range []time.Duration{0, rtt / 2, rtt, rtt + rtt/2, 2*rtt - time.Millisecond, 2 * rtt, 2*rtt + time.Millisecond} {
			ctx, leave := context.WithTimeout(t.Context(), after)
			near, far := memoryPair()
			told := 0
			s.Router().Carry(ctx, front.Offer{Target: front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP},
				Accept: func() (front.Conn, error) { told++; return far, nil }, Refuse: func(*wire.Problem) { told++; reset(far) }})
			leave()
			wantReset(t, near)
			time.Sleep(3 * time.Minute)
			if n, f := s.gw.left(), s.now().Sites["site"]; n != 0 || f.Flows != 0 || told != 1 {
				t.Errorf("left after %v: the gateway has %d flows, the client %+v; told %d times", after, n, f, told)
			}
			s.Dataplane.running.Load().do(func() { clear(s.Dataplane.running.Load().connects) })
		}
	})
}

// Nothing is left of a connection that was refused.
func TestNothingIsLeftOfARefusal(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.reach(func(string) (appConn, error) { return nil, syscall.ECONNREFUSED })
		for range 10 {
			o := s.offer(front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP})
			if o.refused == nil || o.refused.Code != wire.CodeAppRefused {
				t.Errorf("refused with %+v", o.refused)
			}
		}
		synctest.Wait()
		p, left := s.Dataplane.running.Load(), 0
		p.do(func() { left = len(p.flows) })
		if left != 0 {
			t.Errorf("%d flows are left", left)
		}
	})
}
