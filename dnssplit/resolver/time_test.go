package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// bench is a forwarder in virtual time, whose servers are functions.
type bench struct {
	*Resolver
	t       testing.TB
	told    chan *dns.Msg // what clients are told
	servers map[string]func(query *dns.Msg, send func(*dns.Msg))
	dialled []string // servers, with the device
	dial    func(device string) error
	write   func(device string) error
	bound   []string
}

// in runs f with a forwarder of servers named by their address.
func in(t *testing.T, f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, told: make(chan *dns.Msg, 1000), servers: map[string]func(*dns.Msg, func(*dns.Msg)){}}
		b.dial = func(string) error { return nil }
		b.write = b.dial
		b.Resolver = New(Options{Zone: somePool(), Bound: func(device string, err error) { b.bound = append(b.bound, fmt.Sprint(device, " ", err)) }})
		b.forward.connect = b.connect
		b.forward.start(netip.AddrPort{})
		done, ended := make(chan struct{}), make(chan struct{})
		go func() { defer close(ended); b.forward.keepTime(done) }()
		defer func() {
			close(done)
			<-ended
			b.forward.stop()
		}()
		f(b)
	})
}

func (b *bench) connect(_ context.Context, _, server, device string) (net.Conn, error) {
	if err := b.dial(device); err != nil {
		return nil, err
	}
	b.dialled = append(b.dialled, server+device)
	ours, theirs := net.Pipe()
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := theirs.Read(buf)
			if err != nil {
				return
			}
			var q dns.Msg
			if err := q.Unpack(buf[:n]); err != nil {
				b.t.Error(err)
				return
			}
			if s := b.servers[server]; s != nil {
				go s(&q, func(m *dns.Msg) { theirs.Write(pack(b.t, m)) })
			}
		}
	}()
	return pipe{ours, b, device}, nil
}

// pipe is a socket of ours.
type pipe struct {
	net.Conn
	b      *bench
	device string
}

func (p pipe) Write(msg []byte) (int, error) {
	if err := p.b.write(p.device); err != nil {
		return 0, err
	}
	return p.Conn.Write(msg)
}

func (p pipe) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if err != nil {
		err = net.ErrClosed
	}
	return n, err
}

// client is where clients are told.
type client struct {
	net.PacketConn
	bench *bench
}

func (c client) WriteTo(msg []byte, _ net.Addr) (int, error) {
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		c.bench.t.Error(err)
	}
	c.bench.told <- m
	return len(msg), nil
}

// ask is the answer to a lookup, and how long it took.
func (b *bench) ask(name string) (*dns.Msg, time.Duration) {
	start := time.Now()
	var d desk
	out, later := b.handle(nil, pack(b.t, question(name, dns.TypeA)), asker{udp: client{bench: b}}, &d)
	if !later {
		m := new(dns.Msg)
		if err := m.Unpack(out); err != nil {
			b.t.Fatal(err)
		}
		return m, 0
	}
	return <-b.told, time.Since(start)
}

// says answers with an address after a while.
func says(address string, after time.Duration) func(*dns.Msg, func(*dns.Msg)) {
	return func(q *dns.Msg, send func(*dns.Msg)) {
		time.Sleep(after)
		m := new(dns.Msg).SetReply(q)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(address)}}
		send(m)
	}
}

func codes(code int) func(*dns.Msg, func(*dns.Msg)) {
	return func(q *dns.Msg, send func(*dns.Msg)) { send(new(dns.Msg).SetRcode(q, code)) }
}

func servers(n int) []Upstream {
	u := Upstream{}
	for i := range n {
		u.Servers = append(u.Servers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 53))
	}
	return []Upstream{u}
}

func brief(m *dns.Msg, took time.Duration) string {
	what := dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		what += " " + rr.(*dns.A).A.String()
	}
	return fmt.Sprint(what, " after ", took)
}

func TestServers(t *testing.T) {
	const one, two, three = "192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"
	type serve = func(*dns.Msg, func(*dns.Msg))
	for _, row := range []struct {
		name    string
		n       int
		servers map[string]serve
		want    []string // of two lookups
	}{
		{"answers", 2, map[string]serve{one: says("192.0.2.101", time.Second)}, []string{"NOERROR 192.0.2.101 after 1s", "NOERROR 192.0.2.101 after 1s"}},
		{"one is silent", 2, map[string]serve{two: says("192.0.2.102", 0)}, []string{"NOERROR 192.0.2.102 after 2s", "NOERROR 192.0.2.102 after 0s"}},
		{"two are silent", 3, map[string]serve{three: says("192.0.2.103", 0)}, []string{"NOERROR 192.0.2.103 after 4s", "NOERROR 192.0.2.103 after 0s"}},
		{"the only one is silent", 1, nil, []string{"SERVFAIL after 4s", "SERVFAIL after 4s"}},
		{"all are silent", 5, nil, []string{"SERVFAIL after 6s", "SERVFAIL after 6s"}},
		{"late", 2, map[string]serve{one: says("192.0.2.101", 2500*time.Millisecond), two: says("192.0.2.102", time.Second)},
			[]string{"NOERROR 192.0.2.102 after 3s", "NOERROR 192.0.2.102 after 1s"}},
		{"one fails", 2, map[string]serve{one: codes(dns.RcodeServerFailure), two: says("192.0.2.102", 0)},
			[]string{"NOERROR 192.0.2.102 after 0s", "NOERROR 192.0.2.102 after 0s"}},
		{"one refuses", 2, map[string]serve{one: codes(dns.RcodeRefused), two: says("192.0.2.102", 0)},
			[]string{"NOERROR 192.0.2.102 after 0s", "NOERROR 192.0.2.102 after 0s"}},
		{"all refuse", 2, map[string]serve{one: codes(dns.RcodeServerFailure), two: codes(dns.RcodeRefused)}, []string{"REFUSED after 0s", "REFUSED after 0s"}},
		{"there is no such name", 2, map[string]serve{one: codes(dns.RcodeNameError), two: says("192.0.2.102", 0)},
			[]string{"NXDOMAIN after 0s", "NXDOMAIN after 0s"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(b *bench) {
				b.servers = row.servers
				b.Forward(servers(row.n))
				for i, want := range row.want {
					if got := brief(b.ask(fmt.Sprintf("n%d.example.", i))); got != want {
						t.Errorf("lookup %d: %s, want %s", i, got, want)
					}
				}
			})
		})
	}
}

// An answer is kept for its time to live, and no longer than the network or what
// is asked lasts.
func TestKept(t *testing.T) {
	in(t, func(b *bench) {
		asked := 0
		b.servers["192.0.2.1:53"] = func(q *dns.Msg, send func(*dns.Msg)) { asked++; says("192.0.2.101", 0)(q, send) }
		b.servers["192.0.2.2:53"] = b.servers["192.0.2.1:53"]
		b.Forward(servers(1))
		for _, row := range []struct {
			name string
			do   func()
			ttl  uint32
			want int
		}{
			{"first", func() {}, 60, 1},
			{"at once", func() {}, 60, 1},
			{"later", func() { time.Sleep(59 * time.Second) }, 1, 1},
			{"when it is over", func() { time.Sleep(time.Second) }, 60, 2},
			{"the same servers", func() { b.Forward(servers(1)) }, 60, 2},
			{"other servers", func() { b.Forward(servers(2)) }, 60, 3},
			{"flushed", func() { b.Flush() }, 60, 4},
		} {
			row.do()
			m, _ := b.ask("a.example.")
			if len(m.Answer) != 1 || m.Answer[0].Header().Ttl != row.ttl || asked != row.want {
				t.Errorf("%s: asked %d times, want %d: %v", row.name, asked, row.want, m)
			}
		}
		b.Forward(nil)
		if m, _ := b.ask("a.example."); m.Rcode != dns.RcodeRefused {
			t.Errorf("without servers: %v", m)
		}
	})
}

// What is under way as the network changes is asked of the new servers.
func TestChanged(t *testing.T) {
	in(t, func(b *bench) {
		b.servers["192.0.2.9:53"] = says("192.0.2.109", 0)
		b.Forward(servers(3))
		go func() {
			time.Sleep(time.Second)
			b.Forward(to(netip.MustParseAddrPort("192.0.2.9:53")))
		}()
		if got := brief(b.ask("a.example.")); got != "NOERROR 192.0.2.109 after 1s" {
			t.Error(got)
		}
		b.Forward(servers(3))
		go func() {
			time.Sleep(time.Second)
			b.Forward(nil)
		}()
		if got := brief(b.ask("b.example.")); got != "REFUSED after 1s" {
			t.Error(got)
		}
	})
}

// Sockets that nobody uses are closed, and each that is used for long makes place.
func TestSockets(t *testing.T) {
	in(t, func(b *bench) {
		b.servers["192.0.2.1:53"] = says("192.0.2.101", 0)
		b.Forward(servers(1))
		count := func() int {
			b.forward.mu.Lock()
			defer b.forward.mu.Unlock()
			return len(b.forward.sockets)
		}
		for i := range 40_000 {
			b.ask(fmt.Sprintf("n%d.example.", i))
		}
		synctest.Wait()
		if n := count(); n != spread {
			t.Errorf("%d sockets in use, want %d", n, spread)
		}
		if n := len(b.dialled); n < 40_000/wear || n > 40_000/wear+2*spread {
			t.Errorf("%d sockets for 40000 lookups", n)
		}
		time.Sleep(idle + 2*patience)
		synctest.Wait()
		if n := count(); n != 0 {
			t.Errorf("%d sockets are left open", n)
		}
	})
}

// However many servers there are, sockets are bounded, and there are some for each.
func TestManyServers(t *testing.T) {
	in(t, func(b *bench) {
		const n = 3 * mostSocket / spread
		up := make([]Upstream, n)
		for i := range up {
			server := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 53)
			b.servers[server.String()] = says("192.0.2.101", 0)
			up[i] = Upstream{Servers: []netip.AddrPort{server}, Domains: []string{fmt.Sprintf("d%d.example", i)}}
		}
		b.Forward(up)
		most := 0
		for i := range 2 * spread * n {
			if got := brief(b.ask(fmt.Sprintf("n%d.d%d.example.", i, i/(2*spread)))); got != "NOERROR 192.0.2.101 after 0s" {
				t.Errorf("lookup %d: %s", i, got)
				return
			}
			synctest.Wait()
			b.forward.mu.Lock()
			most = max(most, len(b.forward.sockets))
			b.forward.mu.Unlock()
		}
		if most != mostSocket {
			t.Errorf("%d sockets", most)
		}
	})
}

// Where sockets cannot be bound to the adapter they are not, which is told once,
// and tried again.
func TestNotBound(t *testing.T) {
	up := servers(1)
	up[0].Device = "phys0"
	for _, row := range []struct {
		name string
		err  error
		set  func(*bench, func(string) error)
	}{
		{"only root may", errMayNotBind, func(b *bench, f func(string) error) { b.dial = f }},
		{"the adapter is gone", os.NewSyscallError("setsockopt", syscall.ENODEV), func(b *bench, f func(string) error) { b.dial = f }},
		{"traffic is kept in a tunnel", os.NewSyscallError("write", syscall.EPERM), func(b *bench, f func(string) error) { b.write = f }},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(b *bench) {
				b.servers["192.0.2.1:53"] = says("192.0.2.101", 0)
				failing := true
				row.set(b, func(device string) error {
					if failing && device != "" {
						return row.err
					}
					return nil
				})
				b.Forward(up)
				ask := func(after time.Duration) {
					t.Helper()
					time.Sleep(after)
					if got := brief(b.ask(fmt.Sprintf("n%d.example.", time.Now().UnixNano()))); got != "NOERROR 192.0.2.101 after 0s" {
						t.Error(got)
					}
				}
				ask(0)
				ask(time.Second)
				ask(looseFor)
				if len(b.bound) != 1 || b.bound[0] != fmt.Sprint("phys0 ", row.err) {
					t.Errorf("told %q", b.bound)
				}
				failing = false
				ask(time.Second)
				if len(b.bound) != 1 {
					t.Errorf("told %q", b.bound)
				}
				ask(looseFor)
				ask(time.Second)
				want := []string{fmt.Sprint("phys0 ", row.err), "phys0 <nil>"}
				if diff := cmp.Diff(want, b.bound); diff != "" {
					t.Error(diff)
				}
				if last := b.dialled[len(b.dialled)-1]; last != "192.0.2.1:53phys0" {
					t.Errorf("asked by %s", last)
				}
			})
		})
	}
}

// Sockets that could not be bound are not used on and on.
func TestBoundAgain(t *testing.T) {
	up := servers(1)
	up[0].Device = "phys0"
	in(t, func(b *bench) {
		b.servers["192.0.2.1:53"] = says("192.0.2.101", 0)
		b.dial = func(device string) error {
			if device != "" && len(b.bound) == 0 {
				return syscall.ENODEV
			}
			return nil
		}
		b.Forward(up)
		busy := func() { // so that none is idle
			for i := range 10 * spread {
				b.ask(fmt.Sprintf("n%d.%d.example.", i, time.Now().UnixNano()))
			}
		}
		for range looseFor / (idle / 2) {
			busy()
			time.Sleep(idle / 2)
		}
		loose := len(b.dialled) // one that chance left idle has been opened anew
		if len(b.bound) != 1 || loose < spread {
			t.Errorf("told %q, opened %d sockets", b.bound, loose)
		}
		busy()
		if len(b.bound) != 2 || len(b.dialled)-loose != spread {
			t.Errorf("told %q, opened %d sockets, and %d before", b.bound, len(b.dialled)-loose, loose)
		}
	})
}

// Any other error has the next server be asked at once.
func TestUnreachable(t *testing.T) {
	in(t, func(b *bench) {
		failed := 0
		b.write = func(string) error {
			if failed++; failed == 1 {
				return errors.New("network is unreachable")
			}
			return nil
		}
		b.servers["192.0.2.2:53"] = says("192.0.2.102", 0)
		b.Forward(servers(2))
		if got := brief(b.ask("a.example.")); got != "NOERROR 192.0.2.102 after 0s" {
			t.Error(got)
		}
	})
}

// More lookups than may be under way fail at once; the others are not lost.
func TestFlood(t *testing.T) {
	in(t, func(b *bench) {
		b.told = make(chan *dns.Msg, 3*mostFlights)
		b.Forward(servers(1))
		var d desk
		failed := 0
		for i := range 2 * mostFlights {
			out, later := b.handle(nil, pack(t, question(fmt.Sprintf("n%d.example.", i), dns.TypeA)), asker{udp: client{bench: b}}, &d)
			if !later {
				failed++
				if out[3]&maskRcode != byte(servFail) {
					t.Fatalf("answered %x", out)
				}
			}
		}
		if failed != mostFlights {
			t.Errorf("%d failed at once, want %d", failed, mostFlights)
		}
		if n := len(b.forward.sockets); n > mostSocket {
			t.Errorf("%d sockets", n)
		}
		time.Sleep(2*patience + time.Second)
		synctest.Wait()
		if n := len(b.told); n != mostFlights {
			t.Errorf("%d of %d were told", n, mostFlights)
		}
		if b.forward.flights != 0 || len(b.forward.merging) != 0 {
			t.Errorf("%d lookups are left", b.forward.flights)
		}
	})
}
