package resolver

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// pool is a Zone: hosts with addresses, and domains below which all exist.
type pool struct {
	mu      sync.Mutex
	hosts   map[string]netip.Addr // an invalid one: no address is left
	domains []string
	asked   []string
	network netip.Prefix
}

func (p *pool) Below(host string) bool {
	for h := range p.hosts {
		if host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	for _, d := range p.domains {
		if host == d || strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

func (p *pool) Answer(host string) (addrs [2]netip.Addr, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, host)
	a, known := p.hosts[host]
	if !known {
		for _, d := range p.domains {
			if strings.HasSuffix(host, "."+d) {
				a, known = netip.MustParseAddr("100.96.77.77"), true
			}
		}
	}
	if a.IsValid() {
		four := a.As4()
		sixteen := netip.MustParseAddr("fd54:6964:6567::").As16()
		copy(sixteen[12:], four[:])
		addrs = [2]netip.Addr{a, netip.AddrFrom16(sixteen)}
	}
	return addrs, known
}

func (p *pool) Exists(host string) bool {
	for h := range p.hosts {
		if h == host || strings.HasSuffix(h, "."+host) {
			return true
		}
	}
	for _, d := range p.domains {
		if strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

func (p *pool) Host(a netip.Addr) (string, bool) {
	for h, addr := range p.hosts {
		if addr == a {
			return h, true
		}
		if pair, _ := p.Answer(h); pair[1] == a {
			return h, true
		}
	}
	return "", false
}

func (p *pool) Reverse() []string {
	return []string{"96.100.in-addr.arpa", "7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa"}
}

func (p *pool) Prefixes() [2]netip.Prefix {
	p.mu.Lock()
	defer p.mu.Unlock()
	return [2]netip.Prefix{p.network, netip.MustParsePrefix("fd54:6964:6567::/48")}
}

func (p *pool) move(to netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.network = to
}

func somePool() *pool {
	return &pool{
		hosts: map[string]netip.Addr{
			"wiki.example.zta": netip.MustParseAddr("100.96.1.2"),
			"full.example.zta": {},
			"a.deep.name.zta":  netip.MustParseAddr("100.96.3.4"),
		},
		domains: []string{"corp.zta", "name.zta"},
		network: netip.MustParsePrefix("100.96.0.0/16"),
	}
}

// serve runs a resolver on loopback until the test ends.
func serve(t testing.TB, r *Resolver) (server string) {
	t.Helper()
	udp, tcp := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, udp, tcp) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return udp.LocalAddr().String()
}

// listen opens both sockets on one port.
func listen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp4", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close()
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

// upstream runs a server of the network on loopback until the test ends.
func upstream(t testing.TB, h dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	udp, tcp := listen(t)
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: h}, {Listener: tcp, Handler: h}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		done := make(chan error, 1)
		go func() { done <- s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() {
			s.Shutdown()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return netip.MustParseAddrPort(udp.LocalAddr().String())
}

// raw is a server that answers datagrams with whatever datagrams it likes.
func raw(t testing.TB, answer func(query []byte, send func([]byte))) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 65536); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			answer(append([]byte(nil), buf[:n]...), func(b []byte) { conn.WriteTo(b, from) })
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// to is an upstream of these servers, for all names.
func to(servers ...netip.AddrPort) []Upstream { return []Upstream{{Servers: servers}} }

// lookup asks, and fails the test if no answer comes.
func lookup(t testing.TB, network, server string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: network, Timeout: 30 * time.Second, UDPSize: 65535}
	in, _, err := c.Exchange(m, server)
	if err != nil {
		t.Fatalf("%s %s: %v", network, m.Question[0].String(), err)
	}
	return in
}

func question(name string, typ uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(name, typ)
}

// echo answers every lookup with one address and a time to live.
func echo(ttl uint32, asked func(*dns.Msg)) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if asked != nil {
			asked(q)
		}
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: net.IPv4(192, 0, 2, 7)}}
		if o := q.IsEdns0(); o != nil {
			m.SetEdns0(1400, o.Do())
		}
		w.WriteMsg(m)
	}
}
