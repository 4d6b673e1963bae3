package sense

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// fake is a system, and counts how often it is looked at.
type fake struct {
	mu      sync.Mutex
	changed func()
	ended   chan struct{}
	now     picture
	looks   []time.Time
	opens   int
	fails   bool
}

func (f *fake) open(changed func()) (<-chan struct{}, func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens++
	if f.fails {
		return nil, nil, errors.New("no news")
	}
	f.changed, f.ended = changed, make(chan struct{})
	return f.ended, func() {}, nil
}

func (f *fake) look(_ context.Context, q question) (picture, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks = append(f.looks, time.Now())
	return f.now, nil
}

func (f *fake) set(p picture) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = p
	f.changed()
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.looks)
}

// reported is what Run has said last.
type reported struct {
	mu        sync.Mutex
	others    []session.VPNOther
	conflicts []session.VPNConflict
	n         int
	at        time.Time
}

func (r *reported) report(o []session.VPNOther, c []session.VPNConflict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.others, r.conflicts, r.n, r.at = o, c, r.n+1, time.Now()
}

func (r *reported) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

func tunnelled() picture {
	return picture{
		links: []link{{index: 2, name: "eth0", encap: "ether", up: true, addresses: []netip.Prefix{netip.MustParsePrefix("192.168.7.2/24")}},
			{index: 3, name: "tun0", kind: "tuntap", encap: "none", up: true, addresses: []netip.Prefix{netip.MustParsePrefix("10.8.0.6/24")}}},
		routes:  []route{{to: netip.MustParsePrefix("0.0.0.0/0"), link: 2, gateway: netip.MustParseAddr("192.168.7.1")}},
		egress4: egress{link: 2},
	}
}

// It looks each Sweep where there is no news, and no sooner; and seldom, where there
// is no VPN.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := &fake{}, &reported{}
		s := New(Options{})
		s.system = f
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); synctest.Wait() }()
		go s.Run(ctx, r.report)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := f.count(); n != 1+int(time.Hour/Calm) {
			t.Errorf("%d looks in an hour", n)
		}
		for i := 1; i < len(f.looks); i++ {
			if d := f.looks[i].Sub(f.looks[i-1]); d < Calm {
				t.Fatalf("a look after %v", d)
			}
		}
		if r.n != 1 {
			t.Errorf("%d reports of the same", r.n)
		}
		// News of ten seconds without end.
		before := f.count()
		for range 1000 {
			f.changed()
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := f.count() - before; n > int(10*time.Second/Settle)+1 {
			t.Errorf("%d looks in ten seconds of news", n)
		}
		time.Sleep(time.Second)
		f.set(tunnelled())
		began := time.Now()
		time.Sleep(time.Second)
		synctest.Wait()
		if d := r.at.Sub(began); r.n != 2 || d > Settle || len(r.others) != 1 {
			t.Errorf("%d reports, the last after %v: %+v", r.n, d, r.others)
		}
		before = f.count()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := f.count() - before; n != int(time.Hour/Sweep) {
			t.Errorf("%d looks in an hour beside a VPN", n)
		}
	})
}

// Where news are not announced, or not any more, it looks all the same, and asks for
// them again.
func TestNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := &fake{fails: true}, &reported{}
		s := New(Options{})
		s.system = f
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); synctest.Wait() }()
		go s.Run(ctx, r.report)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := f.count(); n != 1+int(10*time.Minute/Sweep) || f.opens < 40 {
			t.Errorf("%d looks, %d tries", n, f.opens)
		}
		f.mu.Lock()
		f.fails = false
		f.mu.Unlock()
		time.Sleep(Sweep)
		synctest.Wait()
		f.set(tunnelled())
		time.Sleep(Settle)
		synctest.Wait()
		if len(r.others) != 1 {
			t.Errorf("%+v", r.others)
		}
		opens := f.opens
		close(f.ended)
		time.Sleep(Sweep)
		synctest.Wait()
		if f.opens != opens+1 {
			t.Errorf("%d tries", f.opens-opens)
		}
	})
}

// sensors are what a helper tells, one after the other.
type sensors struct{ told chan protocol.Sensed }

func (s sensors) Next(ctx context.Context) (protocol.Sensed, error) {
	select {
	case now, ok := <-s.told:
		if !ok {
			return now, errors.New("it has ended")
		}
		return now, nil
	case <-ctx.Done():
		return protocol.Sensed{}, ctx.Err()
	}
}

func (s sensors) Close() {}

// What the helper tells counts until it is gone; then it is asked again.
func TestHelper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := &fake{now: tunnelled()}, &reported{}
		var calls []time.Time
		var now sensors
		s := New(Options{Helper: func(context.Context) (Sensor, error) {
			calls = append(calls, time.Now())
			if len(calls) == 1 {
				return nil, errors.New("there is none")
			}
			now = sensors{make(chan protocol.Sensed)}
			return now, nil
		}})
		s.system = f
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); synctest.Wait() }()
		go s.Run(ctx, r.report)
		time.Sleep(Sweep)
		synctest.Wait()
		now.told <- protocol.Sensed{Holders: []protocol.Holder{{Adapter: "tun0", Program: "/usr/sbin/openvpn", PID: 7}},
			Filters: []protocol.Filter{{Family: "inet", Table: "t", Chain: "c", Through: []string{"tun0"}}},
			Taken:   []protocol.Taken{{Route: netip.MustParsePrefix("100.96.0.0/16"), Times: 2}}}
		time.Sleep(Settle)
		synctest.Wait()
		want := []session.VPNConflict{
			{Feature: session.VPNRouteMonitoring, Program: "openvpn", Adapter: "tun0", Evidence: "the route to 100.96.0.0/16 was taken away 2 times, and put back; by whom is not seen", How: session.VPNServedRoutes},
			{Feature: session.VPNTrafficEnforcement, Program: "openvpn", Adapter: "tun0", Evidence: "nftables: chain c of table inet t drops what does not leave by tun0", Harm: session.VPNHarmAll},
		}
		if len(r.conflicts) != 2 || r.conflicts[0] != want[0] || r.conflicts[1] != want[1] || r.others[0].Program != "openvpn" {
			t.Errorf("%+v\n%+v", r.others, r.conflicts)
		}
		time.Sleep(Settle)
		now.told <- protocol.Sensed{Taken: []protocol.Taken{{Route: netip.MustParsePrefix("100.96.0.0/16"), Times: 4, Gone: true}}}
		time.Sleep(time.Millisecond) // the helper has gathered what it tells
		synctest.Wait()
		if len(r.conflicts) != 1 || r.conflicts[0].Harm != session.VPNHarmRoutes || r.conflicts[0].How != "" {
			t.Errorf("%+v", r.conflicts)
		}
		f.changed()
		synctest.Wait()
		n := r.count()
		now.told <- protocol.Sensed{} // beside a VPN that comes up: when that has settled
		time.Sleep(Settle - time.Millisecond)
		synctest.Wait()
		if r.count() != n {
			t.Error("what is half there is told")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if r.count() != n+1 || len(r.conflicts) != 0 {
			t.Errorf("%+v", r.conflicts)
		}
		close(now.told)
		time.Sleep(Settle)
		synctest.Wait()
		if len(r.conflicts) != 0 || r.others[0].Program != "" {
			t.Errorf("without it: %+v\n%+v", r.others, r.conflicts)
		}
		time.Sleep(Sweep)
		synctest.Wait()
		if len(calls) != 3 || calls[2].Sub(calls[1]) < Sweep {
			t.Errorf("asked at %v", calls)
		}
	})
}

// Where there is a helper, the first report says what it tells; one that is slow is
// not waited for.
func TestFirst(t *testing.T) {
	for _, tt := range []struct {
		name     string
		takes    time.Duration
		programs []string
		at       time.Duration
	}{
		{"at once", 0, []string{"openvpn"}, 0},
		{"soon", 100 * time.Millisecond, []string{"openvpn"}, 100 * time.Millisecond},
		{"late", 10 * time.Second, []string{"", "openvpn"}, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan protocol.Sensed, 1)
				s := New(Options{Helper: func(context.Context) (Sensor, error) {
					time.Sleep(tt.takes)
					told <- protocol.Sensed{Holders: []protocol.Holder{{Adapter: "tun0", Program: "/usr/sbin/openvpn", PID: 7}}}
					return sensors{told}, nil
				}})
				s.system = &fake{now: tunnelled()}
				ctx, cancel := context.WithCancel(t.Context())
				defer func() { cancel(); synctest.Wait() }()
				began := time.Now()
				var programs []string
				var at time.Duration
				go s.Run(ctx, func(o []session.VPNOther, _ []session.VPNConflict) {
					programs, at = append(programs, o[0].Program), time.Since(began)
				})
				time.Sleep(time.Minute)
				synctest.Wait()
				if !slices.Equal(programs, tt.programs) || at != tt.at {
					t.Errorf("%q, the last after %v", programs, at)
				}
			})
		})
	}
}

// Names of gateways are looked up once, and again while that fails.
func TestUnderlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := &fake{now: tunnelled()}, &reported{}
		s := New(Options{})
		s.system = f
		var asked int
		s.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			if asked++; asked < 3 {
				return nil, errors.New("no such name")
			}
			return []netip.Addr{netip.MustParseAddr("203.0.113.7")}, nil
		}
		s.Guard(session.VPNGuard{Underlay: []string{"gw.example:443", "203.0.113.8:443"}})
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); synctest.Wait() }()
		go s.Run(ctx, r.report)
		time.Sleep(time.Hour)
		synctest.Wait()
		if asked != 3 {
			t.Errorf("it is asked %d times", asked)
		}
	})
}

// A firewall that lets out to controller and gateways, by their addresses or ports, is
// no VPN's.
func TestSpared(t *testing.T) {
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	gateway := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	for _, tt := range []struct {
		name   string
		filter protocol.Filter
		spared bool
	}{
		{"nobody", protocol.Filter{}, false},
		{"by address", protocol.Filter{Hosts: gateway}, true},
		{"by port", protocol.Filter{Ports: []protocol.FilterPort{{From: 22, To: 22, Hosts: all}, {From: 8443, To: 8443, Hosts: all}}}, true},
		{"by a range of ports", protocol.Filter{Ports: []protocol.FilterPort{{From: 8000, To: 9000, Hosts: all}}}, true},
		{"by both", protocol.Filter{Ports: []protocol.FilterPort{{From: 8443, To: 8443, Hosts: gateway}}}, true},
		{"not that port", protocol.Filter{Hosts: gateway, Ports: []protocol.FilterPort{{From: 8443, To: 8443}, {From: 8000, To: 9000, Hosts: all}}}, false},
		{"another port", protocol.Filter{Ports: []protocol.FilterPort{{From: 22, To: 22, Hosts: all}}}, false},
	} {
		k := knowledge{picture: tunnelled(), ignore: func(string) bool { return false }, underlay: []addr{netip.MustParseAddrPort("203.0.113.7:8443")},
			sensed: &protocol.Sensed{Filters: []protocol.Filter{tt.filter}}}
		k.links = k.links[:1]
		if c := k.conflicts(); (len(c) == 0) != tt.spared {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
}

// A firewall of the machine's own that drops IPv6 is no VPN's, where there is none.
func TestNoVPN(t *testing.T) {
	k := knowledge{picture: tunnelled(), guard: session.VPNGuard{IPv6: true}, ignore: func(string) bool { return false },
		sensed: &protocol.Sensed{Filters: []protocol.Filter{{Family: "ip6", Table: "filter", Chain: "OUTPUT"}}}}
	if c := k.conflicts(); len(c) != 1 || c[0].Adapter != "tun0" {
		t.Errorf("with a VPN: %+v", c)
	}
	k.links = k.links[:1]
	if c := k.conflicts(); len(c) != 0 {
		t.Errorf("without one: %+v", c)
	}
	k.programs = []program{{"PanGPS", 7}}
	if c := k.conflicts(); !slices.ContainsFunc(c, func(c session.VPNConflict) bool { return c.Feature == session.VPNIPv6 && c.Program == "GlobalProtect" }) {
		t.Errorf("with a program that connects one: %+v", c)
	}
}
