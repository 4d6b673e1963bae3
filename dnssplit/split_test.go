package dnssplit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a helper, a resolver and a machine, which note what they are asked.
type fake struct {
	mu       sync.Mutex
	notes    []string
	absent   bool
	open     error
	apply    error
	answer   protocol.DNS
	asked    []osdns.Upstream
	taken    []netip.Prefix
	changed  chan struct{} // of the sockets that are open
	lost     chan struct{}
	serve    chan error // ends the resolver
	watch    func(netwatch.Change)
	forwards string // what was noted last
	fact     *session.DNSFact
	slow     time.Duration // of Apply
	ignorant bool          // lookups were answered before it was known whom to ask
}

func (f *fake) note(format string, arg ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, fmt.Sprintf(format, arg...))
}

// set changes what the machine is like.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) Ping(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent {
		return ErrAbsent
	}
	return nil
}

func (f *fake) Open(context.Context) (*Sockets, error) {
	f.note("open")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent {
		return nil, ErrAbsent
	}
	if f.open != nil {
		return nil, f.open
	}
	f.changed, f.lost = make(chan struct{}, 1), make(chan struct{})
	return &Sockets{Changed: f.changed, Lost: f.lost, Close: func() error { f.note("close"); return nil }}, nil
}

func (f *fake) Apply(_ context.Context, domains []string, strict bool) (protocol.DNS, error) {
	what := "apply " + strings.Join(domains, " ")
	if len(domains) > 10 {
		what = fmt.Sprintf("apply %d domains", len(domains))
	}
	if strict {
		what += " strictly"
	}
	if domains == nil {
		what = "undo"
	}
	f.note("%s", what)
	time.Sleep(f.slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent {
		return protocol.DNS{}, ErrAbsent
	}
	return f.answer, f.apply
}

// answers is the resolver.
type answers struct{ *fake }

func (f answers) Serve(ctx context.Context, _ net.PacketConn, _ net.Listener) error {
	f.set(func() { f.ignorant = f.ignorant || f.forwards == "" })
	select {
	case err := <-f.fake.serve:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (f answers) Forward(to []resolver.Upstream) {
	what := fmt.Sprint("forward ", to)
	f.mu.Lock()
	same := what == f.forwards || len(to) == 0 && f.forwards == ""
	f.forwards = what
	f.mu.Unlock()
	if !same {
		f.note("%s", what)
	}
}

func (f answers) Flush() { f.note("flush") }

// took is what was noted since the last call; what was done twice in a row is once.
func (f *fake) took() []string {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.notes = nil }()
	return slices.Compact(f.notes)
}

func (f *fake) state() session.DNSFact {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fact == nil {
		return session.DNSFact{NameService: session.NameService{Why: "(none)"}}
	}
	return *f.fact
}

// bench is a Split in a bubble.
type bench struct {
	*Split
	*fake
	t *testing.T
}

var in = session.Wanted{Session: "s", Apps: []session.WantedApp{{ID: "wiki", Host: "Wiki.corp.example.", Port: 80}}}

func bubble(t *testing.T, do func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{serve: make(chan error), answer: protocol.DNS{Mode: osdns.ModeDelegate, Why: "because", Adapter: "eth0"}}
		pool, err := names.Open(names.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := New(Options{Pool: pool, Helper: f,
			Report:   func(n *session.DNSFact) { f.set(func() { f.fact = n }) },
			Led:      func() { f.note("led") },
			Networks: func() ([]netip.Prefix, error) { f.mu.Lock(); defer f.mu.Unlock(); return f.taken, nil },
			Watch: func(ctx context.Context, changed func(netwatch.Change)) error {
				f.set(func() { f.watch = changed })
				<-ctx.Done()
				return nil
			},
			Asked: func(context.Context) ([]osdns.Upstream, error) { f.mu.Lock(); defer f.mu.Unlock(); return f.asked, nil },
			Hosts: "/dev/null",
		})
		s.resolver = answers{f}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		do(&bench{s, f, t})
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// expect says what was done since the last time.
func (b *bench) expect(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.took()); diff != "" {
		b.t.Fatalf("done (-want +got):\n%s", diff)
	}
}

const (
	zones   = "apply wiki.corp.example 96.100.in-addr.arpa 7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa"
	reverse = " 96.100.in-addr.arpa 7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa"
)

// signIn is a session with its names and its device.
func (b *bench) signIn() {
	b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
	b.Split.Apply(in)
	b.Device(true)
	b.expect("open", zones)
}

func TestFromSignInToSignOut(t *testing.T) {
	bubble(t, func(b *bench) {
		b.Split.Apply(in)
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.expect() // not before the addresses lead anywhere
		if f := b.state(); f.Mode != "" || f.Rootless || !strings.Contains(f.Why, "device") {
			t.Errorf("without a device it says %+v", f)
		}
		b.Device(true)
		b.expect("open", zones)
		want := session.NameService{Mode: "resolved-delegate", Why: "because", Server: netip.MustParseAddr("127.11.0.53"), Zones: []string{"wiki.corp.example"}, Adapter: "eth0"}
		f := b.state()
		if diff := cmp.Diff(want, f.NameService, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || f.Problem != nil {
			t.Errorf("it says (-want +got):\n%s%v", diff, f.Problem)
		}
		b.Device(true) // it was there anew, and what was undone with it is told again
		b.expect(zones)
		b.o.Pool.Set([]string{"wiki.corp.example", "db.corp.example"}, []string{"lab.example"})
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse)
		time.Sleep(seldom)
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse)
		strict := in
		strict.StrictDNS = true
		b.Split.Apply(strict)
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse + " strictly")
		b.Split.Apply(strict)
		b.expect()
		b.Device(false)
		b.expect("apply db.corp.example lab.example wiki.corp.example" + reverse + " strictly") // it fails closed
		b.Split.Apply(session.Wanted{})
		b.o.Pool.Set(nil, nil)
		b.expect("undo", "close")
		if f := b.state(); f.Why != "(none)" {
			t.Errorf("signed out it says %+v", f)
		}
		time.Sleep(10 * again)
		b.expect()
		b.Device(true)
		b.expect()
	})
}

// Where every name comes to us, lookups may wait in the sockets already: nobody is
// told that his name is refused because we do not know yet whom to ask for it.
func TestNotBeforeItKnows(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() {
			b.slow = time.Second
			b.answer = protocol.DNS{Mode: osdns.ModeDirect, Upstreams: []osdns.Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53")}}}}
		})
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		time.Sleep(5 * time.Second)
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		if b.ignorant || !strings.HasPrefix(b.forwards, "forward [{[10.0.0.1:53]") {
			t.Errorf("it answers too early: %v, %s", b.ignorant, b.forwards)
		}
	})
}

func TestQuit(t *testing.T) {
	var left *fake
	bubble(t, func(b *bench) {
		b.signIn()
		left = b.fake
	})
	if diff := cmp.Diff([]string{"undo", "close"}, left.notes); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

func TestWithoutNames(t *testing.T) {
	bubble(t, func(b *bench) {
		b.Split.Apply(in)
		b.Device(true)
		b.expect()
		if f := b.state(); f.Mode != "" || f.Problem != nil || !strings.Contains(f.Why, "called by a name") {
			t.Errorf("it says %+v", f)
		}
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.expect("open", zones)
		b.o.Pool.Set(nil, nil)
		b.expect("undo")
		if f := b.state(); f.Mode != "" {
			t.Errorf("without names it says %+v", f)
		}
	})
}

func TestRootless(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.absent = true })
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.expect()
		if f := b.state(); !f.Rootless || f.Problem != nil {
			t.Errorf("it says %+v", f)
		}
		b.set(func() { b.absent = false })
		b.Device(true) // somebody has installed it
		b.expect("open", zones)
		if f := b.state(); f.Rootless {
			t.Errorf("it says %+v", f)
		}
	})
}

func TestRefused(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.open = protocol.Refuse(protocol.Busy, "it is bob's") })
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open")
		if p := b.state().Problem; p == nil || p.Code != "busy" || p.Detail != "it is bob's" || p.Title != titles[protocol.Busy] {
			t.Errorf("it says %+v", p)
		}
		time.Sleep(again)
		b.expect("open")
		b.set(func() { b.open, b.apply = nil, errors.New("the bus is away") })
		time.Sleep(again)
		b.expect("open", zones)
		if p := b.state().Problem; p == nil || p.Code != "failed" || p.Detail != "the bus is away" {
			t.Errorf("it says %+v", p)
		}
		b.set(func() { b.apply = nil })
		time.Sleep(again)
		b.expect(zones)
		if f := b.state(); f.Problem != nil || f.Mode == "" {
			t.Errorf("it says %+v", f)
		}
	})
}

func TestNoWay(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.answer = protocol.DNS{Why: "there is nothing that asks"} })
		b.signIn()
		if f := b.state(); f.Mode != "" || f.Problem == nil || f.Problem.Code != noWay {
			t.Errorf("it says %+v", f)
		}
	})
}

// The names of those that are left out are not said to be ours.
func TestLeft(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.answer.Left = map[protocol.Code][]string{protocol.Outside: {"intranet"}} })
		b.o.Pool.Set([]string{"wiki.corp.example", "intranet"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", "apply intranet wiki.corp.example"+reverse)
		f := b.state()
		if p := f.Problem; p == nil || p.Code != "outside" || p.Detail != "They are not looked up here: intranet" {
			t.Errorf("it says %+v", p)
		}
		if diff := cmp.Diff([]string{"wiki.corp.example"}, f.Zones); diff != "" {
			t.Error(diff)
		}
	})
}

// A domain with the controller's or a gateway's name in it is not asked of us: they
// could not be found by it any more.
func TestUnderlay(t *testing.T) {
	bubble(t, func(b *bench) {
		b.o.Pool.Set([]string{"wiki.corp.example", "db.lab.example"}, []string{"corp.example", "lab.example"})
		w := in
		w.Routes = []session.WantedRoute{{Hosts: []string{"*.corp.example", "10.0.0.0/8", "shop.corp.example"}}, {Hosts: []string{"not.corp.example"}, Exclude: true}}
		w.Sites = []session.WantedSite{{Gateways: []wire.Gateway{{Address: "gw.corp.example:8444"}, {Address: "192.0.2.1:8444"}}}}
		b.Split.Apply(w)
		b.Device(true)
		b.expect("open", "apply shop.corp.example wiki.corp.example lab.example"+reverse)
		f := b.state()
		if p := f.Problem; p == nil || p.Code != underlay || !strings.Contains(p.Detail, "gw.corp.example") {
			t.Errorf("it says %+v", p)
		}
		if b.zone.Below("gw.corp.example") || !b.zone.Below("wiki.corp.example") || !b.zone.Below("new.corp.example") {
			t.Error("the resolver takes other names for ours")
		}
		w.Sites = nil
		b.Split.Apply(w)
		b.expect("apply corp.example lab.example" + reverse)
		if p := b.state().Problem; p != nil {
			t.Errorf("it says %+v", p)
		}
	})
}

func TestTooMany(t *testing.T) {
	bubble(t, func(b *bench) {
		var hosts []string
		for n := range protocol.MaxDomains {
			hosts = append(hosts, fmt.Sprintf("h%04d.example", n))
		}
		b.o.Pool.Set(hosts, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", fmt.Sprintf("apply %d domains", protocol.MaxDomains))
		f := b.state()
		if p := f.Problem; p == nil || p.Code != "full" || len(f.Zones) != protocol.MaxDomains-2 {
			t.Errorf("of %d it says %+v", len(f.Zones), p)
		}
	})
}

// A change of the network is looked at once, and then again: those who bring a VPN
// up say what names it has a little later.
func TestNetworkChanges(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() {
			b.answer.Competitors = []osdns.Competitor{{Program: "openvpn", Link: "tun0", Domain: "corp.example", Wins: true}}
		})
		b.fake.watch(netwatch.Change{Network: true, Up: true})
		b.expect("flush", zones)
		want := []session.Competitor{{Program: "openvpn", Adapter: "tun0", Domain: "corp.example", Wins: true}}
		if diff := cmp.Diff(want, b.state().Competitors); diff != "" {
			t.Error(diff)
		}
		time.Sleep(10 * time.Second)
		b.expect(zones)
		time.Sleep(seldom)
		b.expect(zones)
		b.set(func() { b.answer.Competitors = nil })
		b.fake.changed <- struct{}{} // the helper has seen it first
		b.expect(zones)
		if f := b.state(); f.Competitors != nil {
			t.Errorf("it says %+v", f)
		}
	})
}

func TestEveryNameComesHere(t *testing.T) {
	bubble(t, func(b *bench) {
		up := osdns.Upstream{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}, Device: "eth0"}
		b.set(func() {
			b.answer = protocol.DNS{Mode: osdns.ModeDirect, Adapter: "eth0", Upstreams: []osdns.Upstream{up}, Filtered: true}
		})
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", zones, "forward [{[192.0.2.1:53] eth0 []}]")
		f := b.state()
		defer func() {
			b.set(func() { b.answer.Filtered = false })
			b.Split.bound("eth0", os.NewSyscallError("sendto", syscall.EPERM))
			if p := b.state().Problem; p == nil || p.Code != enforced || !strings.Contains(p.Detail, "eth0") {
				t.Errorf("it says %+v", p)
			}
			b.Split.bound("eth0", nil)
			b.Split.bound("eth1", os.NewSyscallError("bind", syscall.ENODEV))
			if p := b.state().Problem; p != nil {
				t.Errorf("it says %+v", p)
			}
		}()
		if !f.All || len(f.Upstreams) != 1 || f.Upstreams[0].Adapter != "eth0" || f.Problem == nil || f.Problem.Code != "rp-filter" {
			t.Errorf("it says %+v", f)
		}
	})
}

// Where the machine's own network has the addresses, others are taken, the device
// is led anew, and the system is told of other reverse zones.
func TestCollision(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() {
			b.taken = []netip.Prefix{netip.MustParsePrefix("100.96.7.0/24"), netip.MustParsePrefix("100.64.0.0/16")}
		})
		b.fake.watch(netwatch.Change{Network: true, Up: true})
		b.expect("flush", "led", "apply wiki.corp.example 65.100.in-addr.arpa 7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa")
		if a, _ := b.o.Pool.Addrs("wiki.corp.example"); !netip.MustParsePrefix("100.65.0.0/16").Contains(a[0]) {
			t.Errorf("the wiki is at %v", a)
		}
	})
}

// It is moved before there is a device: the helper would refuse to lead it.
func TestCollisionFromTheStart(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() { b.taken = []netip.Prefix{netip.MustParsePrefix("100.96.0.0/12")} })
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.expect("led")
		b.Device(true)
		b.expect("open", strings.Replace(zones, "96.100", "64.100", 1))
	})
}

// A helper that has ended is waited for, and lookups are answered meanwhile.
func TestHelperEnds(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() { b.absent = true })
		close(b.fake.lost)
		b.expect()
		if f := b.state(); !f.Rootless {
			t.Errorf("without a helper it says %+v", f)
		}
		time.Sleep(again)
		b.expect()
		b.set(func() { b.absent = false })
		time.Sleep(again)
		b.expect("close", "open", zones)
		if f := b.state(); f.Rootless || f.Mode == "" {
			t.Errorf("with another helper it says %+v", f)
		}
	})
}

// Whoever ended the sockets, they are opened anew.
func TestResolverEnds(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.fake.serve <- errors.New("the socket is gone")
		time.Sleep(short)
		b.expect("close", "open", zones)
	})
}

func TestAsked(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.Split.note("www.example.com", false)
		b.Split.note("other.corp.example", true)
		b.expect()
		b.Split.note("wiki.corp.example", true)
		synctest.Wait()
		first := time.Now()
		if at := b.state().Asked["wiki.corp.example"]; !at.Equal(first) {
			t.Errorf("it was asked for at %v, not %v", at, first)
		}
		time.Sleep(time.Second)
		b.Split.note("wiki.corp.example", true)
		if at := b.state().Asked["wiki.corp.example"]; !at.Equal(first) {
			t.Errorf("a second later it is told again, of %v", at)
		}
		time.Sleep(askedAgain)
		b.Split.note("wiki.corp.example", true)
		if at := b.state().Asked["wiki.corp.example"]; !at.Equal(time.Now()) {
			t.Errorf("it was asked for at %v, not %v", at, time.Now())
		}
		b.Split.Apply(session.Wanted{Session: "s"})
		b.Device(true)
		if asked := b.state().Asked; len(asked) > 0 {
			t.Errorf("of what is gone it says %v", asked)
		}
	})
}

func TestNetworksOfThisMachine(t *testing.T) {
	all, err := networks()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Bits() < 8 || p.Addr().IsLoopback() }) {
		t.Errorf("there are %v", all)
	}
}
