package tunnel

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// offered is what a front was told of an offer.
type offered struct {
	accepted time.Duration // since the offer; negative: never
	refused  *wire.Problem
	conn     *memoryConn // the program's end
	done     chan struct{}
}

// offer has a program ask for a target, as a front does, and returns when it has
// been told something.
func (s *sim) offer(t front.Target) *offered {
	o := &offered{accepted: -1, done: make(chan struct{})}
	told := make(chan struct{})
	start := time.Now()
	near, far := memoryPair()
	o.conn = near
	go func() {
		defer close(o.done)
		s.Router().Carry(context.Background(), front.Offer{
			Target: t,
			Accept: func() (front.Conn, error) { o.accepted = time.Since(start); close(told); return far, nil },
			Refuse: func(p *wire.Problem) { o.refused = p; close(told) },
		})
	}()
	<-told
	return o
}

func routed(s *sim) session.Wanted {
	w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
	w.Routes = []session.WantedRoute{
		{Site: "site", Entitlement: "e1", Protocol: wire.TCP, Hosts: []string{"10.1.0.0/16", "db.internal"}, Ports: []uint16{5432}},
		{Site: "site", Entitlement: "e1", Protocol: wire.ICMP, Hosts: []string{"10.1.0.0/16"}},
	}
	return w
}

// A program is accepted when the application has been reached, and at once where it
// was within the hour; it is told the truth where it was not.
func TestCarry(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.Apply(routed(s))
		db := front.Target{Host: "db.internal", Port: 5432, Protocol: wire.TCP}
		s.now()
		o := s.offer(db)
		if o.accepted < 2*rtt || o.accepted > 2*rtt+rtt/2 {
			t.Errorf("first accepted after %v", o.accepted)
		}
		ping(t, o.conn, "hello")
		o.conn.Close()
		<-o.done
		if o = s.offer(db); o.accepted != 0 {
			t.Errorf("then accepted after %v", o.accepted)
		}
		ping(t, o.conn, "hello")
		o.conn.Close()
		<-o.done
		s.gw.reach(func(string) (appConn, error) { return nil, syscall.ECONNREFUSED })
		if o = s.offer(db); o.accepted != 0 { // the last succeeded
			t.Errorf("accepted after %v", o.accepted)
		}
		wantReset(t, o.conn)
		<-o.done
		if o = s.offer(db); o.refused == nil || o.refused.Code != wire.CodeAppRefused {
			t.Errorf("refused with %+v", o.refused)
		}
		<-o.done
		s.gw.reach(memoryEcho)
		if o = s.offer(db); o.accepted < rtt {
			t.Errorf("accepted after %v", o.accepted)
		}
		o.conn.Close()
		<-o.done
		time.Sleep(2 * time.Hour)
		if o = s.offer(db); o.accepted < rtt {
			t.Errorf("two hours later, accepted after %v", o.accepted)
		}
		o.conn.Close()
		<-o.done
		f := s.now()
		if len(f.Apps) != 1 || f.Apps["app"].Up != 0 {
			t.Errorf("counted for an application: %+v", f.Apps)
		}
	})
}

func TestCarryRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		target front.Target
		with   func(*session.Wanted)
		want   wire.Code
	}{
		"what is not ours":       {front.Target{Host: "other.internal", Port: 80, Protocol: wire.TCP}, func(*session.Wanted) {}, wire.CodeNotEntitled},
		"without the controller": {front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP}, func(w *session.Wanted) { w.Allowed = false }, wire.CodeNoSession},
		"without a site":         {front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP}, func(w *session.Wanted) { w.Sites = nil }, wire.CodeNotEntitled},
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				w := routed(s)
				c.with(&w)
				s.Apply(w)
				s.now()
				o := s.offer(c.target)
				if o.refused == nil || o.refused.Code != c.want {
					t.Errorf("refused with %+v", o.refused)
				}
				<-o.done
			})
		})
	}
}

// A program that may be let by an answer waits without being told anything.
func TestCarryHolds(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.judge(deny(code))
		go func() {
			time.Sleep(time.Minute)
			s.gw.judge(allow)
		}()
		o := s.offer(front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP})
		if o.accepted < time.Minute {
			t.Errorf("accepted after %v, refused with %v", o.accepted, o.refused)
		}
		ping(t, o.conn, "hello")
		s.until("the application's count", func(f session.DataplaneFacts) bool { return f.Apps["app"].Flows == 1 && f.Apps["app"].Up == 5 })
		o.conn.Close()
		<-o.done
		s.gw.judge(deny(code))
		time.Sleep(time.Second)
		o = s.offer(front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP})
		if o.accepted == 0 {
			wantReset(t, o.conn)
		} else if o.refused == nil || o.refused.Code != wire.CodeDenied {
			t.Errorf("refused with %+v", o.refused)
		}
		<-o.done
	})
}

// A synthetic address is the name that it stands for.
func TestSyntheticTarget(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		addrs, ok := s.pool.Addrs("app.internal")
		if !ok || s.now().Apps["app"].Synthetic != addrs {
			t.Fatalf("%v, the facts %v", addrs, s.now().Apps["app"].Synthetic)
		}
		for _, a := range addrs {
			target := front.Target{Host: a.String(), Port: 80, Protocol: wire.TCP}
			if !s.Router().Covers(target) {
				t.Errorf("%v is not covered", a)
			}
			o := s.offer(target)
			ping(t, o.conn, "hello")
			o.conn.Close()
			<-o.done
		}
		s.until("the application's count", func(f session.DataplaneFacts) bool { return f.Apps["app"].Up == 10 })
		// One that stands for nothing is nobody's, even where an entitlement has it.
		w := s.latest()
		w.Routes = append(w.Routes, session.WantedRoute{Site: "hq", Entitlement: "web", Protocol: wire.TCP, Hosts: []string{"100.64.0.0/10", "fd00::/8"}, Ports: []uint16{80}})
		s.Apply(w)
		s.now()
		for host, want := range map[string]bool{"100.65.1.2": true, "100.96.1.2": false, "::ffff:100.96.1.2": false, "fd54:6964:6567::1:2": false, "fd54:6964:6568::1:2": true} {
			if got := s.Router().Covers(front.Target{Host: host, Port: 80, Protocol: wire.TCP}); got != want {
				t.Errorf("%s covered: %v", host, got)
			}
		}
	})
}

func TestEcho(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.Apply(routed(s))
		s.now()
		start := time.Now()
		if err := s.Router().Echo(t.Context(), front.Target{Host: "10.1.2.3", Protocol: wire.ICMP}, 56); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 2*rtt+rtt/2 {
			t.Errorf("a ping took %v", took)
		}
		s.state(session.Connected)
		err := s.Router().Echo(t.Context(), front.Target{Host: "10.2.2.3", Protocol: wire.ICMP}, 56)
		var p *wire.Problem
		if !errors.As(err, &p) || p.Code != wire.CodeNotEntitled {
			t.Errorf("%v", err)
		}
		s.cut.Store(true)
		if err := s.Router().Echo(t.Context(), front.Target{Host: "10.1.2.3", Protocol: wire.ICMP}, 56); err == nil {
			t.Error("a ping into nothing was answered")
		}
		s.cut.Store(false)
	})
}

// Fronts that are late are told so.
func TestCarryWithoutRun(t *testing.T) {
	d := New(Options{})
	var told *wire.Problem
	d.Router().Carry(t.Context(), front.Offer{Target: front.Target{Host: "app.internal", Port: 80, Protocol: wire.TCP},
		Refuse: func(p *wire.Problem) { told = p }})
	if told == nil {
		t.Error("not refused")
	}
	if err := d.Router().Echo(t.Context(), front.Target{}, 0); err == nil {
		t.Error("a ping was answered")
	}
	if _, err := d.Router().Packets(t.Context(), front.Target{}); err == nil {
		t.Error("a flow of datagrams was opened")
	}
}
